"""The definitions in force: found by kind and canonical url, read lazily from the compiled file.

Canonical urls follow https://hl7.org/fhir/R4/references.html#canonical: `url`, or `url|version`, where a version may
be partial (`4.0` means the latest `4.0.x`). Without a version, the latest one wins; between packages that define the
same version, the first in order; and a package that restates definitions of others always comes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from fhirserver.definitions.cache import Entry, PackageRecord, Report, Slices
from fhirserver.definitions.canonical import BASE, split_canonical, version_key
from fhirserver.definitions.packages import PackageId
from fhirserver.jsontext import Number

_decoder: Final = msgspec.json.Decoder(float_hook=Number)


class Definitions:
    """All definitions of the packages in force; immutable, safe to share between threads.

    Attributes:
        packages: name and version of each package, in order.
        fingerprint: changes whenever the content of the packages changes: the key for derived caches.
        resource_types: the concrete resource types of R4.
        records: the same packages with what they depend upon.
        reports: what could not be used, or only with an assumption, found while compiling.
        slices: the index and the bytes behind it, for `overlay.laid_over`.

    What `find`, `structure` and `all` return is shared: read it, never change it.
    """

    def __init__(self, fingerprint: str, compiled: Slices) -> None:
        self.fingerprint = fingerprint
        self.slices = compiled
        index = compiled.index
        self.records: tuple[PackageRecord, ...] = tuple(index.packages)
        self.packages: tuple[PackageId, ...] = tuple(PackageId(one.name, one.version) for one in index.packages)
        self.reports: tuple[Report, ...] = tuple(index.reports)
        restated = [record.restated for record in index.packages]
        by_kind: dict[str, dict[str, list[Entry]]] = {}
        for entry in index.entries:
            by_kind.setdefault(entry.kind, {}).setdefault(entry.url, []).append(entry)
        for urls in by_kind.values():
            for url, entries in urls.items():
                if url and len(entries) > 1:
                    entries.sort(key=lambda entry: version_key(entry.version), reverse=True)
                    entries.sort(key=lambda entry: restated[entry.package])
        self._by_kind = by_kind
        self.resource_types: frozenset[str] = frozenset(
            entry.url.removeprefix(BASE)
            for entry in index.entries
            if entry.facts[:3] == ["resource", False, "specialization"] and entry.url.startswith(BASE)
        )
        self._read = lru_cache(maxsize=256)(self._parse)

    def _parse(self, entry_offset: int, entry_length: int) -> dict[str, Any]:
        definition: dict[str, Any] = _decoder.decode(self.slices.slice_at(entry_offset, entry_length))
        return definition

    def definition(self, entry: Entry) -> dict[str, Any]:
        """Return the definition of an index entry."""
        return self._read(entry.offset, entry.length)

    def candidates(self, kind: str, url: str) -> Sequence[Entry]:
        """Return every index entry of a url, the one that wins first."""
        return self._by_kind.get(kind, {}).get(url, ()) if url else ()

    def entry(self, kind: str, canonical: str) -> Entry | None:
        """Return the index entry that a canonical means, without reading the definition."""
        url, version = split_canonical(canonical)
        entries = self.candidates(kind, url)
        if not entries:
            return None
        if not version:
            return entries[0]
        for entry in entries:
            if entry.version == version:
                return entry
        return next((entry for entry in entries if entry.version.startswith(version + ".")), None)

    def find(self, kind: str, canonical: str) -> dict[str, Any] | None:
        """Return the definition of that kind with this canonical url (`url` or `url|version`), or None."""
        entry = self.entry(kind, canonical)
        return self.definition(entry) if entry else None

    def nearest(self, kind: str, canonical: str) -> tuple[dict[str, Any], bool] | None:
        """Return what `find` finds and True; for an unknown version of a known url what the url alone means, and False.

        Whoever goes on with another version than the one asked for should say so.
        """
        entry = self.entry(kind, canonical)
        if entry is not None:
            return self.definition(entry), True
        entry = self.entry(kind, split_canonical(canonical)[0])
        return (self.definition(entry), False) if entry is not None else None

    def structure(self, canonical_or_type: str) -> dict[str, Any] | None:
        """Return a StructureDefinition with its snapshot, by canonical url or by the name of a FHIR type.

        None where it is not loaded, or where no snapshot could be made of it (see `reports`).
        """
        if ":" not in canonical_or_type:
            canonical_or_type = BASE + canonical_or_type
        structure = self.find("StructureDefinition", canonical_or_type)
        return structure if structure and "snapshot" in structure else None

    def versions(self, kind: str, url: str) -> tuple[str, ...]:
        """Return every version known of a url, the one that wins first; empty where the url is unknown."""
        return tuple(entry.version for entry in self.candidates(kind, url))

    def all(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield every definition of a kind, in package order; each is read when it is its turn."""
        for entry in self.slices.index.entries:
            if entry.kind == kind:
                yield self._parse(entry.offset, entry.length)

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """Yield the index entries (kind, url, version, id, package) of a kind, or all, in package order."""
        for entry in self.slices.index.entries:
            if kind is None or entry.kind == kind:
                yield entry

    def source(self, canonical: str) -> PackageId | None:
        """Return the package that a definition comes from, whatever its kind."""
        for kind in self._by_kind:
            entry = self.entry(kind, canonical)
            if entry:
                return self.packages[entry.package]
        return None
