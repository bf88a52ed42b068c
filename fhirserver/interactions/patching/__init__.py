"""Patches: JSON Patch, merge patch, XML Patch and FHIRPath Patch, as pure functions on a resource."""
