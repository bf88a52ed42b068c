"""A profile's snapshot becomes closures."""
