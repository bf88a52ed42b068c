"""UCUM units: is a code valid, what is it in base units, can two be compared (https://ucum.org/ucum).

Values stay exact (fractions) until the last step; a unit is read once and remembered.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import Final, NamedTuple

MAX_LENGTH: Final = 200
_DIGITS: Final = Context(prec=28)
_MAX_EXPONENT: Final = 99
_COMPONENT: Final = re.compile(r"([^\d\s./(){}\[\]+-]*(?:\[[^\]\s]*\][^\d\s./(){}\[\]+-]*)*)([+-]?\d+)?")
_ANNOTATION: Final = re.compile(r"\{[\x21-\x7a\x7c\x7e\x20]*?\}")
_TEN: Final = re.compile(r"10[*^]([+-]?\d+)?")
_NUMBER: Final = re.compile(r"\d+")
_OFFSETS: Final = {
    "Cel": Fraction("273.15"),
    "[degF]": Fraction("459.67") * Fraction(5, 9),
    "[degRe]": Fraction("273.15"),
}

Dimension = tuple[tuple[str, int], ...]


class Unit(NamedTuple):
    """A unit read: its factor to base units, the power of each base unit, and a scale's zero in base units."""

    factor: Fraction
    dimension: Dimension
    offset: Fraction = Fraction(0)


class _Entry(NamedTuple):
    value: str
    unit: str
    metric: bool
    own: bool


_ONE: Final = Unit(Fraction(1), ())


def valid(unit: str) -> bool:
    """Tell whether a code is a UCUM unit (case-sensitive codes)."""
    return _read(unit) is not None


def canonical(value: Decimal, unit: str) -> tuple[Decimal, str] | None:
    """Return a value in base units (`g`, `m`, `s`, `rad`, `K`, `C`, `cd`), with the code of that unit.

    Arbitrary units (`[iU]`) and logarithmic scales (`[pH]`) are base units of their own.

    Returns:
        The value, to 28 digits, and a unit such as `g.m-3`; None where the unit is not UCUM.
    """
    known = _read(unit)
    if known is None:
        return None
    exact = Fraction(value) * known.factor + known.offset
    number = _DIGITS.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return number, _code(known.dimension)


def comparable(left: str, right: str) -> bool:
    """Tell whether both units are UCUM and of the same dimension."""
    mine, other = _read(left), _read(right)
    return mine is not None and other is not None and mine.dimension == other.dimension


def ratio(left: str, right: str) -> Fraction | None:
    """Return how many of the right unit one of the left is (`g`, `mg`: 1000), exactly.

    Returns:
        None where either is not UCUM, their dimensions differ, or one is a scale with a zero of its own (`Cel`).
    """
    mine, other = _read(left), _read(right)
    if mine is None or other is None or mine.dimension != other.dimension or mine.offset != other.offset:
        return None
    return None if mine.offset else mine.factor / other.factor


def combined(left: str, right: str, *, divide: bool = False) -> str | None:
    """Return the canonical unit of a product or quotient of two units; None where either is not UCUM."""
    mine, other = _read(left), _read(right)
    if mine is None or other is None:
        return None
    return _code(_multiply(mine.dimension, other.dimension, -1 if divide else 1))


def _code(dimension: Dimension) -> str:
    return ".".join(base + (str(power) if power != 1 else "") for base, power in dimension) or "1"


def _multiply(left: Dimension, right: Dimension, sign: int) -> Dimension:
    powers = dict(left)
    for base, power in right:
        powers[base] = powers.get(base, 0) + sign * power
    return tuple(sorted((base, power) for base, power in powers.items() if power))


def _raised(unit: Unit, power: int) -> Unit:
    if power == 1:
        return unit
    return Unit(unit.factor**power, tuple((base, have * power) for base, have in unit.dimension if power))


