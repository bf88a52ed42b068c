"""Chains: the inner search comes first, and what it selects becomes a condition of the outer one.

Each link costs one index look-up. A link that selects more than `MAX_SELECTED` resources is refused: the criterion
belongs on the outer resource then, or must be made narrower.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fhirserver import jsontext
from fhirserver.errors import BadRequest
from fhirserver.issues import Text
from fhirserver.search.asked.query import Has, Ids, Node, Or, Test, Words
from fhirserver.search.mongo.canonicals import OWN_NAME, canonical_names
from fhirserver.search.mongo.matching import VALUES
from fhirserver.search.mongo.plan import plan
from fhirserver.search.types.values import Condition
from fhirserver.search.values.words import of_content, of_narrative

if TYPE_CHECKING:
    from fhirserver.search.mongo.conditions import Compiled
    from fhirserver.search.mongo.run import Context
    from fhirserver.search.mongo.searching import Searcher

MAX_SELECTED: Final = 10_000
Found = TypeVar("Found")


class ChainResolver:
    """Runs inner searches, as the caller may see them."""

    def __init__(self, searcher: Searcher, context: Context) -> None:
        self._searcher = searcher
        self._context = context

    def references(self, resource_type: str, inner: Node, depth: int) -> list[str]:
        """Return `Type/id` of what an inner condition selects.

        Raises:
            BadRequest: more than `MAX_SELECTED`.
        """
        known = self._known(resource_type, inner)
        if known is not None:
            return known
        compiled = self._searcher.compile([resource_type], inner, self._context, depth)
        condition, hint = plan([resource_type], compiled)
        found = self._searcher.runner.find(
            condition, {"_id": 0, "i": 1}, self._context, hint=hint, limit=MAX_SELECTED + 1
        )
        return _checked([f"{resource_type}/{document['i']}" for document in found], resource_type)

    def named(self, resource_type: str, inner: Node, depth: int) -> list[str]:
        """Return `Type/id` and the canonical names of what an inner condition selects.

        Raises:
            BadRequest: more than `MAX_SELECTED`.
        """
        found = self._with_names(resource_type, inner, depth)
        _checked(found, resource_type)
        return [name for document in found for name in _own_names(document)]

    def _with_names(self, resource_type: str, inner: Node, depth: int) -> list[dict[str, Any]]:
        compiled = self._searcher.compile([resource_type], inner, self._context, depth)
        condition, hint = plan([resource_type], compiled)
        projection = {"_id": 0, "t": 1, "i": 1, **{VALUES + field: 1 for field in OWN_NAME}}
        found = self._searcher.runner.find(condition, projection, self._context, hint=hint, limit=MAX_SELECTED + 1)
        return list(found)

    def _known(self, resource_type: str, inner: Node) -> list[str] | None:
        """Return the Patients of identifiers that the request has looked up already; None: they must be asked for."""
        patients, narrowing = self._context.patients, self._context.narrowing
        if resource_type != "Patient" or not patients or not isinstance(inner, Test):
            return None
        if inner.parameter.code != "identifier" or inner.modifier or not patients.keys() >= set(inner.values):
            return None
        if narrowing is not None and narrowing(resource_type) is not None:
            return None
        return [name for token in inner.values for name in patients[token]]

    def referred(self, has: Has, types: Sequence[str], depth: int) -> list[str]:
        """Return `Type/id` of what resources that meet the inner condition refer to.

        Raises:
            BadRequest: more than `MAX_SELECTED`.
        """
        compiled = self._searcher.compile([has.resource_type], has.inner, self._context, depth + 1)
        condition, hint = plan([has.resource_type], compiled)
        path = VALUES + has.parameter.field
        if has.parameter.canonical:
            return self._referred_by_name(has, types, condition, hint, depth)
        starts = "|".join(f"{resource_type}/" for resource_type in types) if len(types) <= 20 else "[A-Z]"  # noqa: PLR2004
        found = self._searcher.runner.aggregate(
            [
                {"$match": condition},
                {"$project": {"_id": 0, "r": f"${path}"}},
                {"$unwind": "$r"},
                {"$match": {"r": {"$regex": f"^(?:{starts})"}}},
                {"$group": {"_id": "$r"}},
                {"$limit": MAX_SELECTED + 1},
            ],
            self._context,
            hint,
        )
        return _checked([document["_id"] for document in found], has.resource_type)

    def _referred_by_name(
        self, has: Has, types: Sequence[str], condition: Condition, hint: str | None, depth: int
    ) -> list[str]:
        """Return `Type/id` of what canonical urls name: every version, where they name none."""
        path = VALUES + has.parameter.field
        pipeline: list[dict[str, Any]] = [
            {"$match": condition},
            {"$unwind": f"${path}"},
            {"$group": {"_id": f"${path}"}},
            {"$limit": MAX_SELECTED + 1},
        ]
        listed = self._searcher.runner.aggregate(pipeline, self._context, hint)
        values = set(_checked([document["_id"] for document in listed], has.resource_type))
        plain = {value.partition("#")[0] for value in values}
        found = []
        for kind in has.parameter.targets.intersection(types):
            url = self._searcher.registry.of(kind).by_code.get("url")
            ids = tuple(value.partition("/")[2] for value in sorted(plain) if value.startswith(f"{kind}/"))
            either: list[Node] = [Ids(ids)] if ids else []
            if url:
                either.append(Test(url, "", tuple(sorted({value.partition("|")[0] for value in plain}))))
            named = self._with_names(kind, Or(tuple(either)), depth + 1)
            found += [each for each in map(_own_names, named) if not plain.isdisjoint(each)]
        return _checked([names[0] for names in found], has.resource_type)

    def listed(self, ids: Sequence[str]) -> list[str]:
        """Return `Type/id` of the items of List resources."""
        compiled = self._searcher.compile(["List"], Ids(tuple(ids)), self._context)
        condition, hint = plan(["List"], compiled)
        found = self._searcher.runner.find(condition, {"_id": 0, "s.x.item": 1}, self._context, hint=hint)
        return [item for document in found for item in document.get("s", {}).get("x", {}).get("item", ())]

    def containing(self, types: Sequence[str], candidates: Compiled, words: Sequence[Words]) -> list[str]:
        """Return `Type/id` of the candidates that contain the words; each is read, within the time budget.

        Raises:
            BadRequest: more than `MAX_SELECTED`.
            Unavailable: out of time.
        """
        found: list[str] = []
        condition, hint = plan(types, candidates)
        for document in self._searcher.runner.scan(condition, self._context, hint):
            resource = jsontext.read(self._searcher.store.stored(document).body)
            if all(_contains(resource, asked) for asked in words):
                found.append(f"{document['t']}/{document['i']}")
                if len(found) > MAX_SELECTED:
                    break
        return _checked(found, types[0])


def _contains(resource: Any, asked: Words) -> bool:
    words = of_narrative(resource) if asked.narrative else of_content(resource)
    return any(words.issuperset(alternative) for alternative in asked.alternatives)


def _own_names(document: Mapping[str, Any]) -> list[str]:
    """Return all by which a resource may be referred to, first `Type/id`."""
    return [f"{document['t']}/{document['i']}", *canonical_names(document)]


def _checked(found: list[Found], resource_type: str) -> list[Found]:
    if len(found) > MAX_SELECTED:
        raise BadRequest(
            Text(
                f"Le chaînage sélectionne plus de {MAX_SELECTED} ressources {resource_type} ; précisez ce critère.",
                f"The chain selects more than {MAX_SELECTED} {resource_type} resources; make that criterion narrower.",
            ),
            code="too-costly",
            rule="search-chain",
        )
    return found
