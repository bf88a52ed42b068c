"""Questionnaires and their responses."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.validation import Validator

from .conftest import Made, errors, severities

URL = "http://test.example/Questionnaire/q"
QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "url": URL,
    "status": "active",
    "item": [
        {"linkId": "1", "type": "boolean", "required": True, "text": "Fièvre ?"},
        {
            "linkId": "2",
            "type": "quantity",
            "required": True,
            "enableWhen": [{"question": "1", "operator": "=", "answerBoolean": True}],
        },
        {
            "linkId": "3",
            "type": "choice",
            "answerOption": [{"valueCoding": {"system": "http://s.example", "code": "a"}}],
        },
        {
            "linkId": "4",
            "type": "group",
            "item": [{"linkId": "4.1", "type": "string", "maxLength": 3, "repeats": True}],
        },
    ],
}


def response(*items: dict[str, object], status: str = "completed") -> dict[str, object]:
    return {"resourceType": "QuestionnaireResponse", "status": status, "questionnaire": URL, "item": list(items)}


def answer(link: str, *values: dict[str, object]) -> dict[str, object]:
    return {"linkId": link, "answer": list(values)}


NO = answer("1", {"valueBoolean": False})


@pytest.mark.parametrize(
    "given",
    [
        response(NO),
        response(answer("1", {"valueBoolean": True}), answer("2", {"valueQuantity": {"value": 39}})),
        response(NO, answer("3", {"valueCoding": {"system": "http://s.example", "code": "a"}})),
        response(NO, {"linkId": "4", "item": [answer("4.1", {"valueString": "abc"}, {"valueString": "d"})]}),
        response(status="in-progress"),
    ],
)
def test_answers_that_fit_are_accepted(made: Made, given: Any) -> None:
    assert errors(made(QUESTIONNAIRE).validate({**given, "item": given["item"] or [{"linkId": "1"}]})) == []


@pytest.mark.parametrize(
    ("given", "where", "rule"),
    [
        (response(answer("9", {"valueBoolean": True}), NO), "item[0]", "questionnaire-item"),
        (response({"linkId": "1"}), "item[0]", "questionnaire-required"),
        (response(answer("1", {"valueBoolean": True})), "", "questionnaire-required"),
        (response(answer("1", {"valueString": "oui"})), "item[0].answer[0]", "questionnaire-type"),
        (response(answer("1", {"valueBoolean": True}, {"valueBoolean": False})), "item[0]", "questionnaire-repeats"),
        (response(NO, answer("2", {"valueQuantity": {"value": 39}})), "item[1]", "questionnaire-enabled"),
        (
            response(NO, answer("3", {"valueCoding": {"system": "http://s.example", "code": "b"}})),
            "item[1].answer[0]",
            "questionnaire-option",
        ),
        (
            response({"linkId": "4", "item": [answer("4.1", {"valueString": "abcd"})]}, NO),
            "item[0].item[0].answer[0]",
            "questionnaire-length",
        ),
        (
            response({"linkId": "4", "item": [answer("4.1", {"valueString": "a"})]}, NO),
            "item[1]",
            "questionnaire-order",
        ),
        (response(NO, NO), "item[1]", "questionnaire-repeats"),
    ],
)
def test_answers_that_do_not_fit_are_refused_where_they_stand(made: Made, given: Any, where: str, rule: str) -> None:
    path = f"QuestionnaireResponse.{where}".rstrip(".")
    assert (path, rule) in errors(made(QUESTIONNAIRE).validate(given))


def test_an_unknown_questionnaire_is_a_warning(plain: Validator) -> None:
    found = plain.validate(response(NO))
    assert errors(found) == []
    assert [one.rule for one in found if one.severity == "warning" and one.rule == "questionnaire"] == ["questionnaire"]


def test_enable_when_asks_for_another_item_of_the_questionnaire(plain: Validator) -> None:
    broken = {
        **QUESTIONNAIRE,
        "item": [
            {**QUESTIONNAIRE["item"][1], "enableWhen": [{"question": "9", "operator": "=", "answerBoolean": True}]}
        ],
    }
    assert ("Questionnaire.item[0].enableWhen[0]", "enable-when") in errors(plain.validate(broken))


def test_the_operator_exists_takes_a_boolean_and_nothing_else(plain: Validator) -> None:
    def judged(answer: dict[str, object]) -> list[tuple[str | None, str | None]]:
        condition = {"question": "1", "operator": "exists", **answer}
        items = [{"linkId": "1", "type": "string"}, {"linkId": "2", "type": "string", "enableWhen": [condition]}]
        return errors(plain.validate({"resourceType": "Questionnaire", "status": "active", "item": items}))

    assert judged({"answerBoolean": True}) == []
    assert [str(rule)[-5:] for _, rule in judged({"answerString": "oui"})] == ["que-7"]


@pytest.mark.parametrize(
    ("code", "rules"), [("male", []), ("female", ["questionnaire-option"]), ("zz", ["code-unknown"])]
)
def test_a_choice_may_come_from_a_value_set_that_the_questionnaire_contains(
    made: Made, code: str, rules: list[str]
) -> None:
    genders = "http://hl7.org/fhir/administrative-gender"
    listed = {"system": genders, "concept": [{"code": "male"}]}
    held = {"resourceType": "ValueSet", "id": "v", "status": "active", "compose": {"include": [listed]}}
    asking = {
        **QUESTIONNAIRE,
        "contained": [held],
        "item": [{"linkId": "1", "type": "choice", "answerValueSet": "#v"}],
    }
    validator = made(asking)
    given = response(answer("1", {"valueCoding": {"system": genders, "code": code}}))
    found = [str(rule) for _, rule in errors(validator.validate(given))]
    assert [one for one in found if one in rules] == rules
    assert bool(found) is bool(rules)


def test_a_choice_from_a_value_set_that_is_not_here_is_a_warning(made: Made) -> None:
    asking = {
        **QUESTIONNAIRE,
        "item": [{"linkId": "1", "type": "choice", "answerValueSet": "http://test.example/nowhere"}],
    }
    found = made(asking).validate(response(answer("1", {"valueCoding": {"system": "http://s.example", "code": "a"}})))
    assert errors(found) == []
    assert severities(found)["questionnaire-option"] == "warning"


@pytest.mark.parametrize(("number", "refused"), [(1, True), (2, False), (3, False), (4, True)])
def test_a_question_says_how_many_answers_it_wants(made: Made, number: int, refused: bool) -> None:  # noqa: FBT001 - a case
    url = "http://hl7.org/fhir/StructureDefinition/questionnaire-"
    bounds = [{"url": f"{url}minOccurs", "valueInteger": 2}, {"url": f"{url}maxOccurs", "valueInteger": 3}]
    string = {"linkId": "1", "type": "string", "repeats": True, "extension": bounds}
    group = {"linkId": "2", "type": "group", "repeats": True, "extension": bounds, "item": [{**string, "linkId": "3"}]}
    validator = made({**QUESTIONNAIRE, "item": [string, group]})
    answers = [{"valueString": str(one)} for one in range(number)]
    assert errors(validator.validate(response(answer("1", *answers)))) == (
        [("QuestionnaireResponse.item[0]", "questionnaire-occurs")] if refused else []
    )
    two = ({"valueString": "a"}, {"valueString": "b"})
    groups = [{"linkId": "2", "item": [answer("3", *two)]}]
    found = [rule for _, rule in errors(validator.validate(response(*groups * number)))]
    assert ("questionnaire-occurs" in found) is refused
