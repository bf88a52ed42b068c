"""Types: `is`, `as`, `ofType`, and what is known before an expression runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError, Node

Ask = Callable[..., list[Any]]

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "valueQuantity": {"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    "component": [
        {"code": {"text": "a"}, "valueString": "x"},
        {"code": {"text": "b"}, "valueDateTime": "2024-01-01"},
        {"code": {"text": "c"}, "_valueBoolean": {"extension": [{"url": "http://example.org/x", "valueCode": "u"}]}},
    ],
    "extension": [
        {"url": "http://example.org/age", "valueAge": {"value": 3, "system": "http://unitsofmeasure.org", "code": "a"}}
    ],
}

CASES = [
    ("value is Quantity", [True]),
    ("value is System.Quantity", [False]),
    ("value is FHIR.Quantity", [True]),
    ("value is string", [False]),
    ("status is code", [True]),
    ("status is string", [True]),
    ("status is System.String", [False]),
    ("status is uri", [False]),
    ("'a' is String", [True]),
    ("'a' is System.String", [True]),
    ("1 is Integer", [True]),
    ("1 is Decimal", [False]),
    ("1 is System.Any", [True]),
    ("@2024-01-01 is Date", [True]),
    ("@2024-01-01T is DateTime", [True]),
    ("@T10 is Time", [True]),
    ("1 'mg' is Quantity", [True]),
    ("Observation is DomainResource", [True]),
    ("Observation is Resource", [True]),
    ("Observation is Patient", [False]),
    ("component[0] is BackboneElement", [True]),
    ("code is Element", [True]),
    ("bodySite is CodeableConcept", []),
    ("(value as Quantity).unit", ["kg"]),
    ("value.as(Quantity).unit", ["kg"]),
    ("value as string", []),
    ("component.value.ofType(string)", ["x"]),
    ("component.value.ofType(dateTime)", ["2024-01-01"]),
    ("component.value.ofType(boolean).exists()", [True]),
    ("component.value.ofType(boolean).extension.value", ["u"]),
    ("component.value.count()", [3]),
    ("extension.value is Quantity", [True]),
    ("extension.value is Age", [True]),
    ("extension.value.ofType(Quantity).value", [3]),
    ("status as string", []),
    ("status as code", ["final"]),
    ("Observation.status", ["final"]),
    ("Resource.status", ["final"]),
    ("component.where(value is dateTime).code.text", ["b"]),
    ("value = 72000 'g'", [True]),
    ("component.value.where($this is string) = 'x'", [True]),
]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_types_are_told_apart(ask: Ask, expression: str, expected: list[Any]) -> None:
    assert ask(expression, OBSERVATION) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "valueQuantity",
        "status.foo",
        "value.foo",
        "(value as Period).unit",
        "Patient.name",
        "status.extension.foo",
        "status.startsWith('a') + 1",
        "status > 1",
        "code.startsWith('a')",
        "code.abs()",
        "children().first()",
        "iif('a', 1, 2)",
        "value is Strung",
        "status.as(strung)",
        "component.code.texte",
        "-status",
    ],
)
def test_strictly_compiled_what_can_never_make_sense_is_refused(engine: Engine, expression: str) -> None:
    with pytest.raises(ExpressionError):
        engine.compile(expression, "Observation", strict=True)


def test_leniently_compiled_what_can_never_make_sense_is_noted_and_gives_nothing(engine: Engine) -> None:
    expression = engine.compile("valueQuantity.unit", "Observation")
    assert [text.en for text in expression.findings] == ['Observation has no element "valueQuantity".']
    assert "Observation" in expression.findings[0].fr
    assert expression.evaluate(OBSERVATION, Environment(OBSERVATION)) == []
    assert engine.compile("value.unit", "Observation").findings == ()


def test_as_of_several_items_fails_strictly_and_chooses_leniently(engine: Engine) -> None:
    env = Environment(OBSERVATION)
    lenient = engine.compile("(component.value as string)", "Observation").evaluate(OBSERVATION, env)
    assert [item.value for item in lenient] == ["x"]
    with pytest.raises(EvaluationError):
        engine.compile("(component.value as string)", "Observation", strict=True).evaluate(OBSERVATION, env)


@pytest.mark.parametrize(
    ("context", "focus", "expression", "expected"),
    [
        ("Quantity", OBSERVATION["valueQuantity"], "unit = 'kg'", True),
        ("SimpleQuantity", OBSERVATION["valueQuantity"], "unit = 'kg'", True),
        ("Observation.component", OBSERVATION["component"][0], "code.text = 'a'", True),
        ("Observation.valueQuantity", OBSERVATION["valueQuantity"], "value > 70", True),
        ("Observation.status", "final", "$this = 'final'", True),
        ("code", "final", "length() = 5", True),
        ("MedicationRequest.dosageInstruction.timing.repeat", {"frequency": 3}, "frequency > 2", True),
        ("Questionnaire.item.item", {"linkId": "1"}, "linkId = '1'", True),
        ("decimal", 3, "$this = 3.0", True),
        ("date", "2024-01-01", "$this > @2023-01-01", True),
    ],
)
def test_an_expression_is_compiled_for_the_type_at_a_path(
    engine: Engine, context: str, focus: Any, expression: str, expected: Any
) -> None:
    compiled = engine.compile(expression, context)
    assert compiled.findings == ()
    assert compiled.test(focus, Environment(OBSERVATION)) is expected


def test_where_a_path_has_several_types_the_focus_is_a_node(engine: Engine) -> None:
    compiled = engine.compile("$this is Quantity and unit.exists()", "Observation.value[x]")
    assert compiled.context is None
    assert compiled.test(engine.typed_node(OBSERVATION["valueQuantity"], "Quantity"), Environment()) is True


def test_an_unknown_context_is_refused(engine: Engine) -> None:
    with pytest.raises(ExpressionError, match=r"Observation\.foo"):
        engine.compile("true", "Observation.foo")


def test_results_carry_their_fhir_types(engine: Engine) -> None:
    found = engine.compile("value | status | component.value | 1", "Observation").evaluate(
        OBSERVATION, Environment(OBSERVATION)
    )
    assert [item.type.name if isinstance(item, Node) else item for item in found] == [
        "Quantity", "code", "string", "dateTime", "boolean", 1,
    ]  # fmt: skip
