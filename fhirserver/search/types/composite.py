"""Composite parameters: several values that belong to one element (https://hl7.org/fhir/R4/search.html#composite).

One entry is kept for each element, with the values of its parts under `0`, `1`, …; a match needs every part of one
entry. Candidates are found by the keys of the parts' own parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.search.types.values import Collector, Condition, Values, add


def collector(field: str, parts: Sequence[Collector | None]) -> Collector:
    """Return what extracts one entry from an element.

    Args:
        field: of the composite.
        parts: for each component, what adds its values under its position.
    """

    def entry(element: Any, values: Values) -> None:
        found: Values = {}
        for part in parts:
            if part:
                part(element, found)
        if all(str(position) in found for position in range(len(parts))):
            add(values, field, found)

    return entry


def condition(path: str, alternatives: Sequence[Sequence[Condition]]) -> Condition:
    """Return the condition that one entry meets all conditions of one alternative."""
    parts: list[Condition] = [{path: {"$elemMatch": {"$and": list(conditions)}}} for conditions in alternatives]
    return parts[0] if len(parts) == 1 else {"$or": parts}
