"""A patient's record (DMP): its state and acts, as kept, as FHIR shows it."""
