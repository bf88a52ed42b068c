"""Decimals as texts that sort like the numbers they stand for, and the precision that a number's digits imply.

MongoDB compares the texts as binary strings, exactly, for any number of digits: no double rounds anything.
https://hl7.org/fhir/R4/search.html#number gives the rule of implied precision.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Final

LOWEST: Final = "0"
"""Sorts before every number."""

HIGHEST: Final = "9"
"""Sorts after every number."""

_EXPONENT_ZERO: Final = 5_000
_MAX_EXPONENT: Final = 4_000
_COMPLEMENT: Final = str.maketrans("0123456789", "9876543210")
_ARITHMETIC: Final = Context(prec=400)
_FORM: Final = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,5})?", re.ASCII)
_MAX_LENGTH: Final = 200
_LARGEST_DOUBLE: Final = 308


def sortable(number: Decimal) -> str:
    """Return a text that sorts among its like as the number does.

    Raises:
        ValueError: not finite, or an exponent beyond ±4,000.
    """
    if not number.is_finite():
        raise ValueError(str(number))
    sign, digits, _ = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return "5"
    exponent = number.adjusted()
    if abs(exponent) > _MAX_EXPONENT:
        raise ValueError(str(number))
    encoded = f"{_EXPONENT_ZERO + exponent:04d}{text.rstrip('0')}"
    # The complement reverses the order below zero; the tilde makes a shorter text the greater one there.
    return f"4{encoded.translate(_COMPLEMENT)}~" if sign else f"6{encoded}"


def read(text: str) -> Decimal:
    """Read a number of a query.

    Raises:
        ValueError: not a number as FHIR writes them, or beyond what a double can hold (`1e999`).
    """
    if len(text) > _MAX_LENGTH or not _FORM.fullmatch(text):
        raise ValueError(text)
    number = Decimal(text)
    if number and abs(number.adjusted()) > _LARGEST_DOUBLE:
        raise ValueError(text)
    return number


def implied(number: Decimal) -> tuple[Decimal, Decimal]:
    """Return the interval (begin inclusive, end exclusive) of the numbers that round to this one's last digit.

    `100` is [99.5, 100.5), `100.00` is [99.995, 100.005). The specification's example says that `1e2` is [95, 105):
    a single digit before an exponent counts as two.
    """
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent > 0 and len(number.as_tuple().digits) == 1:
        exponent -= 1
    half = Decimal((0, (5,), exponent - 1))
    return _ARITHMETIC.subtract(number, half), _ARITHMETIC.add(number, half)


def around(number: Decimal) -> tuple[Decimal, Decimal]:
    """Return the interval that `ap` means: 10 % on both sides."""
    tenth = _ARITHMETIC.multiply(abs(number), Decimal("0.1"))
    return _ARITHMETIC.subtract(number, tenth), _ARITHMETIC.add(number, tenth)
