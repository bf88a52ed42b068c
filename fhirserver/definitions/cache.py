"""The compiled form of a set of packages: one file that a worker maps into memory and reads lazily.

Layout: the magic line, the length of the index (8 bytes, big-endian), the index as JSON, then every definition as one
slice of JSON bytes. The index is read at start; a slice is parsed when somebody asks for that definition.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from fhirserver.definitions.packages import PackageId, PackageSource, read_package

MAGIC: Final = b"fhirserver definitions 2\n"
"""Changes whenever the layout or the meaning of the compiled form changes: older files are then built anew."""


class Entry(NamedTuple):
    """One definition in the index.

    Attributes:
        kind: resource type, such as `ValueSet`.
        url: canonical url; empty for the few kinds that have none (NamingSystem).
        version: business version, or empty.
        id: the resource's id.
        package: position in the list of packages.
        offset: of the slice, from the end of the index.
        length: of the slice, in bytes.
        facts: for a StructureDefinition `[kind, abstract, derivation, type]`, otherwise empty.
    """

    kind: str
    url: str
    version: str
    id: str
    package: int
    offset: int
    length: int
    facts: list[Any]


class PackageRecord(NamedTuple):
    """One package in the index.

    Attributes:
        name: such as `hl7.fhir.r4.core`.
        version: such as `4.0.1`.
        restated: whether the definitions of other packages win over this one's.
        depends: name and version of each package that the manifest asks for.
    """

    name: str
    version: str
    restated: bool
    depends: dict[str, str]


class Index(msgspec.Struct):
    """What a worker reads at start."""

    packages: list[PackageRecord]
    entries: list[Entry]
    reports: list[str]


class Compiled:
    """A compiled file, opened for reading; safe to share between threads and across fork."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start = len(MAGIC) + 8
        if self._map[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is not a compiled set of definitions of this version")
        length = int.from_bytes(self._map[len(MAGIC) : start], "big")
        self.index = msgspec.json.decode(self._map[start : start + length], type=Index)
        self._base = start + length

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition, at the offset and length of its entry."""
        start = self._base + offset
        return self._map[start : start + length]


def fingerprint(sources: Iterable[PackageSource]) -> str:
    """Return the key (hex) of a list of packages: their content, their order, and the compiled form's own version."""
    digest = hashlib.sha256(MAGIC)
    for source in sources:
        digest.update(source.fingerprint().encode())
    return digest.hexdigest()[:32]


def open_or_build(sources: Sequence[PackageSource], folder: Path) -> tuple[str, Compiled]:
    """Open the compiled form of these packages, building it first where it is missing.

    Several processes may do so at once: each builds into a file of its own, and the rename is atomic.

    Raises:
        PackageError: a package cannot be read.
    """
    key = fingerprint(sources)
    path = folder / f"definitions-{key}.bin"
    if path.is_file():
        try:
            return key, Compiled(path)
        except (ValueError, msgspec.DecodeError):
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix="building-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in _build(sources):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return key, Compiled(path)


def _build(sources: Sequence[PackageSource]) -> list[bytes]:
    packages: list[PackageRecord] = []
    entries: list[Entry] = []
    reports: list[str] = []
    slices: list[bytes] = []
    offset = 0
    for position, source in enumerate(sources):
        package = read_package(source)
        depends = package.manifest.get("dependencies")
        packages.append(PackageRecord(*package.id, source.restated, depends if isinstance(depends, dict) else {}))
        for name, data in package.definitions:
            try:
                definition = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                reports.append(f"{package.id} {name}: {error}")
                continue
            if not isinstance(definition, dict) or not isinstance(definition.get("resourceType"), str):
                continue
            entries.append(_entry(definition, position, offset, len(data)))
            slices.append(data)
            offset += len(data)
    index = msgspec.json.encode(Index(packages, entries, reports))
    return [MAGIC, len(index).to_bytes(8, "big"), index, *slices]


def _entry(definition: dict[str, Any], package: int, offset: int, length: int) -> Entry:
    facts = (
        [definition.get("kind"), definition.get("abstract"), definition.get("derivation"), definition.get("type")]
        if definition["resourceType"] == "StructureDefinition"
        else []
    )
    return Entry(
        definition["resourceType"],
        definition.get("url") or "",
        definition.get("version") or "",
        definition.get("id") or "",
        package,
        offset,
        length,
        facts,
    )


def package_ids(index: Index) -> tuple[PackageId, ...]:
    """Return the packages of an index, in order."""
    return tuple(PackageId(record.name, record.version) for record in index.packages)
