"""Quantities in readable French: `2 comprimés`, `une demi-ampoule`, `500 mg à 1 g`, `100 mL par heure`.

Source: Quantity, Range and Ratio of FHIR R4 (https://hl7.org/fhir/R4/datatypes.html#Quantity).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fhirserver.prescription.french.posology_words import (
    CODED,
    EDQM,
    FRACTIONS,
    SPACE,
    TIME_UNITS,
    is_counted,
    is_feminine,
    of,
    unit,
)

if TYPE_CHECKING:
    from fhirserver.prescription.execution.quantities import Amount

UCUM: Final = "http://unitsofmeasure.org"
_NEARLY: Final = 0.001
_HOURS_OF_DAY: Final = 24
_PLURAL_FROM: Final = 2
_COMPARED: Final = {"<": "moins", "<=": "au plus", ">=": "au moins", ">": "plus"}
Element = Mapping[str, Any]


def quantity(value: Element) -> str:
    """Write a Quantity: `2 comprimés`, `un demi-comprimé`, `1 comprimé et demi`, `12 000 UI`, `au plus 7 jours`."""
    compared = _COMPARED.get(value.get("comparator", ""))
    if compared is None:
        return _counted(value)
    return f"{compared} {of(_counted(value)) if compared in ('moins', 'plus') else _counted(value)}"


def said(amount: Amount) -> str:
    """Write an exact amount for a message: `28 comprimés`, with plain spaces, as messages have them."""
    return quantity(amount.quantity()).replace(SPACE, " ")


def _counted(value: Element) -> str:
    name = named(value)
    if value.get("value") is None:
        return f"{unit(name, plural=False)} (quantité non précisée)".strip()
    number = Decimal(value["value"])
    if not name:
        return figure(number)
    if _is_time(value):
        one, several, _ = TIME_UNITS[value["code"]]
        return f"{figure(number)}{SPACE}{several if abs(number) >= _PLURAL_FROM else one}"
    if is_counted(name) and number != number.to_integral_value():
        return _fraction(number, name)
    return measured(number, name)


def named(value: Element) -> str:
    """Return the unit as it was sent, else what its code says; empty where there is neither."""
    code = str(value.get("code") or "")
    if value.get("unit") or value.get("system") == UCUM or not code.isdigit():
        return str(value.get("unit") or code)
    known = CODED.get(code) if value.get("system") == EDQM else None
    return known or f"(unité : code {code})"


def measured(number: Decimal, name: str) -> str:
    """Write a number in figures, with its unit."""
    return f"{figure(number)}{SPACE}{unit(name, plural=abs(number) >= _PLURAL_FROM)}".rstrip(SPACE)


def _is_time(value: Element) -> bool:
    return value.get("code") in TIME_UNITS and value.get("system") == UCUM


def _fraction(number: Decimal, name: str) -> str:
    whole, rest = divmod(number, 1)
    one = unit(name, plural=False)
    for part, alone, after in FRACTIONS:
        if abs(float(rest) - part) < _NEARLY:
            if not whole:
                half = "une demi" if is_feminine(name) else "un demi"
                return f"{half}-{one}" if alone == "demi" else f"{alone} {of(one)}"
            agreed = "et demie" if after == "et demi" and is_feminine(name) else after
            return f"{measured(whole, name)} {agreed}" if after == "et demi" else f"{measured(whole, name)} et {after}"
    return measured(number, name)


def figure(number: Decimal) -> str:
    """Write a number as French does: decimal comma, thousands apart."""
    text = format(number, "f")
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    grouped = f"{int(whole):,}".replace(",", SPACE)
    if whole.startswith("-") and not grouped.startswith("-"):
        grouped = f"-{grouped}"
    return f"{grouped},{decimals}" if decimals else grouped


def ranged(value: Element, *, least: str = "au moins {}", most: str = "jusqu'à {}") -> str:
    """Write a Range: `1 à 2 comprimés`, `500 mg à 1 g`; `least`, `most`: how one end alone is said."""
    low, high = (end if end and end.get("value") is not None else None for end in map(value.get, ("low", "high")))
    if low and high:
        if not _same_unit(low, high):
            return f"{quantity(low)} à {quantity(high)}"
        if Decimal(low["value"]) == Decimal(high["value"]):
            return quantity(high)
        upper = Decimal(high["value"])
        exact = upper == upper.to_integral_value() or _is_time(high)
        return f"{figure(Decimal(low['value']))} à {quantity(high) if exact else measured(upper, named(high))}"
    if low:
        return least.format(quantity(low))
    return most.format(quantity(high)) if high else ""


def _same_unit(low: Element, high: Element) -> bool:
    """Whether the unit need be said once only: it is the same, or the lower end says none."""
    if _is_time(low) and _is_time(high):
        return bool(low["code"] == high["code"])
    one, other = named(low), named(high)
    return not one or unit(one, plural=True).lower() == unit(other, plural=True).lower()


def per(period: Element, *, several: str) -> str:
    """Write a denominator: `par jour`, `par 24 heures`, `en 12 heures`, `pour 10 kg`."""
    number = Decimal(period.get("value", 1))
    code = period.get("code")
    if number == 1:
        name = TIME_UNITS[code][0] if code in TIME_UNITS else unit(named(period), plural=False)
        return f"par {name}" if name else "par prise"
    if code not in TIME_UNITS:
        return f"pour {quantity(period)}"
    return f"{several if code == 'h' and number == _HOURS_OF_DAY else 'en'} {quantity(period)}"
