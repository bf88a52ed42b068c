"""FHIR packages: what is in force, found by canonical url."""

from fhirserver.definitions.development import cache_folder, development
from fhirserver.definitions.loaded import BASE, Definitions, load, split_canonical
from fhirserver.definitions.packages import PackageError, PackageId, PackageSource

__all__ = [
    "BASE",
    "Definitions",
    "PackageError",
    "PackageId",
    "PackageSource",
    "cache_folder",
    "development",
    "load",
    "split_canonical",
]
