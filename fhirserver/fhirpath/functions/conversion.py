"""Conversion: toInteger(), convertsToInteger() and so on (https://hl7.org/fhirpath/N1/#conversion)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import BOOLEAN, DATE, DATE_TIME, DECIMAL, INTEGER, QUANTITY, STRING, TIME
from fhirserver.fhirpath.nodes import Node
from fhirserver.fhirpath.values.moments import Moment, read_date, read_date_time, read_moment, read_time
from fhirserver.fhirpath.values.quantities import Quantity, compare, read_quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call
    from fhirserver.fhirpath.model import Type

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0"})
_INTEGER: Final = re.compile(r"[+-]?\d{1,10}")
_DECIMAL: Final = re.compile(r"[+-]?\d{1,100}(\.\d{1,100})?")


def to_boolean(value: Any) -> bool | None:
    """Read a Boolean; None where there is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return True if value == 1 else False if value == 0 else None
    if isinstance(value, str):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return None


def to_integer(value: Any) -> int | None:
    """Read an Integer; None where there is none."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
        return number if -(2**31) <= number < 2**31 else None
    return None


def to_decimal(value: Any) -> Decimal | None:
    """Read a Decimal; None where there is none."""
    if isinstance(value, bool | int):
        return Decimal(int(value))
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def to_text(value: Any) -> str | None:
    """Write a System value as a String; None for complex values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int | str | Moment | Quantity) else None


def to_quantity(value: Any) -> Quantity | None:
    """Read a Quantity; None where there is none."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, bool | int | Decimal):
        return Quantity(Decimal(int(value) if isinstance(value, bool) else value), "1")
    return read_quantity(value) if isinstance(value, str) else None


def to_date(value: Any) -> Moment | None:
    """Read a Date (the day of a DateTime); None where there is none."""
    if isinstance(value, Moment):
        if value.kind == "time":
            return None
        return value if value.kind == "date" else read_date(value.text[:10].rstrip("T"))
    if not isinstance(value, str):
        return None
    moment = read_moment(value)
    return to_date(moment) if moment else None


def to_date_time(value: Any) -> Moment | None:
    """Read a DateTime (of the day's precision for a Date); None where there is none."""
    if isinstance(value, Moment):
        return value if value.kind == "dateTime" else read_date_time(value.text) if value.kind == "date" else None
    return read_date_time(value) if isinstance(value, str) else None


def to_time(value: Any) -> Moment | None:
    """Read a Time; None where there is none."""
    if isinstance(value, Moment):
        return value if value.kind == "time" else None
    return read_time(value) if isinstance(value, str) else None


def _conversion(name: str, type_: Type, convert: Callable[[Any], Any], most: int = 0) -> None:
    @function("to" + name, 0, most)
    def to(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        run = one(lowered(source))
        unit = one(lowered(compiler.compile(tree.arguments[0], focus))) if tree.arguments else None

        def converted(this: Any, env: Environment) -> Any:
            value = run(this, env)
            if value is None:
                return None
            result = convert(value)
            return _in_unit(result, unit(this, env)) if unit and result is not None else result

        return Code(converted, single=True, type=type_)

    @function("convertsTo" + name, 0, most)
    def converts(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        run = to(compiler, source, tree, focus).run
        there = one(source)

        def convertible(this: Any, env: Environment) -> bool | None:
            item = there(this, env)
            if item is None or (item.__class__ is Node and item.value is None):
                return None
            return run(this, env) is not None

        return Code(convertible, single=True, type=BOOLEAN)


def _in_unit(value: Quantity, unit: Any) -> Quantity | None:
    if not isinstance(unit, str):
        return None
    wanted = Quantity(Decimal(1), unit)
    same = compare(wanted, Quantity(Decimal(1), value.unit, calendar=value.calendar))
    if same is None:
        return None
    from fhirserver.fhirpath import ucum  # noqa: PLC0415 - seldom asked for

    mine, other = ucum.canonical(value.value, value.ucum), ucum.canonical(Decimal(1), unit)
    return Quantity(mine[0] / other[0], unit) if mine and other else None


_conversion("Boolean", BOOLEAN, to_boolean)
_conversion("Integer", INTEGER, to_integer)
_conversion("Decimal", DECIMAL, to_decimal)
_conversion("String", STRING, to_text)
_conversion("Quantity", QUANTITY, to_quantity, 1)
_conversion("Date", DATE, to_date)
_conversion("DateTime", DATE_TIME, to_date_time)
_conversion("Time", TIME, to_time)
