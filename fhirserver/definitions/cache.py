"""The compiled form of a set of packages: one file that a worker maps into memory and reads lazily.

Layout: the magic line, the length of the index (8 bytes, big-endian), the index as JSON, then every definition as one
slice of JSON bytes. The index is read at start; a slice is parsed when somebody asks for that definition.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec

MAGIC: Final = b"fhirserver definitions 3\n"
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
        restated: whether it restates definitions of others, which win over it (`"restates": true` in its manifest).
        depends: name and version of each package that the manifest asks for.
    """

    name: str
    version: str
    restated: bool
    depends: dict[str, str]


class Report(NamedTuple):
    """What could not be used, or only with an assumption.

    Attributes:
        package: name and version, such as `hl7.fhir.fr.core#2.1.0`.
        definition: canonical url, or the file in the package where there is none.
        element: id of the element concerned, or empty.
        reason: what is wrong.
        fatal: whether the definition is not in force because of it.
    """

    package: str
    definition: str
    element: str
    reason: str
    fatal: bool

    def __str__(self) -> str:
        place = f"{self.definition} {self.element}".rstrip()
        return f"{self.package}: {place}: {self.reason}"


class Index(msgspec.Struct):
    """What a worker reads at start."""

    packages: list[PackageRecord]
    entries: list[Entry]
    reports: list[Report]


class Slices(Protocol):
    """Where an index and its definitions are: in a compiled file, or in memory while it is made."""

    index: Index

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition, at the offset and length of its entry."""


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
        if self._base + max((entry.offset + entry.length for entry in self.index.entries), default=0) > len(self._map):
            raise ValueError(f"{path} is cut short")

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition, at the offset and length of its entry."""
        start = self._base + offset
        return self._map[start : start + length]


def layout(index: Index, slices: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the parts of a compiled file, in order."""
    encoded = msgspec.json.encode(index)
    yield MAGIC
    yield len(encoded).to_bytes(8, "big")
    yield encoded
    yield from slices
