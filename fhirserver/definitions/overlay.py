"""Some definitions laid over those in force: they win, and everything else stays as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.definitions.cache import Entry, Index, PackageRecord, Slices
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.snapshots import Generator, SnapshotError

_FACTS: Final = ("kind", "abstract", "derivation", "type")


class _Over:
    """The slices of the definitions in force, and beside them those in memory, at negative offsets."""

    def __init__(self, index: Index, below: Slices, own: Sequence[bytes]) -> None:
        self.index = index
        self._below = below
        self._own = own

    def slice_at(self, offset: int, length: int) -> bytes:
        """Return the JSON bytes of one definition."""
        return self._own[-1 - offset] if offset < 0 else self._below.slice_at(offset, length)


def laid_over(below: Definitions, extra: Sequence[dict[str, Any]]) -> Definitions:
    """Return the definitions in force with some more of them, which win; snapshots that are missing are made.

    A StructureDefinition of which no snapshot can be made stays known, though nothing can be judged by it.
    """
    generator = Generator(_over(below, extra))
    completed: list[dict[str, Any]] = []
    for one in extra:
        complete = one
        if one.get("resourceType") == "StructureDefinition" and "snapshot" not in one and "differential" in one:
            with contextlib.suppress(SnapshotError):
                complete = {**one, "snapshot": {"element": generator.of_structure(one).elements}}
        completed.append(complete)
    return _over(below, completed)


def _over(below: Definitions, extra: Sequence[dict[str, Any]]) -> Definitions:
    slices = below.slices
    package = len(slices.index.packages)
    own = [jsontext.write(one) for one in extra]
    entries = [
        Entry(
            str(one.get("resourceType")),
            str(one.get("url") or ""),
            str(one.get("version") or ""),
            str(one.get("id") or ""),
            package,
            -1 - position,
            len(own[position]),
            [one.get(name) for name in _FACTS] if one.get("resourceType") == "StructureDefinition" else [],
        )
        for position, one in enumerate(extra)
    ]
    record = PackageRecord("laid-over", "0", restated=False, depends={})
    index = Index([*slices.index.packages, record], [*entries, *slices.index.entries], [])
    return Definitions(f"{below.fingerprint}+", _Over(index, slices, own))
