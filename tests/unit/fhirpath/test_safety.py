"""Bad expressions and bad data: bounded time, a clear failure, nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError
from fhirserver.issues import Text

Ask = Callable[..., list[Any]]

ENGINE = Engine(development())


# Without a bound these would take years; pytest's own time limit would end them.
@pytest.mark.parametrize(
    "expression",
    [
        "('" + "a" * 40 + "b').matches('^(a+)+$')",
        "('" + "a" * 40 + "b').matchesFull('(a|a)*c')",
        "('" + "x" * 5000 + "').replaceMatches('(x+x+)+y', 'z')",
        "('" + "a" * 200 + "').matches('(a?){200}a{200}b')",
    ],
)
def test_a_regular_expression_that_explodes_is_answered_or_fails(ask: Ask, expression: str) -> None:
    refusals: list[Text] = []
    try:
        ask(expression)
    except EvaluationError as error:
        refusals.append(error.text)
    assert all("coûteuse" in text.fr for text in refusals)


def test_a_projection_without_end_fails(ask: Ask) -> None:
    with pytest.raises(EvaluationError):
        ask("('a').repeat($this & 'a')")


@pytest.mark.parametrize(
    "expression",
    [
        "descendants().select(%resource.descendants().select(%resource.descendants().select(%resource.descendants())))",
        "descendants().where(%resource.descendants().where(%resource.descendants().all(%resource.descendants().exists())))",
        "descendants().aggregate(%resource.descendants().exists(%resource.descendants().all(%resource.children().exists())))",
    ],
)
def test_an_expression_of_a_client_that_walks_without_end_fails(expression: str) -> None:
    resource = {"resourceType": "Patient", "name": [{"given": [f"n{number}"]} for number in range(200)]}
    with pytest.raises(EvaluationError, match="too many"):
        ENGINE.compile(expression).evaluate(resource, Environment(resource, steps=20_000))


def test_numbers_beyond_measure_give_a_result_or_a_clear_failure(ask: Ask) -> None:
    for expression in ("1234567890987654321.5.lowBoundary(20)", "1000.exp()", "999999999.power(9999)"):
        assert len(ask(expression)) <= 1
    big = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("1E+308")}}
    small = "0." + "0" * 300 + "1"
    assert ask(f"value.value ~ {small}", big) == [False]
    assert ask(f"value.value < {small}", big) == [False]


def test_huge_texts_are_not_built(ask: Ask) -> None:
    for expression in (
        "('" + "a" * 2000 + "').replace('', '" + "b" * 2000 + "')",
        "('" + "a" * 2000 + "').replaceMatches('.', '" + "b" * 2000 + "')",
    ):
        with pytest.raises(EvaluationError):
            ask(expression)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["value", "id", "extension"]), inner, max_size=2)
    ),
    max_leaves=5,
)
EXPRESSIONS = [
    "name.given.first().startsWith('a')",
    "name.where(use = 'official').family | name.given",
    "birthDate < today() and birthDate.extension.value.exists()",
    "deceased is boolean or deceased.ofType(dateTime) > @2000",
    "descendants().count() > children().count()",
    "contained.id.distinct().count()",
    "extension.value.ofType(Quantity) > 1 'mg'",
    "telecom.select(rank + 1)",
    "managingOrganization.resolve().name",
    "identifier.exists(period.start <= period.end)",
    "name ~ name and name = name",
    "text.`div`.htmlChecks()",
    "hasValue() or (children().count() > id.count())",
]
KEYS = ["name", "birthDate", "_birthDate", "deceasedBoolean", "contained", "extension", "telecom", "identifier", "text",
        "managingOrganization", "id", "resourceType"]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_data_of_any_shape_give_a_result_or_a_clear_failure(expression: str, data: dict[str, Any]) -> None:
    env = Environment(data)
    refusals: list[Text] = []
    for context in ("Patient", None):
        compiled = ENGINE.compile(expression, context)
        for ask in (compiled.test, compiled.evaluate):
            try:
                ask(data, env)
            except EvaluationError as error:
                refusals.append(error.text)
    assert all(text.fr and text.en for text in refusals)


PIECES = [
    "name", ".", "(", ")", "'a'", "1", "+", "|", "where", "is", "and", "$this", "[", "]", "%", "@2024", "{", "}",
    "first", "`", "'", "\\", "-", " ",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    resource = {"resourceType": "Patient"}
    refusals: list[Text] = []
    try:
        ENGINE.compile(text, "Patient").evaluate(resource, Environment(resource))
    except (ExpressionError, EvaluationError) as error:
        refusals.append(error.text)
    assert all(said.fr and said.en for said in refusals)


def test_deeply_nested_data_are_walked(ask: Ask) -> None:
    item: dict[str, Any] = {"linkId": "1"}
    for _ in range(45):
        item = {"linkId": "1", "item": [item]}
    resource = {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    assert ask("repeat(item).count()", resource) == [46]
    assert ask("descendants().linkId.count()", resource) == [46]


def test_many_threads_get_the_same_answers(patient: dict[str, Any]) -> None:
    engine = Engine(development())
    expressions = ["name.given", "descendants().count()", "telecom.where(rank > 1).value", "'a'.matches('[a-z]')"]
    answers: list[str] = []

    def work() -> None:
        for _ in range(20):
            for expression in expressions:
                found = engine.compile(expression, "Patient").evaluate(patient, Environment(patient))
                answers.append(f"{expression}: {json.dumps([getattr(item, 'value', item) for item in found])}")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 * 20 * 4
    assert len(set(answers)) == 4


def test_an_expression_is_compiled_once() -> None:
    assert ENGINE.compile("name.given", "Patient") is ENGINE.compile("name.given", "Patient")
    assert ENGINE.compile("name.given", "Patient") is not ENGINE.compile("name.given")
