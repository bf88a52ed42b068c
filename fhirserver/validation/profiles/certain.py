"""Invariants that surely hold, seen at a look: Python source in place of FHIRPath's closures where that is enough.

`code.exists() implies (system = %ucum and value.exists())` is a few look-ups in the object. For each expression two
conditions are written, one under which it is surely true and one under which it is surely false; what is not
understood has neither. Where the first one does not hold, FHIRPath decides: so the conditions may be narrow, and need
say nothing of malformed values. `tests/unit/validation/test_certain.py` proves that FHIRPath agrees.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from fhirserver.fhirpath import ExpressionError
from fhirserver.fhirpath.grammar.syntax import Binary, Call, Constant, Literal, Member, Tree, parse
from fhirserver.jsontext import Number
from fhirserver.validation.profiles.source import Source

_TEXTS: Final = frozenset({"code", "string", "uri", "url", "canonical", "id", "markdown", "oid", "uuid"})
_NUMBERS: Final = frozenset({"integer", "positiveInt", "unsignedInt", "decimal"})
_DAYS: Final = frozenset({"date", "dateTime"})
_PRESENCE: Final = frozenset({"exists", "empty", "hasValue"})
_ORDERS: Final = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_VARIABLES: Final = {"ucum": "http://unitsofmeasure.org", "sct": "http://snomed.info/sct", "loinc": "http://loinc.org"}
_KINDS_OF_NUMBER: Final = frozenset({int, Number})
_day: Final = re.compile(r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])").fullmatch


class Child(NamedTuple):
    """An element of the object.

    Attributes:
        keys: the JSON properties under which it may stand.
        type: its FHIR type where it does not repeat and has only one, else empty.
    """

    keys: Collection[str]
    type: str


def look(source: Source, expression: str, children: Mapping[str, Child]) -> str | None:
    """Return a condition on `value` under which an expression is surely true; None where there is none.

    Args:
        source: takes the condition's constants.
        expression: FHIRPath.
        children: the elements of the object, by FHIRPath name.
    """
    try:
        tree = parse(expression)
    except ExpressionError:
        return None
    return _Looking(source, children).surely(tree, wanted=True)


class _Looking:
    def __init__(self, source: Source, children: Mapping[str, Child]) -> None:
        self._source = source
        self._children = children

    def surely(self, tree: Tree, *, wanted: bool) -> str | None:
        """Return the condition under which a tree surely is what is wanted."""
        if isinstance(tree, Call):
            return self._call(tree, wanted=wanted)
        if isinstance(tree, Binary):
            if tree.operator in ("and", "or", "implies"):
                return self._joined(tree, wanted=wanted)
            if tree.operator in ("=", "!="):
                return self._equal(tree.left, tree.right, wanted=wanted == (tree.operator == "="))
            if tree.operator in _ORDERS:
                return self._ordered(tree, wanted=wanted)
        return None

    def _joined(self, tree: Binary, *, wanted: bool) -> str | None:
        implied = tree.operator == "implies"
        first = self.surely(tree.left, wanted=wanted != implied)
        second = self.surely(tree.right, wanted=wanted)
        # what is wanted of `and` asks for both, of `or` and `implies` for either; the other way round for false
        if wanted == (tree.operator == "and"):
            return f"({first} and {second})" if first and second else None
        if second is None or not self._harmless(tree.left):
            return first  # FHIRPath looks at the left side first, and may stumble over malformed values there
        return f"({first} or {second})" if first else second

    def _harmless(self, tree: Tree) -> bool:
        """Return whether FHIRPath gives an answer whatever the values are."""
        if isinstance(tree, Call):
            inner = tree.name == "not" and tree.source is not None and self._harmless(tree.source)
            found = self._child(tree.source) if tree.name in _PRESENCE else None
            return not tree.arguments and (inner or (found is not None and bool(found[1].type)))
        if not isinstance(tree, Binary):
            return False
        if tree.operator in ("and", "or", "implies"):
            return self._harmless(tree.left) and self._harmless(tree.right)
        return tree.operator in ("=", "!=") and self._text_and_literal(tree.left, tree.right) is not None

    def _child(self, tree: Tree | None) -> tuple[str, Child] | None:
        if not isinstance(tree, Member) or tree.source is not None:
            return None
        child = self._children.get(tree.name)
        return (tree.name, child) if child else None

    def _get(self, name: str) -> str:
        return f"value.get({self._source.constant(name)})"

    def _call(self, tree: Call, *, wanted: bool) -> str | None:
        if tree.arguments:
            return None
        if tree.name == "not" and tree.source is not None:
            return self.surely(tree.source, wanted=not wanted)
        found = self._child(tree.source) if tree.name in _PRESENCE else None
        if found is None:
            return None
        return self._present(tree.name, *found) if wanted == (tree.name != "empty") else self._absent(found[1])

    def _present(self, function: str, name: str, child: Child) -> str | None:
        if not child.type:
            return None
        got = self._get(name)
        # what is there, but false, zero or malformed, is left to FHIRPath
        return f"(type({got}) is str and {got} != '')" if function == "hasValue" else got

    def _absent(self, child: Child) -> str:
        keys = sorted({*child.keys, *(f"_{key}" for key in child.keys)})
        if len(child.keys) == 1:
            return " and ".join(f"{self._source.constant(key)} not in value" for key in keys)
        return f"{self._source.constant(frozenset(keys))}.isdisjoint(value)"

    def _text_and_literal(self, left: Tree, right: Tree) -> tuple[str, str] | None:
        found, other = self._child(left), _literal(right)
        return (found[0], other) if found and found[1].type in _TEXTS and type(other) is str else None

    def _equal(self, left: Tree, right: Tree, *, wanted: bool) -> str | None:
        compared = self._text_and_literal(left, right)
        if compared is None:
            return None
        got, constant = self._get(compared[0]), self._source.constant(compared[1])
        return f"{got} == {constant}" if wanted else f"(type({got}) is str and {got} != {constant})"

    def _ordered(self, tree: Binary, *, wanted: bool) -> str | None:
        found, other = self._child(tree.left), self._child(tree.right)
        operator = tree.operator if wanted else _ORDERS[tree.operator]
        if found is None:
            return None
        got = self._get(found[0])
        if other is not None:
            if found[1].type not in _DAYS or other[1].type not in _DAYS:
                return None
            day, beside = self._source.constant(is_day), self._get(other[0])
            return f"({day}({got}) and {day}({beside}) and {got} {operator} {beside})"
        number = _literal(tree.right)
        if found[1].type not in _NUMBERS or type(number) is not int:
            return None
        kinds = self._source.constant(_KINDS_OF_NUMBER)
        return f"(type({got}) in {kinds} and {got} {operator} {self._source.constant(number)})"


def _literal(tree: Tree) -> Any:
    if isinstance(tree, Literal):
        return tree.value
    return _VARIABLES.get(tree.name) if isinstance(tree, Constant) else None


def is_day(value: Any) -> bool:
    """Return whether a value is a day that every month has, which compares as its text does."""
    return type(value) is str and _day(value) is not None
