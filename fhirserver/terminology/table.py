"""A code system's concepts in compact form: arrays over bytes, mapped from a file or held in memory.

Layout, in the byte order of the machine (little-endian), every section aligned to 8 bytes: the magic line, the length
of the header (u64), the header (JSON), then the sections that the header names:

| section   | holds |
|---|---|
| codes_at  | u32 × (n+1): where each code begins in `codes`, in order of declaration |
| records_at| u32 × (n+1): where each record begins in `records` |
| slots     | u32 × 2^k: a hash table of positions + 1 (0: free), probed in sequence from the CRC-32 of the code |
| flags     | u8 × n: INACTIVE, ABSTRACT |
| up        | u32 × 2m: pairs (child, parent), sorted |
| down      | u32 × 2m: pairs (parent, child), sorted |
| codes     | UTF-8 |
| records   | the concept as FHIR JSON, without `code` and `concept` |

Where the system ignores case, the code is folded before it is hashed. A look-up costs one or two probes. Workers that
map the same file share its pages.
"""

from __future__ import annotations

import mmap
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgspec
import orjson

from fhirserver import jsontext
from fhirserver.jsontext import Number

MAGIC: Final = b"fhirserver codes 1\n"
INACTIVE: Final = 1
ABSTRACT: Final = 2
EDGE_ONLY: Final = -1
"""Flags of a row that states parents of a concept whose own row comes elsewhere."""

_SECTIONS: Final = ("codes_at", "records_at", "slots", "flags", "up", "down", "codes", "records")
_decoder: Final = msgspec.json.Decoder(float_hook=Number)


class Row(NamedTuple):
    """One concept on its way into a table.

    Attributes:
        code: the code.
        record: FHIR `CodeSystem.concept` without `code` and `concept`.
        parents: codes of its parents.
        flags: INACTIVE and ABSTRACT, or EDGE_ONLY.
    """

    code: str
    record: dict[str, Any]
    parents: tuple[str, ...] = ()
    flags: int = 0


class CodeTable:
    """The concepts of one code system; immutable, safe to share between threads."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        """Take a table as `pack` wrote it.

        Raises:
            ValueError: not a table of this version, or cut short.
        """
        start = len(MAGIC) + 8
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError("not a code table of this version")
        length = int.from_bytes(data[len(MAGIC) : start], "little")
        header = orjson.loads(data[start : start + length])
        view = memoryview(data)
        sections: dict[str, tuple[int, int]] = header["sections"]
        if max(at + size for at, size in sections.values()) > len(data):
            raise ValueError("the code table is cut short")

        def numbers(name: str) -> memoryview:
            at, size = sections[name]
            return view[at : at + size].cast("I")

        self.meta: dict[str, Any] = header["meta"]
        self.folds: bool = header["folds"]
        self._codes_at, self._records_at = numbers("codes_at"), numbers("records_at")
        self._slots, self._up, self._down = numbers("slots"), numbers("up"), numbers("down")
        self._flags, self._codes, self._records = (
            view[at : at + size] for at, size in (sections["flags"], sections["codes"], sections["records"])
        )
        self._size = len(data)

    @classmethod
    def open(cls, path: Path) -> CodeTable:
        """Map a table from its file; ValueError where it is none."""
        with path.open("rb") as file:
            try:
                return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path}: {error}") from None

    def __len__(self) -> int:
        return len(self._codes_at) - 1

    @property
    def size(self) -> int:
        """Bytes of the whole table."""
        return self._size

    def code(self, position: int) -> str:
        """Return the code at a position (order of declaration)."""
        return str(self._codes[self._codes_at[position] : self._codes_at[position + 1]], "utf-8")

    def record(self, position: int) -> dict[str, Any]:
        """Return the concept at a position: FHIR JSON without `code` and `concept`."""
        record: dict[str, Any] = _decoder.decode(
            self._records[self._records_at[position] : self._records_at[position + 1]]
        )
        return record

    def text(self, position: int) -> str:
        """Return a code and its record as one text, for a first look whether a word occurs in it."""
        record = self._records[self._records_at[position] : self._records_at[position + 1]]
        return f"{self.code(position)} {str(record, 'utf-8')}"

    def flags(self, position: int) -> int:
        """Return INACTIVE and ABSTRACT of the concept at a position."""
        return self._flags[position]

    def find(self, code: str) -> int | None:
        """Return the position of a code, or None; the exact spelling wins where the system ignores case."""
        wanted = code.casefold() if self.folds else code
        mask = len(self._slots) - 1
        slot = crc32(wanted.encode("utf-8", "replace")) & mask
        found: int | None = None
        while held := self._slots[slot]:
            position: int = held - 1
            spelled = self.code(position)
            if spelled == code:
                return position
            if self.folds and found is None and spelled.casefold() == wanted:
                found = position
            slot = (slot + 1) & mask
        return found

    def parents(self, position: int) -> list[int]:
        """Return the positions of a concept's parents."""
        return _partners(self._up, position)

    def children(self, position: int) -> list[int]:
        """Return the positions of a concept's children."""
        return _partners(self._down, position)

    def ancestors(self, position: int) -> set[int]:
        """Return the positions of all that a concept descends from, without itself (unless the hierarchy loops)."""
        return self._closure(position, self._up)

    def descendants(self, position: int) -> set[int]:
        """Return the positions of all that descends from a concept, without itself (unless the hierarchy loops)."""
        return self._closure(position, self._down)

    def roots(self) -> Iterator[int]:
        """Yield the positions of concepts without a parent."""
        return (position for position in range(len(self)) if not self.parents(position))

    @staticmethod
    def _closure(position: int, edges: memoryview) -> set[int]:
        reached: set[int] = set()
        waiting = [position]
        while waiting:
            for partner in _partners(edges, waiting.pop()):
                if partner not in reached:
                    reached.add(partner)
                    waiting.append(partner)
        return reached


