"""Definitions for tests and scripts: R4 core plus some packages, compiled once in a folder that all share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from fhirserver.definitions.building import load
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageError
from fhirserver.definitions.pinned.fetching import Fetcher
from fhirserver.definitions.pinned.lock import pinned
from fhirserver.definitions.pinned.sync import archive, sync
from fhirserver.settings import Settings

_CORE: Final = "hl7.fhir.r4.core"


def cache_folder() -> Path:
    """Return the folder of fetched and compiled packages: `FHIRSERVER_CACHE`, or `~/.cache/fhirserver`."""
    return Path(os.environ.get("FHIRSERVER_CACHE") or "~/.cache/fhirserver").expanduser()


def core_package(cache: Path | None = None) -> Path:
    """Return the R4 core package in the cache folder, fetching it first where it is missing.

    Raises:
        PackageError: it is found nowhere.
    """
    folder = cache or cache_folder()
    (pin,) = (pin for pin in pinned(Settings().profiles, ()) if pin.id.name == _CORE)
    path = archive(folder, pin)
    if not path.is_file():
        for outcome in sync([pin], folder, Fetcher((), "")):
            if outcome.state == "missing":
                raise PackageError(f"{pin.id} is found nowhere: {'; '.join(outcome.reasons)}")
    return path


def development(*packages: Path | str, cache: Path | None = None) -> Definitions:
    """Load R4 core and then these packages (`.tgz` files or folders); safe for any number of processes at once."""
    folder = cache or cache_folder()
    return load([core_package(folder), *packages], folder / "compiled")
