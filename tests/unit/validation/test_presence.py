"""Invariants by presence agree with FHIRPath, for every constraint of R4 that takes this way."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine, Environment
from fhirserver.validation.elements.formats import FORMATS
from fhirserver.validation.profiles.presence import presence_test
from fhirserver.validation.profiles.tree import Element, grow

SAMPLE = {
    "boolean": True, "integer": 1, "positiveInt": 1, "unsignedInt": 1, "decimal": 1, "date": "2024", "dateTime": "2024",
    "instant": "2024-05-02T10:00:00Z", "time": "10:00:00", "base64Binary": "QQ==", "uri": "urn:oid:1.2", "id": "a",
}  # fmt: skip
ROUNDS = 12


def _elements(root: Element) -> Iterator[Element]:
    yield root
    for child in root.children:
        yield from _elements(child)


def _names(element: Element) -> dict[str, dict[str, object]]:
    """Return for each child its JSON properties with a value of the right type."""
    found: dict[str, dict[str, object]] = {}
    for child in element.children:
        stem = child.name.removesuffix("[x]")
        values: dict[str, object] = {}
        for one in child.types:
            key = stem + one["code"][0].upper() + one["code"][1:] if child.name.endswith("[x]") else stem
            value: object = (
                SAMPLE.get(one["code"], "a")
                if one["code"] in FORMATS
                else {"extension": [{"url": "http://x", "valueCode": "y"}]}
            )
            values[key] = [value] if child.repeats else value
        found[stem] = values
    return found


def test_every_constraint_of_r4_that_asks_for_presence_only_has_fhirpaths_verdict(core: Definitions) -> None:
    engine = Engine(core)
    numbers = random.Random(4)
    compared = 0
    for structure in core.all("StructureDefinition"):
        if (
            structure.get("derivation") == "constraint"
            or "snapshot" not in structure
            or structure.get("kind") == "logical"
        ):
            continue
        for element in _elements(grow(structure)):
            names = _names(element)
            for constraint in element.definition.get("constraint", ()):
                test = presence_test(constraint.get("expression") or "", names)
                if test is None:
                    continue
                expression = engine.compile(constraint["expression"], element.path)
                for _ in range(ROUNDS):
                    value = {}
                    for keys in names.values():
                        if keys and numbers.random() < 0.5:
                            key = numbers.choice(list(keys))
                            value[key] = keys[key]
                    if not value:
                        continue
                    compared += 1
                    assert test(value) == (expression.test(value, Environment()) is True), (constraint, value)
    assert compared > 500


@pytest.mark.parametrize(
    "expression",
    [
        "a.exists() and b",
        "a",
        "a.exists(b)",
        "a.b.exists()",
        "c.exists()",
        "a.exists(",
        "a.exists() and",
        "a = 1",
        "a.empty() or (b.exists()",
    ],
)
def test_other_expressions_are_left_to_fhirpath(expression: Any) -> None:
    assert presence_test(expression, {"a": ("a",), "b": ("b",)}) is None


def test_operators_bind_as_in_fhirpath() -> None:
    names = {name: (name,) for name in "abc"}
    test = presence_test("a.exists() or b.exists() and c.exists() implies a.empty()", names)
    assert test is not None
    assert test({"b": 1})
    assert not test({"a": 1})
    assert test({"b": 1, "c": 1})


def test_a_primitive_with_only_extensions_is_there() -> None:
    test = presence_test("a.exists()", {"a": ("a",)})
    assert test is not None
    assert test({"_a": {}})
