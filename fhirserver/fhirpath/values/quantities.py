"""Quantities of FHIRPath: a number with a UCUM unit or a calendar duration (https://hl7.org/fhirpath/N1/#quantity)."""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from fhirserver.fhirpath import ucum

UCUM_SYSTEM: Final = "http://unitsofmeasure.org"

CALENDAR_UNITS: Final = {
    form: unit
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for form in (unit, unit + "s")
}
"""Each word that names a calendar duration, singular and plural, and its singular."""

_DEFINITE: Final = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_NOMINAL: Final = {"year": "a", "month": "mo"}
_ADDABLE: Final = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_WIDE: Final = Context(prec=400)
_QUANTITY: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-z]+))?")


class Quantity:
    """A value with its unit.

    Attributes:
        value: the number.
        unit: a UCUM code, or a calendar unit in the singular.
        calendar: whether the unit is a calendar duration (`1 year`) and no UCUM code (`1 'a'`).
        foreign: whether the unit is of another system than UCUM: then it equals only itself.
    """

    __slots__ = ("calendar", "foreign", "unit", "value")

    def __init__(self, value: Decimal, unit: str, *, calendar: bool = False, foreign: bool = False) -> None:
        self.value = value
        self.unit = unit
        self.calendar = calendar
        self.foreign = foreign

    def __repr__(self) -> str:
        return f"Quantity({self})"

    def __str__(self) -> str:
        if self.calendar:
            return f"{self.value:f} {self.unit}{'' if self.value == 1 else 's'}"
        return f"{self.value:f} '{self.unit}'"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and compare(self, other) == 0

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> Hashable:
        """What it is told apart by: equal keys mean equal quantities."""
        if self.foreign:
            return (self.value, self.unit, "foreign")
        if self.calendar and self.unit in _NOMINAL:
            return (self.value * 12 if self.unit == "year" else self.value, "month", "calendar")
        return ucum.canonical(self.value, self.ucum) or (self.value, self.unit)

    @property
    def ucum(self) -> str:
        """The unit as UCUM code; a calendar duration as the code of its definite counterpart."""
        return (_DEFINITE.get(self.unit) or _NOMINAL[self.unit]) if self.calendar else self.unit

    @property
    def calendar_unit(self) -> str | None:
        """The calendar unit by which this can be added to a date, or None (`1 'mo'` is 30.4375 days: it cannot)."""
        return self.unit if self.calendar else (_ADDABLE.get(self.unit) or CALENDAR_UNITS.get(self.unit))


def read_quantity(text: str) -> Quantity | None:
    """Read `1.5 'mg'`, `4 days` or `4` (whose unit is `1`); None where the text is no quantity."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    number, code, word = match.groups()
    if word is not None:
        unit = CALENDAR_UNITS.get(word)
        return Quantity(Decimal(number), unit, calendar=True) if unit else None
    return Quantity(Decimal(number), code or "1")


def from_fhir(value: dict[str, Any]) -> Quantity | None:
    """Return a FHIR Quantity or Money as one of FHIRPath; None without a value."""
    number = value.get("value")
    if number is None or isinstance(number, bool | str):
        return None
    system, code = value.get("system"), value.get("code")
    if system == UCUM_SYSTEM and code:
        return Quantity(Decimal(number), code)
    unit = code or value.get("unit") or value.get("currency")
    return Quantity(Decimal(number), unit, foreign=True) if unit else Quantity(Decimal(number), "1")


def comparable(left: Quantity, right: Quantity) -> bool:
    """Tell whether two quantities measure the same thing."""
    if left.foreign or right.foreign:
        return left.foreign == right.foreign and left.unit == right.unit
    return ucum.comparable(left.ucum, right.ucum)


def compare(left: Quantity, right: Quantity) -> int | None:
    """Return -1, 0 or 1; None where the units cannot be compared."""
    if (left.unit, left.calendar, left.foreign) == (right.unit, right.calendar, right.foreign):
        return (left.value > right.value) - (left.value < right.value)
    if left.foreign or right.foreign:
        return None
    nominal = {"a", "mo"}
    # A calendar year or month has no fixed length: it compares with calendar years and months only.
    if left.calendar != right.calendar and (left.ucum in nominal or right.ucum in nominal):
        return None
    if left.calendar and right.calendar and (left.ucum in nominal) != (right.ucum in nominal):
        return None
    mine, other = ucum.canonical(left.value, left.ucum), ucum.canonical(right.value, right.ucum)
    if mine is None or other is None or mine[1] != other[1]:
        return None
    return (mine[0] > other[0]) - (mine[0] < other[0])


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Tell whether two quantities are equal to the precision of the less precise (`4 'g' ~ 4040 'mg'`)."""
    if left.unit == right.unit and left.foreign == right.foreign:
        return _equal_rounded(left.value, right.value, left.value, right.value)
    if left.foreign or right.foreign:
        return False
    mine, other = ucum.canonical(left.value, left.ucum), ucum.canonical(right.value, right.ucum)
    if mine is None or other is None or mine[1] != other[1]:
        return False
    # Precision is that of each value in its own unit, taken to the other's unit.
    factor = ucum.canonical(Decimal(1), left.ucum)
    if factor is None or not factor[0]:
        return mine[0] == other[0]
    return _equal_rounded(left.value, other[0] / factor[0], left.value, right.value)


def _equal_rounded(left: Decimal, right: Decimal, precise: Decimal, other: Decimal) -> bool:
    places = min(places_of(precise), places_of(other))
    return rounded(left, places) == rounded(right, places)


def places_of(value: Decimal) -> int:
    """Return the digits after the point, zeros at the end not counted."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def rounded(value: Decimal, places: int) -> Decimal:
    """Return a number rounded to some places, halves away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE)


def multiply(left: Quantity, right: Quantity, *, divide: bool = False) -> Quantity | None:
    """Return the product (or quotient) in canonical units; None where a unit is unknown or the divisor is zero."""
    if left.foreign or right.foreign or (divide and not right.value):
        return None
    if right.unit == "1":
        value = left.value / right.value if divide else left.value * right.value
        return Quantity(value, left.unit, calendar=left.calendar)
    if left.unit == "1" and not divide:
        return Quantity(left.value * right.value, right.unit, calendar=right.calendar)
    mine, other = ucum.canonical(left.value, left.ucum), ucum.canonical(right.value, right.ucum)
    unit = ucum.combined(left.ucum, right.ucum, divide=divide)
    if mine is None or other is None or unit is None:
        return None
    return Quantity(mine[0] / other[0] if divide else mine[0] * other[0], unit)
