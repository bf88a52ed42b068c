"""Patches as pure functions: JSON Patch, merge patch, XML Patch, FHIRPath Patch."""

from fhirserver.interactions.patching.patcher import OFFERED, Change, Patcher

__all__ = ["OFFERED", "Change", "Patcher"]
