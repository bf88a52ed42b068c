"""The SearchParameters that are declared, and which of them wins where two have one code on a type.

They come from R4 core, the packages in force and the operator. With the same expression two are one; otherwise the one
whose package comes first in `precedence` wins, then the one of the later package, and `conflicts` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.definitions import Definitions
from fhirserver.search.declared import own
from fhirserver.search.declared.expressions import UnsupportedExpressionError, paths
from fhirserver.search.declared.parameters import KINDS

_RESERVED: Final = frozenset(
    {"_id", "_lastUpdated", "_text", "_content", "_filter", "_query", "_list", "_has", "_type"}
)
"""Parameters that the server answers without index values of their own."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two SearchParameters of one code on one type whose expressions differ.

    Attributes:
        used: canonical url of the one in force.
        ignored: canonical url of the other.
    """

    resource_type: str
    code: str
    used: str
    ignored: str


class Declarations:
    """All declared parameters, immutable.

    Attributes:
        of: by base (a type, `Resource` or `DomainResource`) and code.
        by_url: by canonical url.
        conflicts: parameters that others displaced.
    """

    def __init__(self, definitions: Definitions, precedence: Sequence[str], extra: Iterable[Mapping[str, Any]]) -> None:
        self.of: dict[str, dict[str, dict[str, Any]]] = {}
        self.by_url: dict[str, dict[str, Any]] = {}
        self.conflicts: list[Conflict] = []
        self._collect([*_packaged(definitions, precedence), *own.PARAMETERS, *extra])

    def _collect(self, definitions: Iterable[Mapping[str, Any]]) -> None:
        for definition in definitions:
            if not _usable(definition):
                continue
            self.by_url[definition["url"]] = dict(definition)
            for base in definition["base"]:
                code = definition["code"]
                known = self.of.setdefault(base, {}).get(code)
                if known is None or known["url"] == definition["url"]:
                    self.of[base][code] = dict(definition)
                elif _same(known, definition, base):
                    targets = {*known.get("target", ()), *definition.get("target", ())}
                    self.of[base][code] = {**known, **({"target": sorted(targets)} if targets else {})}
                else:
                    self.conflicts.append(Conflict(base, code, definition["url"], known["url"]))
                    self.of[base][code] = dict(definition)


def _packaged(definitions: Definitions, precedence: Sequence[str]) -> list[dict[str, Any]]:
    """Return the packages' SearchParameters, those that win last."""
    order = {name: position for position, name in enumerate(reversed(precedence), 1)}
    found = []
    for position, entry in enumerate(definitions.entries("SearchParameter")):
        name = definitions.packages[entry.package].name
        found.append((order.get(name, 0), position, entry.url))
    found.sort()
    seen: set[str] = set()
    result = []
    for _, _, url in found:
        definition = definitions.find("SearchParameter", url)
        if definition is not None and url not in seen:
            seen.add(url)
            result.append(definition)
    return result


def _usable(definition: Mapping[str, Any]) -> bool:
    return bool(
        definition.get("base")
        and definition.get("code") not in _RESERVED
        and definition.get("code")
        and definition.get("type") in KINDS
        and definition.get("status") != "retired"
        and (definition.get("expression") or definition.get("code") == "near")
    )


def _same(one: Mapping[str, Any], other: Mapping[str, Any], base: str) -> bool:
    """Tell whether two definitions mean the same on a type, whatever they say of others."""
    if one["type"] != other["type"]:
        return False
    first, second = one.get("expression", ""), other.get("expression", "")
    try:
        roots = ("", base)
        return {path.steps for path in paths(first) if path.root in roots} == {
            path.steps for path in paths(second) if path.root in roots
        }
    except UnsupportedExpressionError:
        return bool(first == second)
