"""A FHIR R4 server for French prescriptions (ordonnance numérique) and health documents (DMP)."""

__version__ = "0.1.0"
