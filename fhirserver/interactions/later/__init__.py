"""Requests that are answered later (`Prefer: respond-async`, https://hl7.org/fhir/R4/async.html)."""