@cache
def _table() -> dict[str, _Entry]:
    from fhirserver.fhirpath.values import ucum_units  # noqa: PLC0415 - most processes never read a unit

    table = {base: _Entry("1", base, metric=True, own=True) for base in ucum_units.BASE_UNITS}
    for line in ucum_units.UNITS.splitlines():
        code, value, unit, flags = line.split(" ")
        # [IU] is another name of [iU]: it shares its dimension.
        own = ("a" in flags and not unit.startswith("[")) or ("s" in flags and code not in _OFFSETS)
        table[code] = _Entry(value, unit, "m" in flags, own)
    return table


@cache
def _prefixes() -> dict[str, Fraction]:
    from fhirserver.fhirpath.values import ucum_units  # noqa: PLC0415 - as above

    return {prefix: Fraction(value) for prefix, value in ucum_units.PREFIXES.items()}


@lru_cache(maxsize=4096)
def _read(unit: str) -> Unit | None:
    if not unit or len(unit) > MAX_LENGTH:
        return None
    reader = _Reader(unit)
    try:
        found = reader.term(0)
    except (ValueError, ZeroDivisionError):
        return None
    return found if reader.at == len(unit) else None


@lru_cache(maxsize=1024)
def _atom(code: str) -> Unit | None:
    table = _table()
    entry = table.get(code)
    if entry is not None:
        return _of(code, entry)
    for length in (1, 2):
        entry = table.get(code[length:]) if len(code) > length else None
        factor = _prefixes().get(code[:length])
        if entry is not None and factor is not None and entry.metric:
            base = _of(code[length:], entry)
            return base and Unit(base.factor * factor, base.dimension, base.offset)
    return None


def _of(code: str, entry: _Entry) -> Unit | None:
    if entry.own:
        return Unit(Fraction(1), ((code, 1),))
    base = _read(entry.unit)
    return base and Unit(base.factor * Fraction(entry.value), base.dimension, _OFFSETS.get(code, Fraction(0)))


class _Reader:
    """Reads one unit: terms of components joined by `.` and `/`, with exponents, parentheses and annotations."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def term(self, depth: int) -> Unit:
        if depth > 20:  # noqa: PLR2004 - no real unit nests parentheses so deep
            raise ValueError
        if self._peek() == "/":
            result, sign = _ONE, -1
            self.at += 1
        else:
            result, sign = self._component(depth), 0
        while True:
            if sign:
                part = self._component(depth)
                result = Unit(
                    result.factor * part.factor if sign > 0 else result.factor / part.factor,
                    _multiply(result.dimension, part.dimension, sign),
                )
            joint = self._peek()
            if joint not in (".", "/") or not joint:
                return result
            self.at += 1
            sign = 1 if joint == "." else -1

    def _component(self, depth: int) -> Unit:
        if self._peek() == "(":
            self.at += 1
            found = self.term(depth + 1)
            if self._peek() != ")":
                raise ValueError
            self.at += 1
            return found
        annotation = _ANNOTATION.match(self.text, self.at)
        if annotation is not None:
            self.at = annotation.end()
            return _ONE
        found = self._simple()
        annotation = _ANNOTATION.match(self.text, self.at)
        if annotation is not None:
            self.at = annotation.end()
        return found

    def _simple(self) -> Unit:
        ten = _TEN.match(self.text, self.at)
        if ten is not None:
            self.at = ten.end()
            return Unit(Fraction(10) ** self._power(ten.group(1)), ())
        number = _NUMBER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            return Unit(Fraction(int(number.group())), ())
        match = _COMPONENT.match(self.text, self.at)
        if match is None or not match.group(1):
            raise ValueError
        self.at = match.end()
        known = _atom(match.group(1))
        if known is None:
            raise ValueError
        return _raised(known, self._power(match.group(2)))

    @staticmethod
    def _power(text: str | None) -> int:
        power = int(text or 1)
        if abs(power) > _MAX_EXPONENT:
            raise ValueError
        return power
