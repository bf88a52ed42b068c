"""The whole filter of a search, and the one index that it is told to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.search.asked.query import And, Node, Test
from fhirserver.search.declared.parameters import TypeParameters
from fhirserver.search.indexing import indexes
from fhirserver.search.mongo.conditions import Compiled
from fhirserver.search.mongo.order import Order
from fhirserver.search.types.values import Condition
from fhirserver.search.values.keys import Bounds


def plan(
    types: Sequence[str],
    compiled: Compiled,
    ordered: Order | None = None,
    lists: tuple[TypeParameters, Node] | None = None,
) -> tuple[Condition, str | None]:
    """Return the filter, and the name of the index (None: MongoDB unites several).

    Args:
        types: searched.
        compiled: the condition.
        ordered: the order of the page, if that is asked for.
        lists: parameters of the only type, and the condition: what the index in order of the main date needs to know.
    """
    parts: dict[str, Any] = {"live": True, "t": types[0] if len(types) == 1 else {"$in": list(types)}}
    hint: str | None = indexes.TYPE_UPDATED
    if compiled.bounds:
        parts.update(compiled.bounds.condition())
        hint = _index(compiled.bounds)
        if hint == indexes.COMPARTMENT_UPDATED and ordered and ordered.by_main_date and lists:
            statuses = _statuses(*lists)
            if statuses is not None:
                parts["s.c"] = statuses
                hint = indexes.COMPARTMENT_DATE
    decided = compiled.left if compiled.bounds else compiled.condition
    if decided:
        parts["$and"] = [decided]
    return parts, hint


def _index(bounds: Bounds) -> str | None:
    if bounds.also:
        return None
    return {"k": indexes.KEYS, "a": indexes.COMPARTMENT_UPDATED, "_id": "_id_"}[bounds.field]


def _statuses(parameters: TypeParameters, node: Node) -> Condition | None:
    """Return the condition on the status field under which the index gives matches in the order of the main date.

    A resource whose status is none of the known codes is kept there without one.
    """
    if parameters.status is None:
        return {"$in": [None]}
    known = parameters.by_code[parameters.status].codes
    for item in node.items if isinstance(node, And) else (node,):
        if isinstance(item, Test) and item.parameter.code == parameters.status and not item.modifier:
            codes = [value.code for value in item.values]
            if None not in codes:
                return {"$in": list(dict.fromkeys(code if code in known else None for code in codes))}
    return {"$in": [None, *known]} if known else None
