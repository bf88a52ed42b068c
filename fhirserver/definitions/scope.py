"""What a canonical url means inside one package: its own definitions first, then those of its dependencies.

Two releases of one guide may be loaded side by side; a profile that builds upon the older one must find that one.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.definitions.cache import Entry, PackageRecord
from fhirserver.definitions.canonical import BASE, split_canonical, version_key
from fhirserver.definitions.loaded import Definitions


def dependencies(packages: Sequence[PackageRecord], position: int) -> tuple[int, ...]:
    """Return the positions of a package and of all it depends upon, nearest first.

    A dependency in a version that is not loaded is met by the nearest later version, or else by the latest.
    """
    reached = [position]
    for current in reached:
        for name, version in packages[current].depends.items():
            found = _nearest(packages, name, str(version))
            if found is not None and found not in reached:
                reached.append(found)
    return tuple(reached)


def _nearest(packages: Sequence[PackageRecord], name: str, version: str) -> int | None:
    candidates = [position for position, package in enumerate(packages) if package.name == name]
    if not candidates:
        return None
    candidates.sort(key=lambda position: version_key(packages[position].version))
    wanted = version_key(version.removesuffix(".x"))
    later = [position for position in candidates if version_key(packages[position].version) >= wanted]
    return later[0] if later else candidates[-1]


class Scope:
    """The definitions as one package sees them; as the whole set does, where no package is given."""

    def __init__(self, definitions: Definitions, package: int | None) -> None:
        self._definitions = definitions
        self._order = () if package is None else dependencies(definitions.records, package)

    def entry(self, kind: str, canonical: str) -> Entry | None:
        """Return the index entry that a canonical means here, or overall where no package in view has it."""
        url, version = split_canonical(canonical)
        if not version:
            entries = self._definitions.candidates(kind, url)
            if len(entries) > 1:
                for position in self._order:
                    for entry in entries:
                        if entry.package == position:
                            return entry
        return self._definitions.entry(kind, canonical)

    def structure_entry(self, canonical_or_type: str) -> tuple[Entry, bool] | None:
        """Return the entry of a StructureDefinition, and whether it has the version that was asked for.

        An unknown version of a known url is answered by the version that the url alone means here.
        """
        canonical = canonical_or_type if ":" in canonical_or_type else BASE + canonical_or_type
        entry = self.entry("StructureDefinition", canonical)
        if entry is not None:
            return entry, True
        entry = self.entry("StructureDefinition", split_canonical(canonical)[0])
        return (entry, False) if entry is not None else None
