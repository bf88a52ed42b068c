"""Chains: the inner search comes first, and what it selects becomes a condition of the outer one.

Each link costs one index look-up. A link that selects more than `MAX_SELECTED` resources is refused: the criterion
belongs on the outer resource then, or must be made narrower.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fhirserver import jsontext
from fhirserver.errors import BadRequest
from fhirserver.issues import Text
from fhirserver.search.asked.query import Has, Ids, Node, Test, Words
from fhirserver.search.mongo.matching import VALUES
from fhirserver.search.mongo.plan import plan
from fhirserver.search.values.words import of_content, of_narrative

if TYPE_CHECKING:
    from fhirserver.search.mongo.conditions import Compiled
    from fhirserver.search.mongo.run import Context
    from fhirserver.search.mongo.searching import Searcher

MAX_SELECTED: Final = 10_000


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


def _checked(found: list[str], resource_type: str) -> list[str]:
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
