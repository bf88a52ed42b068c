"""Two engines, one answer: invariants and search parameters of R4 on example resources, against fhirpathpy.

Each difference that remains is named with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.fhirpath import Engine, Environment, EvaluationError, Node

EXAMPLES = Path(__file__).parents[2] / "../shared/suites/examples"
UNKNOWN_THERE = ("hasValue", "htmlChecks", "resolve", "hasExtension", "trace")
"""Functions that the other engine does not have, or answers by a network request, or prints."""
REFUSED_THERE = "Expected singleton on left side of 'as'"
"""R4's own search parameters apply `as` to several items, which FHIRPath 2.0 forbids: here that chooses."""


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return development()


@pytest.fixture(scope="module")
def engine(definitions: Definitions) -> Engine:
    return Engine(definitions)


def _examples() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for path in sorted(EXAMPLES.glob("*.json")):
        if path.stat().st_size < 4_000:
            data = path.read_bytes()
            yield jsontext.read(data), json.loads(data)


def _plain(items: list[Any]) -> list[Any]:
    return json.loads(jsontext.write([item.value if isinstance(item, Node) else item for item in items]))


def _differences(engine: Engine, asked: Iterator[tuple[str, dict[str, Any], dict[str, Any]]]) -> tuple[int, list[str]]:
    count, differences = 0, []
    for expression, resource, same in asked:
        if any(f"{name}(" in expression for name in UNKNOWN_THERE):
            continue
        env = Environment(resource)
        try:
            mine: Any = _plain(engine.compile(expression, resource["resourceType"]).evaluate(resource, env))
        except EvaluationError as error:
            mine = str(error)
        try:
            found = fhirpathpy.evaluate(same, expression, {"resource": same, "rootResource": same}, models["r4"])
            other: Any = json.loads(json.dumps(found, default=float))
        except Exception as error:  # noqa: BLE001 - whatever the other engine raises
            other = str(error)
        count += 1
        if mine != other and REFUSED_THERE not in str(other):
            differences.append(f"{expression[:120]}: {str(mine)[:80]} here, {str(other)[:80]} there")
    return count, differences


def test_invariants_of_resources_hold_here_where_they_hold_there(engine: Engine, definitions: Definitions) -> None:
    def asked() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        for resource, same in _examples():
            structure = definitions.structure(resource["resourceType"])
            assert structure
            for constraint in structure["snapshot"]["element"][0].get("constraint", ()):
                if constraint["key"] not in ("dom-2", "dom-4", "dom-5", "dom-6"):
                    yield constraint["expression"], resource, same

    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside the repository")
    count, differences = _differences(engine, asked())
    assert count > 50
    assert differences == []


def test_search_parameters_find_here_what_they_find_there(engine: Engine, definitions: Definitions) -> None:
    parameters = [p for p in definitions.all("SearchParameter") if p.get("expression") and p["base"][0] != "Resource"]

    def asked() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
        for resource, same in _examples():
            for parameter in parameters:
                if resource["resourceType"] in parameter["base"]:
                    yield parameter["expression"], resource, same

    if not EXAMPLES.is_dir():
        pytest.skip("the examples are not beside the repository")
    count, differences = _differences(engine, asked())
    assert count > 500
    assert differences == []


@pytest.mark.parametrize(
    "expression",
    [
        "1 + 2 * 3 - 4 / 2",
        "7 div 2 + 7 mod 2",
        "'abc'.substring(1, 1) & 'x'",
        "(1 | 2 | 2).count()",
        "('a' | 'b') = ('a' | 'b')",
        "1 in (1 | 2)",
        "{} = 1",
        "true xor {}",
        "false implies {}",
        "'1.5'.toDecimal() + 1",
        "(1 | 2 | 3).where($this > 1).first()",
        "(1 | 2 | 3).aggregate($total + $this, 0)",
        "iif({}, 1, 2)",
        "'a,b'.replace(',', ';')",
        "@2024-01-31 < @2024-02",
        "@2024 = @2024-01",
        "@2024-03-31T12:00:00+02:00 = @2024-03-31T10:00:00Z",
        "4 'g' = 4000 'mg'",
        "1 'wk' = 7 'd'",
        "(-5).abs() + 2.7.floor()",
        "'abc'.matches('b')",
        "'abc'.indexOf('c')",
        "(1 | 2).exclude(2) | (3).intersect(3)",
        "('a' | 'b' | 'c').skip(1).take(1)",
    ],
)
def test_the_language_itself_means_here_what_it_means_there(engine: Engine, expression: str) -> None:
    other = json.loads(json.dumps(fhirpathpy.evaluate({}, expression), default=float))
    mine = engine.compile(expression).evaluate({"resourceType": "Basic"}, Environment())
    assert json.loads(json.dumps(mine, default=float)) == other
