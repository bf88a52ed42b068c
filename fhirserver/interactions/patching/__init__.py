"""Patches as pure functions: JSON Patch, merge patch, XML Patch and FHIRPath Patch change a resource, or say why not."""

from fhirserver.interactions.patching.patcher import OFFERED, Change, Patcher

__all__ = ["OFFERED", "Change", "Patcher"]
