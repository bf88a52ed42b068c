"""The terminology operations, one module each (https://hl7.org/fhir/R4/terminology-service.html)."""
