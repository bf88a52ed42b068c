"""Number parameters (https://hl7.org/fhir/R4/search.html#number).

A value is kept as an interval `{b, e}` of sortable texts. A number of a resource is a point; a number of a query that
is compared for equality stands for all that round to its last digit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types.values import Collector, Condition, ValueFault, Values, add
from fhirserver.search.values import decimals, prefixes
from fhirserver.search.values.decimals import HIGHEST, LOWEST, sortable
from fhirserver.search.values.keys import Bounds
from fhirserver.search.values.prefixes import Compared

_PRIMITIVES: Final = frozenset({"integer", "decimal", "positiveInt", "unsignedInt"})


def collector(fhir_type: str, field: str) -> Collector | None:
    """Return what extracts numbers from elements of a FHIR type; None if it has none."""
    if fhir_type in _PRIMITIVES:

        def number(element: Any, values: Values) -> None:
            text = sortable(Decimal(element))
            add(values, field, {"b": text, "e": text})

        return number
    if fhir_type == "Range":

        def limits(element: Any, values: Values) -> None:
            low, high = element.get("low", {}).get("value"), element.get("high", {}).get("value")
            if low is not None or high is not None:
                begin = LOWEST if low is None else sortable(Decimal(low))
                add(values, field, {"b": begin, "e": HIGHEST if high is None else sortable(Decimal(high))})

        return limits
    return None


def index_keys(field: str, found: list[dict[str, str]]) -> list[str]:
    """Return the keys of numbers: points by their value, intervals all together."""
    return [f"{field}={value['b']}" if value["b"] == value["e"] else f"{field}~" for value in found]


def read(text: str) -> Compared[str]:
    """Read a number with its prefix.

    Raises:
        ValueFault: not a number.
    """
    prefix, rest = prefixes.split(text)
    return compared(prefix, rest)


def compared(prefix: str, text: str) -> Compared[str]:
    """Return a number of a query as the interval that it is compared by."""
    try:
        begin, end = interval(prefix, decimals.read(text))
        return Compared(prefix, sortable(begin), sortable(end))
    except ValueError:
        raise ValueFault(
            Text(
                f"« {text[:40]} » n'est pas un nombre (exemples : 100, 5.40, 1e2, gt0.5)",
                f'"{text[:40]}" is not a number (examples: 100, 5.40, 1e2, gt0.5)',
            )
        ) from None


def interval(prefix: str, number: Decimal) -> tuple[Decimal, Decimal]:
    """Return the interval for which a number stands after a prefix: its implied precision, 10 %, or the point."""
    if prefix in ("eq", "ne"):
        return decimals.implied(number)
    if prefix == "ap":
        return decimals.around(number)
    return number, number


def comparison(  # noqa: PLR0911 - one return for each prefix
    value: Compared[str], begin: str = "b", end: str = "e"
) -> Condition:
    """Return the condition on a kept interval.

    A point of the resource is in the interval [begin, end) of the query; `ap` includes its end.
    """
    low, high = value.begin, value.end
    match value.prefix:
        case "eq":
            # an interval of the resource that ends at `high` lies within as well, a point at `high` does not
            return {begin: {"$gte": low, "$lt": high}, end: {"$lte": high}}
        case "ne":
            return {"$or": [{begin: {"$lt": low}}, {begin: {"$gte": high}}, {end: {"$gt": high}}]}
        case "sa":
            return {begin: {"$gt": high}}
        case "gt":
            return {end: {"$gt": high}}
        case "ge":
            return {end: {"$gte": low}}
        case "lt":
            return {begin: {"$lt": low}}
        case "le":
            return {begin: {"$lte": low}}
        case "eb":
            return {end: {"$lt": low}}
        case _:
            return {begin: {"$lte": high}, end: {"$gte": low}}


def condition(path: str, values: list[Compared[str]]) -> Condition:
    """Return the condition that a number compares so with one of the values."""
    parts: list[Condition] = [{path: {"$elemMatch": comparison(value)}} for value in values]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def bounds(field: str, values: list[Compared[str]], rank: int = 6) -> Bounds:
    """Return where candidates stand."""
    ranges: list[tuple[str, str]] = [(f"{field}~", f"{field}~~")]
    ranges += [key_range(f"{field}=", value) for value in values]
    return Bounds("k", (), tuple(ranges), rank)


def key_range(start: str, value: Compared[str]) -> tuple[str, str]:
    """Return the range of keys, after a common start, of the points that a value selects."""
    window = prefixes.window(value, LOWEST, HIGHEST)
    lowest = max(window.begin_from, window.end_from)
    highest = min(window.begin_to, window.end_to)
    return start + lowest, start + highest + "\x7f"
