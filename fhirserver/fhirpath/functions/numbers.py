"""Math (https://hl7.org/fhirpath/N1/#math-2); empty where the result is no real number."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import DECIMAL, INTEGER, NUMBERS, QUANTITY
from fhirserver.fhirpath.operators.arithmetic import checked_number
from fhirserver.fhirpath.values.quantities import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call
    from fhirserver.fhirpath.model import Type

_EXACT: Final = Context(prec=28)
_ROUNDED: Final = Context(prec=17)
_MAX_POWER: Final = 10_000
_MAX_PLACES: Final = 28


def _math(  # noqa: PLR0913 - a table of functions, one a row
    name: str, compute: Callable[..., Any], type_: Type | None, most: int = 0, least: int = 0, *, quantity: bool = False
) -> None:
    @function(name, least, most)
    def build(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        low = lowered(source)
        types = low.candidates
        if types and not types & (NUMBERS | {QUANTITY}):
            compiler.find(tree.position, f"{name}() attend un nombre.", f"{name}() takes a number.")
        run = one(low)
        arguments = [one(lowered(compiler.compile(argument, focus))) for argument in tree.arguments]

        def computed(this: Any, env: Environment) -> Any:
            value = run(this, env)
            given = [checked_number(argument(this, env)) for argument in arguments]
            if value is None or None in given:
                return None
            checked_number(value)
            if isinstance(value, Quantity):
                if not quantity:
                    raise fails(f"{name}() attend un nombre", f"{name}() takes a number")
                changed = compute(value.value, *given)
                return Quantity(changed, value.unit, calendar=value.calendar, foreign=value.foreign)
            try:
                result = compute(value, *given)
            except (DecimalException, OverflowError, ValueError):
                return None
            return None if isinstance(result, Decimal) and not result.is_finite() else result

        known = low.type if type_ is None and low.type in NUMBERS else type_
        return Code(computed, single=True, type=known)


def _to_integer(rounding: str) -> Callable[[Any], int]:
    return lambda value: int(Decimal(value).to_integral_value(rounding=rounding))


def _round(value: Any, places: int = 0) -> Decimal:
    if not 0 <= places <= _MAX_PLACES:
        raise fails("round() : précision entre 0 et 28", "round(): a precision from 0 to 28")
    return Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _log(value: Any, base: Any) -> Decimal:
    return +_ROUNDED.divide(_EXACT.ln(Decimal(value)), _EXACT.ln(Decimal(base)))


def _power(value: Any, exponent: Any) -> Any:
    if abs(exponent) > _MAX_POWER:
        return None
    if type(value) is int and type(exponent) is int and exponent >= 0:
        result = Decimal(value) ** exponent if abs(value) > 1 else Decimal(value**exponent)
        return int(result) if -(2**31) <= result < 2**31 else None
    return +_ROUNDED.power(Decimal(value), Decimal(exponent))


_math("abs", abs, None, quantity=True)
_math("ceiling", _to_integer(ROUND_CEILING), INTEGER)
_math("floor", _to_integer(ROUND_FLOOR), INTEGER)
_math("truncate", _to_integer(ROUND_DOWN), INTEGER)
_math("round", _round, DECIMAL, 1)
_math("sqrt", lambda value: +_ROUNDED.sqrt(Decimal(value)), DECIMAL)
_math("exp", lambda value: +_ROUNDED.exp(Decimal(value)), DECIMAL)
_math("ln", lambda value: +_ROUNDED.ln(Decimal(value)), DECIMAL)
_math("log", _log, DECIMAL, 1, 1)
_math("power", _power, None, 1, 1)
