"""The operators of FHIRPath, compiled."""
