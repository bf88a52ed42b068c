"""Profiles that are sent as resources: refused where their base does not allow what they say."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.validation import Validator
from tests.unit.validation.conftest import Made, element, errors, profile

WHERE = [("StructureDefinition.differential", "snapshot")]


def sent(*elements: dict[str, Any], base: str = "Patient", **more: Any) -> dict[str, Any]:
    return profile("sent", base, *elements, **more)


def test_a_profile_that_narrows_its_base_is_accepted(plain: Validator) -> None:
    assert errors(plain.validate(sent(element("Patient"), element("Patient.name", min=1, max="2")))) == []


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ([element("Patient"), element("Patient.nonsense", min=1)], "nonsense"),
        ([element("Patient"), element("Patient.gender", max="*")], "max"),
        ([element("Patient"), element("Patient.link.other", min=0)], "min"),
    ],
)
def test_a_profile_that_its_base_does_not_allow_is_refused_and_the_element_is_named(
    plain: Validator, elements: list[dict[str, Any]], said: str
) -> None:
    found = plain.validate(sent(*elements))
    assert errors(found) == WHERE
    assert any(said in issue.text.fr and said in issue.text.en for issue in found if issue.refuses)


def test_a_fixed_value_of_the_base_stays(made: Made) -> None:
    url = element("Extension.url", fixedUri="http://test.example/base")
    validator = made(profile("base", "Extension", element("Extension"), url))
    other = sent(
        element("Extension"),
        element("Extension.url", fixedUri="http://test.example/sent"),
        base="Extension",
        context=[{"type": "element", "expression": "Element"}],
        baseDefinition="http://test.example/base",
    )
    assert errors(validator.validate(other)) == WHERE


def test_a_profile_whose_base_is_not_loaded_is_accepted_with_a_warning(plain: Validator) -> None:
    found = plain.validate(sent(element("Patient"), baseDefinition="http://test.example/elsewhere"))
    assert errors(found) == []
    assert [(one.severity, one.expression) for one in found if one.rule == "snapshot"] == [
        ("warning", "StructureDefinition.baseDefinition")
    ]


@pytest.mark.parametrize("wrong", [["Patient.name"], {"x": 1}, None, 1, True])
def test_a_profile_whose_elements_are_not_even_well_formed_is_refused_for_that(plain: Validator, wrong: Any) -> None:
    found = errors(plain.validate(sent(element("Patient"), element("Patient.name", id=wrong))))
    assert found
    assert all(where and where.startswith("StructureDefinition.differential.element[1].id") for where, _ in found)
