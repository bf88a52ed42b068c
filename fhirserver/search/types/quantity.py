"""Quantity parameters (https://hl7.org/fhir/R4/search.html#quantity).

A value is kept as `{b, e, c, n}`: its interval in sortable texts, `code TAB system`, the unit as written; where the
unit is one of UCUM, also `{cb, ce, cu}`: the same in canonical units, so that `5.4 g` finds `5400 mg`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types import number
from fhirserver.search.types.values import Collector, Condition, ValueFault, Values, add
from fhirserver.search.values import decimals, escapes, prefixes, units
from fhirserver.search.values.decimals import HIGHEST, LOWEST, sortable
from fhirserver.search.values.keys import SEPARATOR, Bounds
from fhirserver.search.values.prefixes import Compared

CURRENCIES: Final = "urn:iso:std:iso:4217"
_QUANTITIES: Final = frozenset({"Quantity", "SimpleQuantity", "Age", "Duration", "Count", "Distance", "MoneyQuantity"})
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity of a query.

    Attributes:
        value: the number, compared in the unit that was asked for.
        system: None: any.
        code: the unit; None: any.
        canonical: the same in canonical units, and these units; None where UCUM does not know the unit.
    """

    value: Compared[str]
    system: str | None
    code: str | None
    canonical: tuple[Compared[str], str] | None


def collector(fhir_type: str, field: str) -> Collector | None:
    """Return what extracts quantities from elements of a FHIR type; None if it has none."""
    if fhir_type in _QUANTITIES:
        return lambda element, values: _add(element, element, field, values)
    if fhir_type == "Money":
        return lambda element, values: _add_money(element, field, values)
    if fhir_type == "Range":
        return lambda element, values: _add(element.get("low"), element.get("high"), field, values)
    if fhir_type == "SampledData":
        return lambda element, values: _add(element["origin"], element["origin"], field, values)
    return None


def _add_money(element: Any, field: str, values: Values) -> None:
    text = sortable(Decimal(element["value"]))
    add(values, field, {"b": text, "e": text, "c": element.get("currency", "") + SEPARATOR + CURRENCIES, "n": ""})


def _add(low: Any, high: Any, field: str, values: Values) -> None:
    unit = low or high
    if not unit:
        return
    begin = Decimal(low["value"]) if low and "value" in low else None
    end = Decimal(high["value"]) if high and "value" in high else None
    comparator = unit.get("comparator")
    if comparator in ("<", "<="):
        begin = None
    elif comparator in (">", ">="):
        end = None
    if begin is None and end is None:
        return
    code, system = unit.get("code", ""), unit.get("system", "")
    entry = {
        "b": LOWEST if begin is None else sortable(begin),
        "e": HIGHEST if end is None else sortable(end),
        "c": code + SEPARATOR + system,
        "n": unit.get("unit", ""),
    }
    if system == units.SYSTEM:
        low_canonical = units.canonical(Decimal(0) if begin is None else begin, code)
        high_canonical = units.canonical(Decimal(0) if end is None else end, code)
        if low_canonical and high_canonical:
            entry["cb"] = LOWEST if begin is None else sortable(low_canonical[0])
            entry["ce"] = HIGHEST if end is None else sortable(high_canonical[0])
            entry["cu"] = low_canonical[1]
    add(values, field, entry)


def index_keys(field: str, found: list[dict[str, str]]) -> list[str]:
    """Return the keys of quantities: by canonical unit and value where there is one, by value always."""
    result = []
    for value in found:
        point = value["b"] == value["e"]
        if "cu" in value:
            result.append(f"{field}={value['cu']}{SEPARATOR}{value['cb']}" if point else f"{field}~{value['cu']}")
        result.append(f"{field}={SEPARATOR}{value['b']}" if point else f"{field}~")
    return result


def read(text: str) -> Measure:
    """Read `[prefix]number`, `number|system|code` or `number||code`.

    Raises:
        ValueFault: not of that form.
    """
    parts = [escapes.unescape(part) for part in escapes.split(text, "|")]
    if len(parts) not in (1, _PARTS):
        raise _form_fault(text)
    prefix, digits = prefixes.split(parts[0])
    value = number.compared(prefix, digits)
    if len(parts) == 1:
        return Measure(value, None, None, None)
    system, code = parts[1] or None, parts[2] or None
    if code is None and system is not None:
        raise _form_fault(text)
    if code is None or system != units.SYSTEM:
        return Measure(value, system, code, None)
    begin, end = number.interval(prefix, decimals.read(digits))
    low, high = units.canonical(begin, code), units.canonical(end, code)
    if low is None or high is None:
        return Measure(value, system, code, None)
    return Measure(value, system, code, (Compared(prefix, sortable(low[0]), sortable(high[0])), low[1]))


def condition(path: str, measures: list[Measure]) -> Condition:
    """Return the condition that a quantity compares so with one of the measures."""
    parts: list[Condition] = [{path: {"$elemMatch": _comparison(measure)}} for measure in measures]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def _comparison(measure: Measure) -> Condition:
    if measure.canonical:
        value, dimension = measure.canonical
        return {"cu": dimension, **number.comparison(value, "cb", "ce")}
    compared = number.comparison(measure.value)
    if measure.code is None:
        return compared
    if measure.system is not None:
        return {"c": measure.code + SEPARATOR + measure.system, **compared}
    of_code: Condition = {"c": {"$gte": measure.code + SEPARATOR, "$lt": measure.code + "\n"}}
    return {"$and": [{"$or": [of_code, {"n": measure.code}]}, compared]}


def bounds(field: str, measures: list[Measure], rank: int = 6) -> Bounds:
    """Return where candidates stand."""
    ranges: list[tuple[str, str]] = []
    for measure in measures:
        if measure.canonical:
            value, dimension = measure.canonical
            ranges += (
                number.key_range(f"{field}={dimension}{SEPARATOR}", value),
                (f"{field}~{dimension}", f"{field}~{dimension}\x01"),
            )
        else:
            ranges += (
                number.key_range(f"{field}={SEPARATOR}", measure.value),
                (f"{field}~", f"{field}~\x01"),
            )
    return Bounds("k", (), tuple(ranges), rank)


def _form_fault(text: str) -> ValueFault:
    return ValueFault(
        Text(
            f"« {text[:60]} » n'est pas une quantité : écrivez `nombre`, `nombre|système|code` ou `nombre||code`",
            f'"{text[:60]}" is not a quantity: write `number`, `number|system|code` or `number||code`',
        )
    )
