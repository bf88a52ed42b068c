"""One module for one FHIR interaction (https://hl7.org/fhir/R4/http.html), without HTTP in them."""
