"""Canonical urls in guides that nothing loaded answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirserver.definitions.cache import Entry
from fhirserver.definitions.canonical import BASE, split_canonical
from fhirserver.definitions.checks import Check, Finding, of_kind
from fhirserver.definitions.loaded import Definitions
from fhirserver.issues import Text

_DECIDED: Final = ("required", "extensible")
"""Strengths of binding under which a code may be found wrong."""


def missing_parents(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A profile whose base is not loaded."""
    for entry in of_kind(entries, "StructureDefinition"):
        base = definitions.definition(entry).get("baseDefinition")
        if base and split_canonical(base)[0] != f"{BASE}Base":
            yield from _unanswered(definitions, entry, "", "StructureDefinition", base)


def missing_profiles(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A type, reference or extension that must meet a profile that is not loaded."""
    for entry, element in _own_elements(definitions, entries):
        for type_ in element.get("type", ()):
            for url in (*type_.get("profile", ()), *type_.get("targetProfile", ())):
                yield from _unanswered(definitions, entry, element.get("id", ""), "StructureDefinition", url)


def missing_value_sets(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A required or extensible binding to a value set that nobody publishes here."""
    for entry, element in _own_elements(definitions, entries):
        binding = element.get("binding", {})
        if binding.get("strength") in _DECIDED and binding.get("valueSet"):
            yield from _unanswered(definitions, entry, element.get("id", ""), "ValueSet", binding["valueSet"])


def missing_imports(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A value set that is made of another one that is not loaded."""
    for entry in of_kind(entries, "ValueSet"):
        compose = definitions.definition(entry).get("compose") or {}
        for part in (*compose.get("include", ()), *compose.get("exclude", ())):
            for url in part.get("valueSet", ()):
                yield from _unanswered(definitions, entry, "", "ValueSet", url)


def ambiguous_canonicals(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Two packages that define one version of one url: the first in order wins, and the other is never seen."""
    for entry in entries:
        first = definitions.entry(entry.kind, f"{entry.url}|{entry.version}") if entry.version else None
        if first is None or first.package == entry.package or definitions.records[entry.package].restated:
            continue
        winner = definitions.packages[first.package]
        text = Text(
            f"{winner} définit la même version de cette url : c'est elle qui vaut.",
            f"{winner} defines the same version of this url: that one is in force.",
        )
        yield Finding(entry, "", text)


def _own_elements(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Yield what each structure itself says; what it inherits is found where it is said."""
    for entry in of_kind(entries, "StructureDefinition"):
        for element in (definitions.definition(entry).get("differential") or {}).get("element", ()):
            yield entry, element


def _unanswered(definitions: Definitions, entry: Entry, element: str, kind: str, canonical: str) -> Iterator[Finding]:
    if canonical.startswith("#") or definitions.entry(kind, canonical):
        return
    url, version = split_canonical(canonical)
    known = definitions.versions(kind, url)
    if version and known:
        text = Text(
            f"{kind} {url} : version {version} non chargée (chargée : {', '.join(known)}).",
            f"{kind} {url}: version {version} is not loaded (loaded: {', '.join(known)}).",
        )
    else:
        text = Text(f"{kind} {canonical} n'est pas chargé.", f"{kind} {canonical} is not loaded.")
    yield Finding(entry, element, text)


CHECKS: Final[dict[str, Check]] = {
    "missing-parent": missing_parents,
    "missing-profile": missing_profiles,
    "missing-value-set": missing_value_sets,
    "missing-import": missing_imports,
    "ambiguous-canonical": ambiguous_canonicals,
}
