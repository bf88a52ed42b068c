"""Where extensions may stand: contexts by FHIRPath, and the rules that an extension puts on what holds it."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.issues import Issue
from tests.unit.validation.conftest import Made, element, errors, profile

URL = "http://test.example/place"
EXTENSION = {"url": URL, "valueString": "x"}


def extension(*contexts: dict[str, str], **more: Any) -> dict[str, Any]:
    return profile(
        "place",
        "Extension",
        element("Extension.url", fixedUri=URL),
        context=list(contexts),
        kind="complex-type",
        **more,
    )


def path(expression: str) -> dict[str, str]:
    return {"type": "fhirpath", "expression": expression}


def refused(issues: list[Issue]) -> list[str | None]:
    return [at for at, rule in errors(issues) if rule == "extension-context"]


@pytest.mark.parametrize(
    ("patient", "wrong"),
    [
        ({"contact": [{"extension": [EXTENSION], "name": {"text": "A"}}]}, []),
        ({"name": [{"use": "official", "text": "A", "extension": [EXTENSION]}]}, []),
        ({"name": [{"use": "usual", "text": "A", "extension": [EXTENSION]}]}, ["Patient.name[0].extension[0]"]),
        ({"gender": "male", "_gender": {"extension": [EXTENSION]}}, []),
        ({"birthDate": "2000", "_birthDate": {"extension": [EXTENSION]}}, ["Patient.birthDate.extension[0]"]),
        ({"extension": [EXTENSION]}, ["Patient.extension[0]"]),
    ],
)
def test_a_context_given_as_fhirpath_allows_the_extension_on_what_it_finds(
    made: Made, patient: dict[str, Any], wrong: list[str]
) -> None:
    contexts = (path("Patient.contact"), path("Patient.name.where(use='official')"), path("Patient.gender"))
    found = made(extension(*contexts)).validate({"resourceType": "Patient", **patient})
    assert refused(found) == wrong


def test_a_context_by_name_and_one_by_fhirpath_hold_each_for_itself(made: Made) -> None:
    validator = made(extension({"type": "element", "expression": "Patient.name"}, path("Patient.contact")))
    named = {"resourceType": "Patient", "name": [{"text": "A", "extension": [EXTENSION]}]}
    assert refused(validator.validate(named)) == []
    assert refused(validator.validate({"resourceType": "Patient", "extension": [EXTENSION]})) == [
        "Patient.extension[0]"
    ]


def test_a_context_that_is_no_fhirpath_is_a_fault_of_the_guide(made: Made) -> None:
    validator = made(extension(path("Patient.where(")))
    assert refused(validator.validate({"resourceType": "Patient", "extension": [EXTENSION]})) == []


def test_a_rule_of_the_extension_is_asked_of_what_holds_it(made: Made) -> None:
    context = {"type": "element", "expression": "Patient.name"}
    validator = made(extension(context, contextInvariant=["use = 'official'"]))
    for use, wrong in (("official", []), ("usual", ["Patient.name[0].extension[0]"])):
        name = {"use": use, "text": "A", "extension": [EXTENSION]}
        found = validator.validate({"resourceType": "Patient", "name": [name]})
        assert refused(found) == wrong
    assert "use = 'official'" in found[0].text.fr


def test_a_context_that_is_an_extension_allows_no_other_place(made: Made) -> None:
    outer = "http://test.example/outer"
    validator = made(extension({"type": "extension", "expression": outer}))

    def found(*extensions: dict[str, Any]) -> list[str | None]:
        return refused(validator.validate({"resourceType": "Patient", "extension": list(extensions)}))

    assert found({"url": outer, "extension": [EXTENSION]}) == []
    assert found({"url": outer, "extension": [{"url": "part", "extension": [EXTENSION]}]}) == []
    assert found(EXTENSION) == ["Patient.extension[0]"]
    assert found({"url": "http://test.example/other", "extension": [EXTENSION]}) == [
        "Patient.extension[0].extension[0]"
    ]
