"""Least and greatest values, and longest texts (ElementDefinition.minValue, maxValue, maxLength)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhirserver.fhirpath.errors import EvaluationError
from fhirserver.fhirpath.operators.comparison import compare
from fhirserver.fhirpath.values.moments import Moment, read_date_time, read_time
from fhirserver.fhirpath.values.quantities import Quantity, from_fhir
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
        if given is None or limit is None:
            return
        try:
            order = compare(given, limit)
        except EvaluationError:
            return  # a date has no place among times
        # None: what is given may lie on both sides, or is measured otherwise
        if order is not None and (order < 0 if least else order > 0):
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
    return _quantity if type_name in ("Quantity", "Age", "Count", "Distance", "Duration") else None


def _number(value: Any) -> int | Decimal | None:
    return value if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else None


def _moment(value: Any) -> Moment | None:
    if not isinstance(value, str):
        return None
    return read_time(value) if ":" in value[:3] else read_date_time(value)


def _quantity(value: Any) -> Quantity | None:
    if not isinstance(value, dict) or not isinstance(value.get("value"), (int, Decimal)):
        return None
    return from_fhir(value)
