"""The functions of FHIRPath and of FHIR, one module for one section of the specification."""

from fhirserver.fhirpath.functions import (
    boundaries,
    combining,
    conversion,
    existence,
    fhir,
    filtering,
    navigation,
    numbers,
    strings,
    subsetting,
)
from fhirserver.fhirpath.functions.registry import FUNCTIONS

__all__ = [
    "FUNCTIONS",
    "boundaries",
    "combining",
    "conversion",
    "existence",
    "fhir",
    "filtering",
    "navigation",
    "numbers",
    "strings",
    "subsetting",
]
