"""Elements, JSON types, cardinality, choices, nulls: the shape of resources."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.issues import Issue
from fhirserver.jsontext import Number
from fhirserver.validation import Validator

from .conftest import Made, element, errors, profile

OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def codes(issues: list[Issue]) -> set[str]:
    return {issue.code for issue in issues if issue.refuses}


@pytest.mark.parametrize(
    ("resource", "where"),
    [
        ({"resourceType": "Patient", "nom": "x"}, "Patient.nom"),
        ({"resourceType": "Patient", "name": [{"famly": "x"}]}, "Patient.name[0].famly"),
        ({"resourceType": "Patient", "name": {"family": "x"}}, "Patient.name"),
        ({"resourceType": "Patient", "gender": ["male"]}, "Patient.gender"),
        ({"resourceType": "Patient", "active": "true"}, "Patient.active"),
        ({"resourceType": "Patient", "birthDate": 2000}, "Patient.birthDate"),
        ({"resourceType": "Patient", "maritalStatus": "x"}, "Patient.maritalStatus"),
        ({"resourceType": "Patient", "name": []}, "Patient.name"),
        ({"resourceType": "Patient", "name": [{}]}, "Patient.name[0]"),
        ({"resourceType": "Patient", "name": [None]}, "Patient.name[0]"),
        ({"resourceType": "Patient", "gender": None}, "Patient.gender"),
        ({"resourceType": "Patient", "name": [{"given": [None]}]}, "Patient.name[0].given[0]"),
        (
            {"resourceType": "Patient", "name": [{"given": ["a"], "_given": [None, {"id": "x"}]}]},
            "Patient.name[0].given",
        ),
        (
            {"resourceType": "Bundle", "type": ["collection"], "entry": [{"resource": {"resourceType": "Basic"}}]},
            "Bundle.type",
        ),
        ({"resourceType": "Rocket"}, "Rocket"),
        ({}, "Resource"),
        ({"resourceType": 3}, "Resource"),
        ({**OBSERVATION, "valueString": "a", "valueInteger": 1}, "Observation"),
        ({**OBSERVATION, "valueAttachment": {"title": "x"}}, "Observation.valueAttachment"),
    ],
)
def test_what_is_no_fhir_of_that_type_is_a_structure_issue_at_its_element(
    plain: Validator, resource: Any, where: str
) -> None:
    found = plain.validate(resource)
    assert where in [expression for expression, _ in errors(found)]
    assert "structure" in codes(found)


@pytest.mark.parametrize(
    ("resource", "where", "rule"),
    [
        ({"resourceType": "Observation", "status": "final"}, "Observation", "cardinality-min"),
        ({**OBSERVATION, "status": "finished"}, "Observation.status", "binding"),
        ({**OBSERVATION, "effectiveDateTime": "hier"}, "Observation.effective.ofType(dateTime)", "format-dateTime"),
        ({**OBSERVATION, "valueInteger": Number("1.5")}, "Observation.value.ofType(integer)", "format-integer"),
        ({"resourceType": "Patient", "id": "a_b"}, "Patient.id", "format-id"),
        ({"resourceType": "Patient", "name": [{"id": "x"}]}, "Patient.name[0]", "ele-1"),
        (
            {"resourceType": "Patient", "name": [{"family": "a", "id": "x"}, {"family": "b", "id": "x"}]},
            "Patient.name[1]",
            "element-id",
        ),
    ],
)
def test_what_breaks_a_rule_is_an_issue_of_another_code(plain: Validator, resource: Any, where: str, rule: str) -> None:
    found = plain.validate(resource)
    assert (where, rule) in errors(found)
    assert "structure" not in codes(found)


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient"},
        {
            "resourceType": "Patient",
            "name": [
                {"given": ["a", None], "_given": [None, {"extension": [{"url": "http://x.example", "valueCode": "y"}]}]}
            ],
        },
        {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "http://x.example", "valueCode": "y"}]}},
        {
            "resourceType": "Observation",
            "_status": {"extension": [{"url": "http://x.example", "valueCode": "y"}]},
            "code": {"text": "x"},
        },
        {**OBSERVATION, "valueQuantity": {"value": Number("1.50")}},
        {"resourceType": "Parameters"},
        {"resourceType": "Patient", "birthDate": "1980", "_birthDate": {"id": "b"}},
        {"resourceType": "Patient", "name": [{"given": ["a", "b"], "_given": [None, {"id": "g"}]}]},
        {"resourceType": "Binary", "contentType": "text/plain", "data": "QQ=="},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]},
    ],
)
def test_right_resources_have_no_errors(plain: Validator, resource: Any) -> None:
    assert errors(plain.validate(resource)) == []


def test_an_unknown_element_is_answered_with_similar_names(plain: Validator) -> None:
    (issue,) = [one for one in plain.validate({"resourceType": "Patient", "birthdate": "2000"}) if one.refuses]
    assert "birthDate" in issue.text.fr
    assert "birthDate" in issue.text.en


def test_a_profile_narrows_types_cardinality_fixed_values_and_lengths(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Observation",
            element("Observation.value[x]", type=[{"code": "string"}]),
            element("Observation.status", fixedCode="final"),
            element("Observation.subject", min=1),
            element("Observation.note", max="0"),
            element("Observation.code", patternCodeableConcept={"text": "x"}),
        )
    )
    url = ["http://test.example/P"]
    right = {**OBSERVATION, "subject": {"display": "x"}, "valueString": "a"}
    assert errors(validator.validate(right, url)) == []
    wrong = {
        **OBSERVATION,
        "status": "amended",
        "code": {"text": "y"},
        "valueInteger": 1,
        "note": [{"text": "x"}],
    }
    assert errors(validator.validate(wrong, url)) == [
        ("Observation.status", "fixed"),
        ("Observation.code", "pattern"),
        ("Observation.value.ofType(integer)", "choice-type"),
        ("Observation.note", "cardinality-max"),
        ("Observation", "cardinality-min"),
    ]


@pytest.mark.parametrize(
    ("value", "beyond"),
    [
        ({"valueDateTime": "2021"}, True),
        ({"valueDateTime": "2020"}, False),
        ({"valueDateTime": "2020-12"}, False),
        ({"valueDateTime": "2021-01-01T10:00:00Z"}, True),
        ({"valueDateTime": "2020-12-30T10:00:00Z"}, False),
        ({"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "g"}}, True),
        ({"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "ug"}}, False),
        ({"valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "m"}}, False),
        ({"valueQuantity": {"value": 1, "unit": "bottle"}}, False),
    ],
)
def test_a_bound_holds_for_other_precisions_and_units_too(made: Made, value: Any, beyond: bool) -> None:  # noqa: FBT001 - a case
    most = {"value": 10, "system": "http://unitsofmeasure.org", "code": "mg"}
    bound: dict[str, Any] = (
        {"maxValueDateTime": "2020-12-31"} if "valueDateTime" in value else {"maxValueQuantity": most}
    )
    kind = "dateTime" if "valueDateTime" in value else "Quantity"
    validator = made(profile("P", "Observation", element("Observation.value[x]", type=[{"code": kind}], **bound)))
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **value}
    found = [rule for _, rule in errors(validator.validate(resource, ["http://test.example/P"]))]
    assert found == (["max-value"] if beyond else [])


def test_lengths_and_bounds_of_a_profile_hold(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Patient",
            element("Patient.birthDate", minValueDate="1900-01-01"),
            element("Patient.multipleBirth[x]", type=[{"code": "integer"}], maxValueInteger=8),
            element("Patient.language", maxLength=2),
        )
    )
    url = ["http://test.example/P"]
    wrong = {"resourceType": "Patient", "language": "fr-FR", "birthDate": "1899-12-31", "multipleBirthInteger": 9}
    assert [rule for _, rule in errors(validator.validate(wrong, url))] == ["max-length", "min-value", "max-value"]
    right = {"resourceType": "Patient", "language": "fr", "birthDate": "1900-01-01", "multipleBirthInteger": 8}
    assert errors(validator.validate(right, url)) == []


def test_a_claimed_profile_that_is_unknown_is_an_error_and_one_that_was_renamed_is_named(made: Made) -> None:
    validator = made(profile("the-patient", "Patient", element("Patient.name", min=1)))
    claim = {"resourceType": "Patient", "meta": {"profile": ["http://old.example/StructureDefinition/the-patient"]}}
    (issue,) = [one for one in validator.validate(claim) if one.refuses]
    assert issue.expression == "Patient.meta.profile[0]"
    assert "http://test.example/the-patient" in issue.text.fr


def test_a_profile_of_another_type_is_an_error(made: Made) -> None:
    found = made(profile("P", "Patient", element("Patient.name", min=1))).validate(
        OBSERVATION, ["http://test.example/P"]
    )
    assert errors(found) == [("Observation", "profile")]


def test_similar_names_are_proposed_for_the_first_unknown_elements_of_many(plain: Validator) -> None:
    found = plain.validate(OBSERVATION | {f"statu{at}": "final" for at in range(500)})
    said = [issue.text.en for issue in found if issue.rule == "unknown-element"]
    assert len(said) == 500
    assert "did you mean status" in said[0]
    assert not any("did you mean" in text for text in said[20:])
