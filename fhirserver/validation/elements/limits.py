"""Least and greatest values, and longest texts (ElementDefinition.minValue, maxValue, maxLength)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhirserver.validation.profiles.tree import Element
from fhirserver.validation.run import Check, Path, Run
from fhirserver.validation.texts import values as texts


def limit_steps(element: Element, type_name: str) -> list[Check]:
    """Return the checks of an element's limits; none for most elements."""
    steps: list[Check] = []
    longest = element.definition.get("maxLength")
    if longest is not None:
        steps.append(_length(int(longest), element.origin))
    for kind, least in (("minValue", True), ("maxValue", False)):
        bound = element.constant(kind)
        if bound is not None and (reader := _reader(type_name)):
            steps.append(_bound(reader, bound, element.origin, least=least))
    return steps


def _length(longest: int, origin: str) -> Check:
    def check(value: Any, path: Path, run: Run) -> None:
        if isinstance(value, str) and len(value) > longest:
            run.error("too-long", path, "max-length", texts.too_long(len(value), longest, origin))

    return check


def _bound(read: Callable[[Any], Any], bound: Any, origin: str, *, least: bool) -> Check:
    limit = read(bound)

    def check(value: Any, path: Path, run: Run) -> None:
        given = read(value)
        if given is None or limit is None or given[0] != limit[0]:
            return
        if given[1] < limit[1] if least else given[1] > limit[1]:
            run.error(
                "value",
                path,
                "min-value" if least else "max-value",
                texts.out_of_range(value, bound, least=least, origin=origin),
            )

    return check


def _reader(type_name: str) -> Callable[[Any], Any] | None:
    if type_name in ("integer", "positiveInt", "unsignedInt", "decimal"):
        return _number
    if type_name in ("date", "dateTime", "instant", "time"):
        return _moment
    if type_name == "Quantity":
        return _quantity
    return None


def _number(value: Any) -> tuple[str, Any] | None:
    return ("number", value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None


def _moment(value: Any) -> tuple[str, Any] | None:
    """Return a moment for comparison with one of the same precision; of days at most, since zones differ."""
    if not isinstance(value, str):
        return None
    if "T" not in value:
        return f"date{len(value)}", value
    return "day", value[:10]


def _quantity(value: Any) -> tuple[str, Any] | None:
    if not isinstance(value, dict) or not isinstance(value.get("value"), (int, Decimal)):
        return None
    return f"{value.get('system')}|{value.get('code') or value.get('unit')}", value["value"]
