"""Invariants that a look finds true are true by FHIRPath, for every constraint of R4 that a look may decide."""

from __future__ import annotations

import random
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine, EvaluationError
from fhirserver.fhirpath.environment import Environment
from fhirserver.validation.profiles.certain import Child, look
from fhirserver.validation.profiles.source import Source
from fhirserver.validation.profiles.tree import Element, grow

VALUES = (
    "a", "d", "mg", "", " ", "http://unitsofmeasure.org", "http://standardterms.edqm.eu", "document", "searchset",
    "history", "type", "group", "display", "home", "2024", "2024-05", "2024-05-02", "2024-05-03", "2024-05-31",
    "2024-02-30", "2024-05-02T10:00:00Z", "2024-05-02T10:00:00+02:00", "10:00:00", 0, 1, 2, -1, 5, True, False, None,
    [], {}, ["a"], [None], {"id": "x"}, {"text": "x"}, jsontext.Number("0.0"), jsontext.Number("1.50"),
    jsontext.Number("-1e3"),
)  # fmt: skip


def written(expression: str, children: dict[str, Child]) -> Any:
    source = Source()
    condition = look(source, expression, children)
    if condition is None:
        return None
    source.add(0, f"return bool({condition})")
    return source.made("value")


def children_of(element: Element) -> dict[str, Child]:
    found = {}
    for child in element.below:
        stem = child.name.removesuffix("[x]")
        codes = [one["code"] for one in child.types]
        keys = [stem + code[0].upper() + code[1:] for code in codes if code] if child.name.endswith("[x]") else [stem]
        only = codes[0] if len(codes) == 1 and not child.repeats and stem == child.name else ""
        found[stem] = Child(keys, only)
    return found


def some_object(rng: random.Random, children: dict[str, Child], expression: str) -> dict[str, Any]:
    keys = [key for name, child in children.items() if name in expression for key in child.keys]
    value = {key: rng.choice(VALUES) for key in keys if rng.random() < 0.7}
    return value | {f"_{key}": {"id": "x"} for key in keys if rng.random() < 0.1}


def holds(test: Any, value: dict[str, Any]) -> bool:
    try:
        return test(value, Environment(value)) is True
    except EvaluationError:
        return False


def test_what_a_look_finds_true_is_true_by_fhirpath(core: Definitions) -> None:
    rng = random.Random("certain")
    engine = Engine(core)
    looked, seen_true = 0, set()
    for structure in core.all("StructureDefinition"):
        if structure.get("derivation") == "constraint" or structure["kind"] not in ("resource", "complex-type"):
            continue
        waiting = [grow(structure)]
        while waiting:
            element = waiting.pop()
            waiting += element.children
            children = children_of(element)
            for stated in element.definition.get("constraint", ()):
                expression = stated.get("expression", "")
                certain = written(expression, children) if children else None
                if certain is None:
                    continue
                looked += 1
                test = engine.compile(expression, element.path).test
                for _ in range(60):
                    value = some_object(rng, children, expression)
                    if certain(value):
                        seen_true.add(expression)
                        assert holds(test, value), (expression, value)
    assert looked > 100
    assert len(seen_true) > 40


CHILDREN = {
    "code": Child(("code",), "code"), "system": Child(("system",), "uri"), "start": Child(("start",), "dateTime"),
    "end": Child(("end",), "dateTime"), "n": Child(("n",), "decimal"), "many": Child(("many",), ""),
    "value": Child(("valueString", "valueCode"), ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "value", "found"),
    [
        ("code.exists()", {"code": "a"}, True),
        ("code.exists()", {"_code": {}}, False),  # FHIRPath says yes: it is asked
        ("code.empty()", {}, True),
        ("code.empty()", {"_code": {}}, False),
        ("value.empty()", {"valueCode": "a"}, False),
        ("value.empty() or many.empty().not()", {}, True),
        ("code.exists() implies (system = %ucum)", {"code": "a", "system": "http://unitsofmeasure.org"}, True),
        ("code.exists() implies (system = %ucum)", {"code": "a"}, False),
        ("code.exists() implies (system = %ucum)", {"system": "x"}, True),
        ("start.hasValue().not() or end.hasValue().not() or (start <= end)", {"start": "2024-05-02"}, True),
        ("start <= end", {"start": "2024-05-02", "end": "2024-05-02"}, True),
        ("start <= end", {"start": "2024-05", "end": "2024-05-02"}, False),
        ("start <= end", {"start": "2024-05-03", "end": "2024-05-02"}, False),
        ("(start > end).not()", {"start": "2024-05-02", "end": "2024-05-03"}, True),
        ("n.exists() implies n >= 0", {"n": jsontext.Number("1.5")}, True),
        ("n.exists() implies n >= 0", {"n": True}, False),
        ("code != 'a' and n < 5", {"code": "b", "n": 4}, True),
    ],
)
def test_a_look_is_sure_only_of_what_it_sees(expression: str, value: dict[str, Any], found: bool) -> None:  # noqa: FBT001 - a case
    assert written(expression, CHILDREN)(value) is found


@pytest.mark.parametrize(
    "expression",
    [
        "many.exists()",
        "value.exists()",
        "code.matches('x')",
        "a.b.exists()",
        "code = system",
        "n = 1",
        "start <= code",
        "(",
    ],
)
def test_what_is_not_understood_is_left_to_fhirpath(expression: str) -> None:
    assert written(expression, CHILDREN) is None
