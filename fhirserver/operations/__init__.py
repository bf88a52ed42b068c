"""One module for one `$operation` (https://hl7.org/fhir/R4/operations.html)."""
