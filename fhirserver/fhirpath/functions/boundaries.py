"""lowBoundary(), highBoundary(), precision() and comparable() of FHIRPath 2.1 (https://hl7.org/fhirpath/#boundaries)."""

from __future__ import annotations

import calendar
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import BOOLEAN, DECIMAL, INTEGER
from fhirserver.fhirpath.values import quantities
from fhirserver.fhirpath.values.equality import as_quantity
from fhirserver.fhirpath.values.moments import Moment, MomentKind, written
from fhirserver.fhirpath.values.quantities import Quantity

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call

_MAX_PLACES: Final = 28
_WIDE: Final = Context(prec=400)
_DEFAULT_PLACES: Final = 8
_LENGTHS: Final = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}
_TIME_LENGTHS: Final = {2: 1, 4: 2, 6: 3, 9: 3}
_ZONES: Final = (14 * 60, -12 * 60)


def _boundary(name: str, *, high: bool) -> None:
    @function(name, 0, 1)
    def build(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        low = lowered(source)
        value = one(low)
        digits = one(lowered(compiler.compile(tree.arguments[0], focus))) if tree.arguments else None

        def run(this: Any, env: Environment) -> Any:
            held = value(this, env)
            precision = digits(this, env) if digits else None
            return None if held is None else bound(held, precision, high=high)

        return Code(run, single=True, type=DECIMAL if low.type in (INTEGER, DECIMAL) else low.type)


_boundary("lowBoundary", high=False)
_boundary("highBoundary", high=True)


def bound(value: Any, precision: int | None, *, high: bool) -> Any:
    """Return the least or greatest value that a value as precise as this may stand for.

    Args:
        value: a number, quantity, date, dateTime or time.
        precision: places after the point, or digits of a date or time; None for the most.
        high: the greatest.
    """
    if isinstance(value, Quantity):
        number = _bound_number(value.value, precision, high=high)
        return (
            number if number is None else Quantity(number, value.unit, calendar=value.calendar, foreign=value.foreign)
        )
    if isinstance(value, Moment):
        return _bound_time(value, precision, high=high) if value.kind == "time" else _bound_day(value, precision, high)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise fails("cette valeur n'a pas de bornes", "this value has no boundaries")
    return _bound_number(Decimal(value), precision, high=high)


def _bound_number(value: Decimal, precision: int | None, *, high: bool) -> Decimal | None:
    places = _DEFAULT_PLACES if precision is None else precision
    if not 0 <= places <= _MAX_PLACES:
        return None
    exponent = value.as_tuple().exponent
    half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
    edge = value + half if high else value - half
    rounding = ROUND_CEILING if high else ROUND_FLOOR
    # What lies nearer to zero than the places asked for can show is zero, with its sign.
    if abs(value) < Decimal(1).scaleb(-places) and abs(edge) < Decimal(1).scaleb(-places):
        return Decimal(0).quantize(Decimal(1).scaleb(-places)).copy_sign(value)
    return edge.quantize(Decimal(1).scaleb(-places), rounding, _WIDE)


def _bound_day(value: Moment, precision: int | None, high: bool) -> Moment | None:  # noqa: FBT001 - one of two ends
    digits = precision if precision is not None else (8 if value.kind == "date" else 17)
    length = _LENGTHS.get(digits)
    if length is None or (value.kind == "date" and digits > 8):  # noqa: PLR2004 - a date's digits
        return None
    parts: list[int | Decimal] = list(value.parts)
    if len(parts) == 4:  # noqa: PLR2004 - FHIR has no dateTime of an hour alone: it stands for the full hour
        parts.append(0)
    filling = _highest if high else _lowest
    while len(parts) < length:
        parts.append(filling(parts))
    offset = value.offset
    if length > 3 and offset is None and value.kind == "dateTime":  # noqa: PLR2004 - with a time
        offset = _ZONES[high]
    kind: MomentKind = "dateTime" if length > 3 else "date"  # noqa: PLR2004 - as above
    return written(kind, tuple(parts[:length]), offset if length > 3 else None, 3 if digits == 17 else 0)  # noqa: PLR2004


def _bound_time(value: Moment, precision: int | None, *, high: bool) -> Moment | None:
    digits = 9 if precision is None else precision
    length = _TIME_LENGTHS.get(digits)
    if length is None:
        return None
    parts: list[int | Decimal] = list(value.parts)
    full = [0, 0, 0, *parts]
    while len(parts) < length:
        parts.append((_highest if high else _lowest)(full[: 3 + len(parts)]))
    return written("time", tuple(parts[:length]), None, 3 if digits == 9 else 0)  # noqa: PLR2004 - to milliseconds


def _lowest(parts: list[int | Decimal]) -> int | Decimal:
    return (1, 1, 1, 0, 0, Decimal(0))[len(parts)]


def _highest(parts: list[int | Decimal]) -> int | Decimal:
    if len(parts) == 2:  # noqa: PLR2004 - the day is missing
        return calendar.monthrange(int(parts[0]), int(parts[1]))[1]
    return (9999, 12, 31, 23, 59, Decimal("59.999"))[len(parts)]


@function("precision")
def precision(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return how many digits a number, date or time states."""
    value = one(lowered(source))

    def run(this: Any, env: Environment) -> int | None:
        held = value(this, env)
        if held is None:
            return None
        if isinstance(held, Moment):
            return held.digits
        if isinstance(held, Decimal):
            exponent = held.as_tuple().exponent
            return max(0, -exponent) if isinstance(exponent, int) else None
        if type(held) is int:
            return 0
        raise fails("cette valeur n'a pas de précision", "this value has no precision")

    return Code(run, single=True, type=INTEGER)


@function("comparable", 1)
def comparable(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether two quantities measure the same thing."""
    first, second = one(lowered(source)), one(lowered(compiler.compile(tree.arguments[0], focus)))

    def run(this: Any, env: Environment) -> bool | None:
        mine, other = as_quantity(first(this, env)), as_quantity(second(this, env))
        if mine is None or other is None:
            return None
        if not isinstance(mine, Quantity) or not isinstance(other, Quantity):
            raise fails("comparable() attend des quantités", "comparable() takes quantities")
        return quantities.comparable(mine, other)

    return Code(run, single=True, type=BOOLEAN)
