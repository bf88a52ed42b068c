"""Prefixes of ordered values: eq ne gt lt ge le sa eb ap (https://hl7.org/fhir/R4/search.html#prefix).

Both sides are intervals, begin inclusive, end exclusive: the query's [b, e) by its precision, the resource's by its
own. A comparison becomes conditions on the begin and the end of the resource's interval.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

Scalar = TypeVar("Scalar", int, str)

PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_PREFIXED: Final = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Compared(Generic[Scalar]):
    """A value of a query with the way in which it compares."""

    prefix: str
    begin: Scalar
    end: Scalar


@dataclass(frozen=True, slots=True)
class Window(Generic[Scalar]):
    """Limits, inclusive, between which begin and end of every matching interval lie."""

    begin_from: Scalar
    begin_to: Scalar
    end_from: Scalar
    end_to: Scalar


def split(text: str) -> tuple[str, str]:
    """Return the prefix (`eq` where none is given) and the rest."""
    match = _PREFIXED.fullmatch(text)
    return (match[1], match[2]) if match else ("eq", text)


def comparison(  # noqa: PLR0911 - one return for each prefix
    value: Compared[Any], begin: str = "b", end: str = "e"
) -> dict[str, Any]:
    """Return the condition on a kept interval with fields `b` and `e`."""
    low, high = value.begin, value.end
    contained = {begin: {"$gte": low}, end: {"$lte": high}}
    match value.prefix:
        case "ne":
            return {"$or": [{begin: {"$lt": low}}, {end: {"$gt": high}}]}
        case "gt":
            return {end: {"$gt": high}}
        case "lt":
            return {begin: {"$lt": low}}
        case "ge":
            return {"$or": [{end: {"$gt": high}}, contained]}
        case "le":
            return {"$or": [{begin: {"$lt": low}}, contained]}
        case "sa":
            return {begin: {"$gte": high}}
        case "eb":
            return {end: {"$lte": low}}
        case "ap":
            return {begin: {"$lt": high}, end: {"$gt": low}}
        case _:
            return contained


def window(  # noqa: PLR0911 - one return for each prefix
    value: Compared[Scalar], lowest: Scalar, highest: Scalar
) -> Window[Scalar]:
    """Return the limits between which begin and end of matching intervals lie."""
    low, high = value.begin, value.end
    match value.prefix:
        case "eq":
            return Window(low, high, low, high)
        case "gt":
            return Window(lowest, highest, high, highest)
        case "lt":
            return Window(lowest, low, lowest, highest)
        case "ge":
            return Window(lowest, highest, low, highest)
        case "le":
            return Window(lowest, high, lowest, highest)
        case "sa":
            return Window(high, highest, high, highest)
        case "eb":
            return Window(lowest, low, lowest, low)
        case "ap":
            return Window(lowest, high, low, highest)
        case _:
            return Window(lowest, highest, lowest, highest)


def intersection(one: Window[Scalar], other: Window[Scalar]) -> Window[Scalar]:
    """Return the limits that both set, for intervals that must satisfy both."""
    return Window(
        max(one.begin_from, other.begin_from),
        min(one.begin_to, other.begin_to),
        max(one.end_from, other.end_from),
        min(one.end_to, other.end_to),
    )
