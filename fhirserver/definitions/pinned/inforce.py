"""The definitions that the server works with: the pinned packages that are here, and the project's own profiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fhirserver.definitions.building import load
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageError, PackageSource
from fhirserver.definitions.pinned.fetching import Fetcher
from fhirserver.definitions.pinned.lock import Pin, pinned
from fhirserver.definitions.pinned.sync import archive, sync
from fhirserver.settings import Settings


def sources_in_force(cache: Path, pins: Sequence[Pin], project: Path) -> list[PackageSource]:
    """Return the packages that are in force, in order of precedence: pinned and present, then the project's own."""
    present = [PackageSource(archive(cache, pin)) for pin in pins if archive(cache, pin).is_file()]
    return [*present, PackageSource(project)]


def in_force(settings: Settings) -> Definitions:
    """Load the definitions that the server works with; a required package that is missing is fetched first.

    Raises:
        PackageError: a required package is found nowhere; the message says where it was looked for.
        LockError: a lock file cannot be understood.
    """
    cache = settings.cache.expanduser()
    pins = pinned(settings.profiles, settings.packages)
    missing = [pin for pin in pins if pin.required and not archive(cache, pin).is_file()]
    for outcome in sync(missing, cache, Fetcher(settings.packages, settings.registry)):
        if outcome.state == "missing":
            raise PackageError(f"{outcome.pin.id} is found nowhere: {'; '.join(outcome.reasons)}")
    return load(sources_in_force(cache, pins, settings.profiles), cache / "compiled")
