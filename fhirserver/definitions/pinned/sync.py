"""Bringing the pinned packages into the cache folder, verified."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from fhirserver.definitions.packages import PackageError, PackageId, PackageSource
from fhirserver.definitions.pinned.fetching import Fetcher, NotFetched
from fhirserver.definitions.pinned.lock import Pin


class Outcome(NamedTuple):
    """What became of one pinned package.

    Attributes:
        pin: the package.
        state: `present` (it was there already), `fetched`, or `missing`.
        place: where it was found; empty if missing.
        reasons: why sources did not give it.
    """

    pin: Pin
    state: Literal["present", "fetched", "missing"]
    place: str
    reasons: tuple[str, ...]


class Unmet(NamedTuple):
    """A dependency that is not in force: what it defines is unknown here."""

    package: PackageId
    needs: PackageId


def store(cache: Path) -> Path:
    """Return the folder of archives inside the cache folder."""
    return cache / "packages"


def archive(cache: Path, pin: Pin) -> Path:
    """Return where the archive of a pinned package is kept."""
    return store(cache) / pin.file_name


def sync(
    pins: Sequence[Pin], cache: Path, fetcher: Fetcher, progress: Callable[[Pin], None] = lambda _: None
) -> Iterator[Outcome]:
    """Bring each pinned package, and yield what became of it; one that is found nowhere does not stop the rest.

    Args:
        pins: the packages.
        cache: the cache folder; archives are written under another name first, so that none is ever seen half.
        fetcher: where to look.
        progress: told of each package before it is looked for.
    """
    for pin in pins:
        progress(pin)
        yield _sync(pin, cache, fetcher)


def _sync(pin: Pin, cache: Path, fetcher: Fetcher) -> Outcome:
    path = archive(cache, pin)
    reasons: list[str] = []
    if path.is_file():
        if hashlib.sha256(path.read_bytes()).hexdigest() in pin.checksums:
            return Outcome(pin, "present", str(path), ())
        reasons.append(f"{path}: another checksum than pinned; it is fetched anew")
    for source in pin.sources:
        try:
            data, place = fetcher.fetch(pin, source)
        except NotFetched as reason:
            reasons.append(str(reason))
            continue
        _keep(path, data)
        return Outcome(pin, "fetched", place, tuple(reasons))
    path.unlink(missing_ok=True)  # what cannot be verified is not used
    return Outcome(pin, "missing", "", tuple(reasons))


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix="fetching-")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o644)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def unmet(sources: Sequence[PackageSource]) -> list[Unmet]:
    """Return the dependencies that packages declare and that are not among them, in any version."""
    manifests = [_manifest(source) for source in sources]
    names = {manifest.get("name") for manifest in manifests}
    return [
        Unmet(PackageId(manifest["name"], manifest["version"]), PackageId(name, str(version)))
        for manifest in manifests
        for name, version in (manifest.get("dependencies") or {}).items()
        if name not in names
    ]


def _manifest(source: PackageSource) -> dict[str, Any]:
    for name, data in source.files():
        if name == "package.json":
            manifest: dict[str, Any] = orjson.loads(data)
            return manifest
    raise PackageError(f"{source}: no package.json")
