"""Bindings beyond the plain required one: value sets not to be left, kinds of Quantity, what cannot be verified."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.validation import Validator

from .conftest import Made, element, errors, profile, severities

UCUM = "http://unitsofmeasure.org"


def condition(age: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "onsetAge": age}


def observation(value: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": value}


@pytest.mark.parametrize("tag", ["fr", "fr-FR", "sr-Latn-RS", "tlh"])
def test_a_language_tag_beyond_the_preferred_ones_is_right(plain: Validator, tag: str) -> None:
    assert errors(plain.validate({"resourceType": "Patient", "language": tag})) == []


@pytest.mark.parametrize("tag", ["fr_FR", "nimporte", "francais", "zz-ZZ"])
def test_a_code_beyond_the_value_set_that_a_preferred_binding_does_not_leave_is_an_error(
    plain: Validator, tag: str
) -> None:
    assert errors(plain.validate({"resourceType": "Patient", "language": tag})) == [("Patient.language", "binding")]
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"language": tag, "url": "Binary/1"}}],
    }
    assert errors(plain.validate(document)) == [("DocumentReference.content[0].attachment.language", "binding")]


def test_a_unit_that_does_not_parse_is_an_error_in_a_quantity_and_a_warning_in_an_age(plain: Validator) -> None:
    value = {"value": 5, "unit": "ans", "system": UCUM, "code": "ans"}
    assert severities(plain.validate(observation(value)))["code-unknown"] == "error"
    assert severities(plain.validate(condition(value)))["code-unknown"] == "warning"
    assert errors(plain.validate(condition(value))) == []
    assert "code-unknown" not in severities(plain.validate(condition({**value, "code": "a"})))


def test_a_unit_of_a_system_that_is_not_here_is_said_to_be_unverified_once(plain: Validator) -> None:
    value = {"value": 5, "system": "http://standardterms.edqm.eu", "code": "15054000"}
    resource = observation(value) | {"component": [{"code": {"text": "y"}, "valueQuantity": value}]}
    found = [one for one in plain.validate(resource) if one.rule == "code-unverified"]
    assert [(one.severity, one.expression) for one in found] == [("warning", "Observation.value.ofType(Quantity)")]


def test_an_abstract_code_and_a_code_without_system_are_warnings_that_say_so(made: Made) -> None:
    system = "http://test.example/groups"
    group = {"code": "group", "property": [{"code": "notSelectable", "valueBoolean": True}]}
    codes = {"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete"}
    selectable = {
        "code": "notSelectable",
        "type": "boolean",
        "uri": "http://hl7.org/fhir/concept-properties#notSelectable",
    }
    validator = made({**codes, "property": [selectable], "concept": [{**group, "concept": [{"code": "one"}]}]})

    def told(coding: dict[str, Any]) -> list[tuple[str, str | None]]:
        resource = {"resourceType": "Observation", "status": "final", "code": {"coding": [coding]}}
        found = validator.validate(resource)
        return [(one.severity, one.rule) for one in found if one.expression == "Observation.code.coding[0]"]

    assert told({"system": system, "code": "one"}) == []
    assert told({"system": system, "code": "group"}) == [("warning", "code-abstract")]
    assert told({"code": "one"}) == [("warning", "system-missing")]
    assert told({"_system": {"id": "x"}, "code": "one"}) == [("warning", "system-missing")]


def test_a_value_set_in_the_place_of_the_code_system_is_an_error(plain: Validator) -> None:
    coding = {"system": "http://hl7.org/fhir/ValueSet/observation-codes", "code": "1"}
    found = plain.validate({"resourceType": "Observation", "status": "final", "code": {"coding": [coding]}})
    assert errors(found) == [("Observation.code.coding[0]", "system-value-set")]


@pytest.mark.parametrize(("value_set", "severity"), [("http://nowhere.example/vs", "information"), ("", "error")])
def test_an_invariant_upon_a_value_set_that_is_not_here_is_not_evaluable_and_no_error(
    made: Made, value_set: str, severity: str
) -> None:
    asked = value_set or "http://hl7.org/fhir/ValueSet/administrative-gender"
    constraint = {"key": "t-1", "severity": "error", "human": "known", "expression": f"code.memberOf('{asked}')"}
    validator = made(profile("P", "Observation", element("Observation", constraint=[constraint])))
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://hl7.org/fhir/administrative-gender", "code": "none"}]},
    }
    found = validator.validate(resource, ["http://test.example/P"])
    assert [each.severity for each in found if "t-1" in each.text.en] == [severity]
