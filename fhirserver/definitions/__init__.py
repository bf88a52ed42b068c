"""FHIR packages: what is in force, found by canonical url."""

from fhirserver.definitions.building import load
from fhirserver.definitions.canonical import BASE, split_canonical
from fhirserver.definitions.development import cache_folder, development
from fhirserver.definitions.elements import Element, Elements, TypeChoice
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.overlay import laid_over
from fhirserver.definitions.packages import PackageError, PackageId, PackageSource
from fhirserver.definitions.pinned.inforce import in_force

__all__ = [
    "BASE",
    "Definitions",
    "Element",
    "Elements",
    "PackageError",
    "PackageId",
    "PackageSource",
    "TypeChoice",
    "cache_folder",
    "development",
    "in_force",
    "laid_over",
    "load",
    "split_canonical",
]
