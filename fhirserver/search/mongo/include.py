"""`_include` and `_revinclude`: what the matches of a page refer to, and what refers to them.

https://hl7.org/fhir/R4/search.html#include. `:iterate` goes on with what was included, a bounded number of times; the
number of included resources is bounded too, and an outcome entry says so when the bound was reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fhirserver.issues import Issue, Text
from fhirserver.search.asked.query import And, Ids, Include, Node, Query, Test
from fhirserver.search.declared.parameters import Parameter
from fhirserver.search.mongo import matching
from fhirserver.search.mongo.canonicals import OWN_NAME, Canonicals, canonical_names, names_of
from fhirserver.search.mongo.conditions import Compiled
from fhirserver.search.mongo.plan import plan
from fhirserver.search.mongo.run import STORED
from fhirserver.search.types.reference import Target, index_key
from fhirserver.search.values.keys import Bounds

if TYPE_CHECKING:
    from fhirserver.search.mongo.run import Context
    from fhirserver.search.mongo.searching import Searcher
    from fhirserver.store import Stored

MAX_INCLUDED: Final = 1_000
MAX_ROUNDS: Final = 5

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Included:
    """What was included.

    Attributes:
        resources: none twice.
        issues: a warning when a bound was reached.
    """

    resources: tuple[Stored, ...]
    issues: tuple[Issue, ...]


class Inclusion:
    """The inclusions of one page."""

    def __init__(self, searcher: Searcher, query: Query, context: Context) -> None:
        self._searcher = searcher
        self._query = query
        self._context = context
        self._canonicals = Canonicals()
        self._forward: dict[tuple[Include, str], list[Parameter]] = {}
        self._seen: set[str] = set()
        self._found: list[dict[str, Any]] = []
        self._cut = False

    def projection(self) -> dict[str, int]:
        """Return the fields of a match that forward inclusion needs."""
        includes = self._query.includes
        if any(include.code == "*" for include in includes):
            return {matching.VALUES.rstrip("."): 1}
        found = {parameter.field for include in includes for parameter in self._parameters(include, include.source)}
        if self._query.revincludes:
            found.update(OWN_NAME)
        return {matching.VALUES + field: 1 for field in sorted(found)}

    def run(self, matches: Sequence[Document]) -> Included:
        """Return what goes with the matches of a page."""
        self._seen = {_name(document) for document in matches}
        self._round(matches, self._query.includes, self._query.revincludes)
        repeated = tuple(include for include in self._query.includes if include.iterate)
        repeated_back = tuple(include for include in self._query.revincludes if include.iterate)
        begin = 0
        rounds = 1
        while (repeated or repeated_back) and begin < len(self._found) and not self._cut:
            if rounds == MAX_ROUNDS:
                self._cut = True
                break
            fresh, begin = self._found[begin:], len(self._found)
            self._round(fresh, repeated, repeated_back)
            rounds += 1
        stored = tuple(self._searcher.store.stored(document) for document in self._found)
        return Included(stored, (_bounded(),) if self._cut else ())

    def _round(self, documents: Sequence[Document], forward: Iterable[Include], backward: Iterable[Include]) -> None:
        wanted: dict[str, list[str]] = {}
        for include in forward:
            for document in documents:
                if include.source in ("*", document["t"]):
                    self._referred(document, include, wanted)
        for resource_type, ids in wanted.items():
            self._fetch(resource_type, Ids(tuple(ids)))
        for resource_type, node in self._canonicals.take(self._searcher.registry):
            self._fetch(resource_type, node)
        for include in backward:
            if include.source == "*":
                self._fetch_referrers(documents)
                continue
            meant = [document for document in documents if include.target in (None, document["t"])]
            for parameter in self._parameters(include, include.source):
                of_targets = [document for document in meant if document["t"] in parameter.targets]
                mine = tuple(name for each in of_targets for name in names_of(each, parameter))
                if mine:
                    self._fetch(include.source, Test(parameter, "", (Target(mine),)))

    def _parameters(self, include: Include, resource_type: str) -> list[Parameter]:
        by_code = self._searcher.registry.of(resource_type).by_code
        found = [by_code[include.code]] if include.code in by_code else list(by_code.values())
        return [parameter for parameter in found if parameter.kind == "reference"]

    def _referred(self, document: Document, include: Include, wanted: dict[str, list[str]]) -> None:
        values = document.get("s", {}).get("x", {})
        forward = self._forward.get((include, document["t"]))
        if forward is None:
            forward = self._forward[include, document["t"]] = self._parameters(include, document["t"])
        for parameter in forward:
            if parameter.canonical:
                self._canonicals.note(parameter, include.target, values.get(parameter.field, ()))
            for value in values.get(parameter.field, ()):
                kind, _, identity = value.partition("/")
                if kind in self._searcher.registry.types and include.target in (None, kind) and value not in self._seen:
                    self._seen.add(value)
                    wanted.setdefault(kind, []).append(identity)

    def _fetch(self, resource_type: str, node: Node) -> None:
        compiled = self._searcher.compile([resource_type], node, self._context)
        # what is named by its id was noted as seen when the reference was met
        self._take([resource_type], compiled, fresh=isinstance(node, Ids))

    def _fetch_referrers(self, documents: Sequence[Document]) -> None:
        """Take whatever refers to these, in any element: each reference has a key, or is among the compartments."""
        types = sorted(self._searcher.registry.types)
        visible = self._searcher.compile(types, And(()), self._context)
        names = tuple(name for each in documents for name in [_name(each), *canonical_names(each)])
        places = tuple(_name(document) for document in documents)
        for bounds in (Bounds("k", tuple(index_key(name) for name in names)), Bounds("a", places)):
            self._take(types, replace(visible, bounds=bounds), fresh=False)

    def _take(self, types: Sequence[str], compiled: Compiled, *, fresh: bool) -> None:
        room = MAX_INCLUDED - len(self._found) + (0 if fresh else len(self._seen))
        condition, hint = plan(types, compiled)
        projection = {**STORED, **self.projection()}
        for document in self._searcher.runner.find(condition, projection, self._context, hint=hint, limit=room + 1):
            if not fresh and _name(document) in self._seen:
                continue
            if len(self._found) >= MAX_INCLUDED:
                self._cut = True
                return
            self._seen.add(_name(document))
            self._found.append(document)


def _name(document: Document) -> str:
    return f"{document['t']}/{document['i']}"


def _bounded() -> Issue:
    return Issue(
        "warning",
        "too-costly",
        Text(
            f"Les inclusions s'arrêtent à {MAX_INCLUDED} ressources et {MAX_ROUNDS} tours de `:iterate` : "
            "il en manque ; réduisez `_count` ou précisez-les.",
            f"Inclusion stops at {MAX_INCLUDED} resources and {MAX_ROUNDS} rounds of `:iterate`: some are missing; "
            "reduce `_count` or make the inclusions narrower.",
        ),
        rule="search-include",
    )