def _partners(edges: memoryview, position: int) -> list[int]:
    at = bisect_left(range(len(edges) // 2), position, key=lambda pair: edges[2 * pair])
    partners = []
    while 2 * at < len(edges) and edges[2 * at] == position:
        partners.append(edges[2 * at + 1])
        at += 1
    return partners


def pack(meta: dict[str, Any], rows: Iterable[Row], *, folds: bool) -> bytes:
    """Write a table.

    Args:
        meta: the CodeSystem without its concepts.
        rows: the concepts, in order of declaration; a code that comes twice keeps its first row.
        folds: whether codes are compared without case.
    """
    positions: dict[str, int] = {}
    codes, records, flags = bytearray(), bytearray(), bytearray()
    codes_at, records_at = array("I", [0]), array("I", [0])
    parents: list[tuple[str, tuple[str, ...]]] = []
    for row in rows:
        if row.parents:
            parents.append((row.code, row.parents))
        if row.code in positions or row.flags == EDGE_ONLY:
            continue
        positions[row.code] = len(positions)
        codes += row.code.encode()
        codes_at.append(len(codes))
        records += jsontext.write(row.record)
        records_at.append(len(records))
        flags.append(row.flags)
    edges = sorted(
        {
            (positions[child], positions[parent])
            for child, above in parents
            for parent in above
            if child in positions and parent in positions
        }
    )
    return _assemble(
        meta,
        folds,
        {
            "codes_at": _bytes(codes_at),
            "records_at": _bytes(records_at),
            "slots": _bytes(_hashed(positions, folds=folds)),
            "flags": bytes(flags),
            "up": _bytes(array("I", [number for pair in edges for number in pair])),
            "down": _bytes(array("I", [number for child, parent in _by_parent(edges) for number in (parent, child)])),
            "codes": bytes(codes),
            "records": bytes(records),
        },
    )


def _hashed(positions: dict[str, int], *, folds: bool) -> array[int]:
    size = 1 << (2 * len(positions) + 1).bit_length()
    slots = array("I", bytes(4 * size))
    for code, position in positions.items():
        slot = crc32((code.casefold() if folds else code).encode()) & (size - 1)
        while slots[slot]:
            slot = (slot + 1) & (size - 1)
        slots[slot] = position + 1
    return slots


def _by_parent(edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return sorted(edges, key=lambda edge: (edge[1], edge[0]))


def _bytes(numbers: array[int]) -> bytes:
    assert numbers.itemsize == 4  # noqa: PLR2004 - u32 on every platform that Python supports
    return numbers.tobytes()


def _assemble(meta: dict[str, Any], folds: bool, sections: dict[str, bytes]) -> bytes:  # noqa: FBT001 - private
    where: dict[str, tuple[int, int]] = dict.fromkeys(_SECTIONS, (0, 0))
    # offsets depend on the header's length, which depends on the offsets: room for ten digits each settles it
    blank = jsontext.write({"meta": meta, "folds": folds, "sections": dict.fromkeys(_SECTIONS, (10**10, 10**10))})
    at = base = _aligned(len(MAGIC) + 8 + len(blank))
    for name in _SECTIONS:
        where[name] = (at, len(sections[name]))
        at = _aligned(at + len(sections[name]))
    header = jsontext.write({"meta": meta, "folds": folds, "sections": where}).ljust(base - len(MAGIC) - 8)
    parts = [MAGIC, len(header).to_bytes(8, "little"), header]
    parts += [sections[name].ljust(_aligned(len(sections[name])), b"\0") for name in _SECTIONS]
    return b"".join(parts)


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8
