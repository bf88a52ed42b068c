"""What the conditional entries and references of one transaction select, by one query for all their types."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fhirserver.errors import BadRequest
from fhirserver.search.asked.parse import parse
from fhirserver.search.indexing import indexes
from fhirserver.search.mongo.plan import plan
from fhirserver.search.mongo.run import Context
from fhirserver.search.types.values import Condition

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession

    from fhirserver.search.mongo.searching import Searcher

Selection = tuple[str, tuple[tuple[str, str], ...]]
"""A resource type, and criteria: decoded names and values in order."""
_MOST: Final = 100
"""Documents beyond which the selections are left to queries of their own: each has a limit of its own there."""
_SECONDS: Final = 10.0
_WITHOUT_INDEX: Final = {"s": False}


class Found(NamedTuple):
    """What one query found, without index values.

    Attributes:
        selected: the documents of each selection that was asked for.
        beside: those of the keys.
        complete: whether all keys were asked for.
    """

    selected: dict[Selection, list[dict[str, Any]]]
    beside: list[dict[str, Any]]
    complete: bool


def select(
    searcher: Searcher,
    selections: Sequence[Selection],
    session: ClientSession | None,
    base: str,
    keys: Sequence[str] = (),
) -> Found:
    """Return the documents that selections find, and those of some keys.

    Left out, to be asked alone: what no single range of the keys' index answers, what looks at other resources, faulty
    criteria, and a second selection of a type.

    Args:
        searcher: compiles the criteria.
        selections: types and criteria.
        session: of the transaction on whose view they are asked.
        base: the FHIR base url as the client sees it, with a slash at its end.
        keys: `_id` of resources of types that no selection is of.
    """
    context = Context(None, session, time.monotonic() + _SECONDS)
    chosen: dict[str, tuple[Selection, Condition]] = {}
    for selection in selections:
        kind, pairs = selection
        if kind in chosen or any(name[:1] == "_" or "." in name or ":" in name for name, _ in pairs):
            continue
        try:
            query = parse(searcher.registry, [kind], pairs, rules=searcher.rules.under(base))
        except BadRequest:
            continue
        condition, hint = plan([kind], searcher.compile([kind], query.where, context))
        if hint == indexes.KEYS:
            chosen[kind] = selection, condition
    conditions = [condition for _, condition in chosen.values()]
    if keys:
        conditions.append({"_id": {"$in": list(keys)}})
    if not conditions:
        return Found({}, [], complete=True)
    condition = conditions[0] if len(conditions) == 1 else {"$or": conditions}
    most = _MOST + len(keys)
    hint = None if keys else indexes.KEYS
    documents = searcher.runner.find(condition, _WITHOUT_INDEX, context, hint=hint, limit=most)
    if len(documents) == most:
        return Found({}, [], complete=False)
    selected = {selection: [each for each in documents if each["t"] == kind] for kind, (selection, _) in chosen.items()}
    return Found(selected, [each for each in documents if each["t"] not in chosen], complete=True)
