"""`+ - * / div mod &` (https://hl7.org/fhirpath/N1/#math): on numbers, strings, quantities and dates."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_DOWN, Context, Decimal, DecimalException
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath import ucum
from fhirserver.fhirpath.compiled.code import Code, lowered, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import EvaluationError, fails
from fhirserver.fhirpath.model import DECIMAL, INTEGER, MOMENTS, NUMBERS, QUANTITY, STRING, Type
from fhirserver.fhirpath.values import moments, quantities
from fhirserver.fhirpath.values.moments import Moment
from fhirserver.fhirpath.values.quantities import Quantity

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Binary

MAX_TEXT: Final = 1_000_000
"""Longest text that an expression may build, in characters."""

_LARGEST: Final = 2**31
_EXACT: Final = Context(prec=28)
_ROUNDED: Final = Context(prec=17)


def binary(compiler: Compiler, tree: Binary, left: Code, right: Code) -> Code:
    """Compile an arithmetic operator."""
    left, right = lowered(left), lowered(right)
    first, second = one(left), one(right)
    if tree.operator == "&":
        return Code(_concatenation(first, second), single=True, type=STRING)
    type_ = _result(compiler, tree, left, right)
    compute = _OPERATORS[tree.operator]

    def computed(this: Any, env: Environment) -> Any:
        mine, other = first(this, env), second(this, env)
        if mine is None or other is None:
            return None
        try:
            return compute(mine, other)
        except (DecimalException, OverflowError):
            return None

    return Code(computed, single=True, type=type_)


def negative(value: Any) -> Any:
    """Return the opposite of a number or quantity; None for None."""
    checked_number(value)
    if isinstance(value, Quantity):
        return Quantity(-value.value, value.unit, calendar=value.calendar, foreign=value.foreign)
    return None if value is None else -value


def checked_number(value: Any) -> Any:
    """Return a number or quantity as it is.

    Raises:
        EvaluationError: it is neither.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal | Quantity)):
        raise fails("un nombre est attendu", "a number is expected")
    return value


def _result(compiler: Compiler, tree: Binary, left: Code, right: Code) -> Type | None:
    """Return the type of the result where it is known, and note operands that never go together."""
    mine, other = left.candidates, right.candidates
    if not mine or not other:
        return None
    numeric = NUMBERS | {QUANTITY}
    fits = bool(mine & numeric and other & numeric)
    if tree.operator in "+-":
        fits = fits or bool(mine & MOMENTS and QUANTITY in other)
    if tree.operator == "+":
        fits = fits or (STRING in mine and STRING in other)
    if not fits:
        names = [" | ".join(sorted(type_.name for type_ in types)[:5]) for types in (mine, other)]
        compiler.find(
            tree.position,
            f"L'opérateur {tree.operator} ne s'applique pas à {names[0]} et {names[1]}.",
            f"The operator {tree.operator} does not apply to {names[0]} and {names[1]}.",
        )
    if left.type is INTEGER and right.type is INTEGER:
        return DECIMAL if tree.operator == "/" else INTEGER
    if left.type in NUMBERS and right.type in NUMBERS:
        return INTEGER if tree.operator == "div" else DECIMAL
    return STRING if left.type is STRING and right.type is STRING else None


def _concatenation(first: Callable[..., Any], second: Callable[..., Any]) -> Callable[[Any, Environment], str]:
    def joined(this: Any, env: Environment) -> str:
        mine, other = first(this, env), second(this, env)
        return _text("" if mine is None else mine, "" if other is None else other)

    return joined


def _text(left: Any, right: Any) -> str:
    if not isinstance(left, str) or not isinstance(right, str):
        raise fails("« & » ne joint que des chaînes", "& joins strings only")
    if len(left) + len(right) > MAX_TEXT:
        raise fails(f"chaîne de plus de {MAX_TEXT} caractères", f"a string of more than {MAX_TEXT} characters")
    return left + right


def _number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _mismatch() -> EvaluationError:
    return fails("ces valeurs ne se calculent pas ensemble", "these values do not compute together")


def _bounded(value: int) -> int | None:
    return value if -_LARGEST <= value < _LARGEST else None


def _plus(left: Any, right: Any) -> Any:
    return _sum(left, right, 1)


def _minus(left: Any, right: Any) -> Any:
    return _sum(left, right, -1)


def _sum(left: Any, right: Any, sign: int) -> Any:
    if _number(left) and _number(right):
        if type(left) is int and type(right) is int:
            return _bounded(left + sign * right)
        return _EXACT.add(Decimal(left), sign * Decimal(right))
    if isinstance(left, Moment) and isinstance(right, Quantity):
        unit = right.calendar_unit
        if unit is None or (left.kind == "time" and unit in ("year", "month", "week", "day")):
            raise fails(
                f"« {right.unit} » ne s'ajoute pas à une date ou une heure : employez year, month, day…",
                f'"{right.unit}" cannot be added to this date or time: use year, month, day…',
            )
        return moments.add(left, sign * right.value, unit)
    if sign > 0 and isinstance(left, str) and isinstance(right, str):
        return _text(left, right)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _sum_quantities(left, right, sign)
    raise _mismatch()


def _sum_quantities(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    if left.unit == right.unit:
        value = _EXACT.add(left.value, sign * right.value)
        return Quantity(value, left.unit, calendar=left.calendar, foreign=left.foreign)
    if left.foreign or right.foreign:
        return None
    one_left = ucum.canonical(Decimal(1), left.ucum)
    other = ucum.canonical(right.value, right.ucum)
    if one_left is None or other is None or one_left[1] != other[1]:
        return None
    value = _EXACT.add(left.value, sign * _EXACT.divide(other[0], one_left[0]))
    return Quantity(value, left.unit, calendar=left.calendar)


def _times(left: Any, right: Any) -> Any:
    if _number(left) and _number(right):
        if type(left) is int and type(right) is int:
            return _bounded(left * right)
        return _EXACT.multiply(Decimal(left), Decimal(right))
    return _quantity_product(left, right, divide=False)


def _divided(left: Any, right: Any) -> Any:
    if _number(left) and _number(right):
        return divide(Decimal(left), Decimal(right)) if right else None
    return _quantity_product(left, right, divide=True)


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Return a quotient: exact where that takes few digits, else to 17."""
    exact = _EXACT.divide(left, right)
    return exact if len(exact.as_tuple().digits) < _ROUNDED.prec else +_ROUNDED.divide(left, right)


def _quantity_product(left: Any, right: Any, *, divide: bool) -> Quantity | None:
    mine = Quantity(Decimal(left), "1") if _number(left) else left
    other = Quantity(Decimal(right), "1") if _number(right) else right
    if not isinstance(mine, Quantity) or not isinstance(other, Quantity):
        raise _mismatch()
    return quantities.multiply(mine, other, divide=divide)


def _div(left: Any, right: Any) -> Any:
    if not _number(left) or not _number(right):
        raise _mismatch()
    if not right:
        return None
    if type(left) is int and type(right) is int:
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return _bounded(int(_EXACT.divide(Decimal(left), Decimal(right)).to_integral_value(rounding=ROUND_DOWN)))


def _mod(left: Any, right: Any) -> Any:
    if not _number(left) or not _number(right):
        raise _mismatch()
    if not right:
        return None
    rest = _EXACT.remainder(Decimal(left), Decimal(right))
    return int(rest) if type(left) is int and type(right) is int else rest


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": _plus, "-": _minus, "*": _times, "/": _divided, "div": _div, "mod": _mod,
}  # fmt: skip
