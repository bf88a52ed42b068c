"""Definitions for tests and scripts: R4 core plus some packages, compiled once in a folder that all share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fhirserver import settings as server_settings
from fhirserver.definitions.building import load
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageError
from fhirserver.definitions.pinned.fetching import Fetcher
from fhirserver.definitions.pinned.lock import pinned
from fhirserver.definitions.pinned.sync import archive, sync

_CORE: Final = "hl7.fhir.r4.core"


def cache_folder() -> Path:
    """Return the folder of fetched and compiled packages that the settings name."""
    return server_settings.read().cache.expanduser()


def core_package(cache: Path | None = None) -> Path:
    """Return the R4 core package in the cache folder, fetching it first where it is missing.

    Raises:
        PackageError: it is found nowhere.
    """
    settings = server_settings.read()
    folder = cache or settings.cache.expanduser()
    (pin,) = (pin for pin in pinned(settings.profiles, ()) if pin.id.name == _CORE)
    path = archive(folder, pin)
    if not path.is_file():
        for outcome in sync([pin], folder, Fetcher(settings.packages, settings.registry)):
            if outcome.state == "missing":
                raise PackageError(f"{pin.id} is found nowhere: {'; '.join(outcome.reasons)}")
    return path


def development(*packages: Path | str, cache: Path | None = None) -> Definitions:
    """Load R4 core and then these packages (`.tgz` files or folders); safe for any number of processes at once."""
    folder = cache or cache_folder()
    return load([core_package(folder), *packages], folder / "compiled")
