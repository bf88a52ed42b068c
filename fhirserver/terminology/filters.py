"""Filters of a value set over a code system: https://hl7.org/fhir/R4/valueset-filter-operator.html."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import re2

from fhirserver.issues import Text
from fhirserver.terminology.codesystem import CodeSystem, property_value

_THE_CODE: Final = frozenset({"code", "concept"})


class UnusableError(Exception):
    """A value set, or a part of one, that cannot be evaluated; the text says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def select(system: CodeSystem, filters: Iterable[dict[str, Any]]) -> set[int]:
    """Return the positions of the concepts that pass every filter.

    Raises:
        UnusableError: a filter is incomplete, its operator is unknown, or its regular expression does not compile.
    """
    chosen: set[int] | None = None
    for filter_ in filters:
        passed = _passing(system, filter_)
        chosen = passed if chosen is None else chosen & passed
    return set(range(len(system.table))) if chosen is None else chosen


def _passing(system: CodeSystem, filter_: dict[str, Any]) -> set[int]:
    name, operator, value = (filter_.get(key) for key in ("property", "op", "value"))
    if not (isinstance(name, str) and isinstance(operator, str) and isinstance(value, str)):
        raise UnusableError(
            Text(
                f"Filtre incomplet sur {system.url} : property, op et value sont requis.",
                f"Incomplete filter on {system.url}: property, op and value are required.",
            )
        )
    of_hierarchy = _HIERARCHY.get(operator)
    if of_hierarchy:
        return of_hierarchy(system, value)
    test = _tests(operator, value, system)
    everything = range(len(system.table))
    return {position for position in everything if test(_values(system, position, name))}


def _values(system: CodeSystem, position: int, name: str) -> list[str]:
    """Return the values of a property, as text; the concept's own elements count as properties."""
    table = system.table
    if name in _THE_CODE:
        return [table.code(position)]
    if name in ("parent", "child"):
        partners = table.parents(position) if name == "parent" else table.children(position)
        return [table.code(partner) for partner in partners]
    record = table.record(position)
    if name in ("display", "definition"):
        return [record[name]] if record.get(name) else []
    return [_text(property_value(it)) for it in record.get("property") or () if it.get("code") == name]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _tests(operator: str, value: str, system: CodeSystem) -> Callable[[list[str]], bool]:
    listed = frozenset(part.strip() for part in value.split(","))
    if operator == "=":
        return lambda values: value in values
    if operator == "in":
        return lambda values: not listed.isdisjoint(values)
    if operator == "not-in":
        return listed.isdisjoint
    if operator == "exists":
        wanted = value == "true"
        return lambda values: bool(values) == wanted
    if operator == "regex":
        pattern = _pattern(value, system)
        return lambda values: any(pattern.fullmatch(one) for one in values)
    raise UnusableError(
        Text(
            f"Opérateur de filtre inconnu « {operator} » sur {system.url}.",
            f'Unknown filter operator "{operator}" on {system.url}.',
        )
    )


def _pattern(value: str, system: CodeSystem) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        # linear time whatever the pattern: value sets come from outside
        return re2.compile(value, options)
    except re2.error:
        raise UnusableError(
            Text(
                f"L'expression régulière « {value[:80]} » d'un filtre sur {system.url} n'est pas utilisable.",
                f'The regular expression "{value[:80]}" of a filter on {system.url} cannot be used.',
            )
        ) from None


def _position(system: CodeSystem, code: str) -> int:
    position = system.table.find(code)
    if position is None:
        raise UnusableError(
            Text(
                f"Un filtre part du code « {code} », absent de {system.url}.",
                f'A filter starts from the code "{code}", which {system.url} does not have.',
            )
        )
    return position


def _is_a(system: CodeSystem, code: str) -> set[int]:
    position = _position(system, code)
    return system.table.descendants(position) | {position}


def _descendent_of(system: CodeSystem, code: str) -> set[int]:
    position = _position(system, code)
    return system.table.descendants(position) - {position}


def _is_not_a(system: CodeSystem, code: str) -> set[int]:
    return set(range(len(system.table))) - _is_a(system, code)


def _generalizes(system: CodeSystem, code: str) -> set[int]:
    position = _position(system, code)
    return system.table.ancestors(position) | {position}


def _child_of(system: CodeSystem, code: str) -> set[int]:
    return set(system.table.children(_position(system, code)))


def _descendent_leaf(system: CodeSystem, code: str) -> set[int]:
    return {position for position in _descendent_of(system, code) if not system.table.children(position)}


_HIERARCHY: Final[dict[str, Callable[[CodeSystem, str], set[int]]]] = {
    "is-a": _is_a,
    "descendent-of": _descendent_of,
    "is-not-a": _is_not_a,
    "generalizes": _generalizes,
    "child-of": _child_of,
    "descendent-leaf": _descendent_leaf,
}
