"""Observations that R4 asks to meet the profile of a vital sign, by their code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fhirserver.validation import Validator
from fhirserver.validation.run import Options

from .conftest import errors, severities

WEIGHT = {
    "resourceType": "Observation",
    "status": "final",
    "category": [
        {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"},
            ]
        }
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
    "subject": {"reference": "Patient/1"},
    "effectiveDateTime": "2026-05-02",
    "valueQuantity": {"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
}
GRAMS_PER_LITRE = {"value": 72, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({}, []),
        ({"category": None}, ["Observation"]),
        ({"effectiveDateTime": None}, ["Observation"]),
        ({"valueQuantity": GRAMS_PER_LITRE}, ["Observation.value.ofType(Quantity).code"]),
    ],
)
def test_an_observation_of_a_vital_sign_meets_its_profile_without_claiming_it(
    plain: Validator, changes: dict[str, Any], where: list[str]
) -> None:
    resource = {key: value for key, value in {**WEIGHT, **changes}.items() if value is not None}
    found = plain.validate(resource)
    assert sorted({one for one, _ in errors(found)}) == where
    told = [one for one in found if one.refuses]
    assert all("http://hl7.org/fhir/StructureDefinition/bodyweight" in one.text.en for one in told)


def test_any_code_of_the_concept_tells_what_is_observed(plain: Validator) -> None:
    coded = {"coding": [{"system": "http://test.example", "code": "w"}, *WEIGHT["code"]["coding"]]}
    assert errors(plain.validate({**WEIGHT, "code": coded, "category": []}))
    other = {"coding": [{"system": "http://test.example", "code": "29463-7"}]}
    bare = {"resourceType": "Observation", "status": "final", "code": other}
    assert errors(plain.validate(bare)) == []


def test_what_is_claimed_already_is_not_told_twice(plain: Validator) -> None:
    claimed = {**WEIGHT, "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bodyweight"]}}
    del claimed["category"]
    found = errors(plain.validate(claimed))
    assert len(found) == len(set(found))


def test_a_server_may_take_the_breach_for_a_warning(plain: Validator) -> None:
    bare = {key: WEIGHT[key] for key in ("resourceType", "status", "code")}
    found = plain.validate(bare, options=replace(Options(), vital_signs="warning"))
    assert errors(found) == []
    assert "warning" in severities(found).values()


@pytest.mark.parametrize(
    "code", [None, 7, [], {"coding": 7}, {"coding": [7]}, {"coding": [{"system": [], "code": {}}]}]
)
def test_a_malformed_code_tells_nothing_and_breaks_nothing(plain: Validator, code: Any) -> None:
    assert errors(plain.validate({**WEIGHT, "code": code}))
