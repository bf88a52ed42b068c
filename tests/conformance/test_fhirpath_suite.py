"""The official FHIRPath suite for R4: the level that the engine holds.

The suite belongs to HL7 (FHIR/fhir-test-cases) and is no part of this project: it is read from beside the repository.
Every test in it is counted; those that do not pass, or cannot run, are named here with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError, Moment, Node, Quantity
from fhirserver.wire.xml.formatting import XmlCodec

SUITES = Path(__file__).parents[2] / "../shared/suites"
SUITE = SUITES / "fhirpath/tests-fhir-r4.xml"

LEFT_OUT = {"testPrimitiveExtensions": "its input, patient-name-extensions, is not published with the suite"}
FAILING = {
    "testPlusDate19": "the suite drops 0.1 's' added to a dateTime with milliseconds; FHIRPath 2.0 drops fractions "
    "only above seconds",
}


class Case(NamedTuple):
    name: str
    expression: str
    invalid: bool
    input: str | None
    predicate: bool
    ordered: bool
    outputs: list[tuple[str | None, str]]


def _cases() -> Iterator[Case]:
    for test in etree.parse(SUITE).iter("test"):
        expression = test.find("expression")
        assert expression is not None
        yield Case(
            test.get("name", ""),
            expression.text or "",
            expression.get("invalid") is not None,
            test.get("inputfile"),
            test.get("predicate") == "true",
            test.get("ordered") != "false",
            [(output.get("type"), output.text or "") for output in test.findall("output")],
        )


def _input(name: str, codec: XmlCodec) -> dict[str, Any] | None:
    stem = name.rpartition(".")[0]
    for folder in (SUITES / "fhirpath/inputs", SUITES / "examples"):
        if (xml := folder / f"{stem}.xml").is_file():
            return codec.read(xml.read_bytes())[0]
        if (json := folder / f"{stem}.json").is_file():
            return jsontext.read(json.read_bytes())
    return None


def _shown(item: Any) -> tuple[str, str]:
    value = item.system if isinstance(item, Node) else item
    match value:
        case bool():
            kind, text = "boolean", str(value).lower()
        case int():
            kind, text = "integer", str(value)
        case Decimal():
            kind, text = "decimal", f"{value:f}"
        case Moment():
            kind, text = value.kind, f"@{'T' if value.kind == 'time' else ''}{value}"
        case Quantity():
            kind, text = "Quantity", str(value)
        case _:
            kind, text = "string", str(value)
    return (item.type.name if isinstance(item, Node) else kind), text


def _passes(case: Case, engine: Engine, resource: dict[str, Any]) -> bool:
    env = Environment(resource)
    try:
        result = engine.compile(case.expression, resource["resourceType"], strict=True).evaluate(resource, env)
    except (ExpressionError, EvaluationError):
        return case.invalid
    if case.invalid:
        return False
    found = [_shown(item) for item in result]
    if case.predicate:
        found = [("boolean", str(bool(result) and result != [False]).lower())]
    expected = case.outputs
    if not case.ordered:
        found, expected = sorted(found, key=lambda pair: pair[1]), sorted(expected, key=lambda pair: pair[1])
    return len(found) == len(expected) and all(
        text == due and type_ in (None, kind) for (kind, text), (type_, due) in zip(found, expected, strict=True)
    )


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    if not SUITE.is_file():
        pytest.skip("the official suite is not beside the repository")
    return development()


def test_the_engine_passes_the_official_suite_but_for_the_tests_named(definitions: Definitions) -> None:
    engine, codec = Engine(definitions), XmlCodec(definitions)
    counts = {"ordinary": 0, "ordinary passed": 0, "invalid": 0, "invalid refused": 0, "left out": 0}
    failed, left_out = set(), set()
    for case in _cases():
        resource = _input(case.input, codec) if case.input else {"resourceType": "Patient"}
        if resource is None:
            left_out.add(case.name)
            counts["left out"] += 1
            continue
        passed = _passes(case, engine, resource)
        counts["invalid" if case.invalid else "ordinary"] += 1
        counts["invalid refused" if case.invalid else "ordinary passed"] += passed
        if not passed:
            failed.add(case.name)
    print(counts)  # noqa: T201 - the level reached is what this test tells
    assert sum(counts[kind] for kind in ("ordinary", "invalid", "left out")) == 935
    assert failed == FAILING.keys()
    assert left_out == LEFT_OUT.keys()
    assert counts["ordinary passed"] >= 0.99 * counts["ordinary"]
    assert counts["invalid refused"] >= 0.9 * counts["invalid"]
