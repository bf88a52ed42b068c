"""Extensions: known, unknown, misplaced."""

from __future__ import annotations

from fhirserver.validation import Validator

from .conftest import Made, element, errors, profile, severities

NOTE = "http://test.example/Note"


def note(**changes: object) -> dict[str, object]:
    return profile(
        "Note",
        "Extension",
        element("Extension.url", fixedUri=NOTE),
        element("Extension.value[x]", min=1, type=[{"code": "string"}]),
        **{"context": [{"type": "element", "expression": "Patient"}], **changes},
    )


def patient(*extensions: dict[str, object], **more: object) -> dict[str, object]:
    return {"resourceType": "Patient", "extension": list(extensions), **more}


def test_an_unknown_extension_is_a_warning(plain: Validator) -> None:
    found = plain.validate(patient({"url": "http://nobody.example/x", "valueString": "y"}))
    assert errors(found) == []
    assert severities(found)["extension-unknown"] == "warning"


def test_an_unknown_modifier_extension_is_refused(plain: Validator) -> None:
    found = plain.validate(
        {"resourceType": "Patient", "modifierExtension": [{"url": "http://nobody.example/x", "valueString": "y"}]}
    )
    assert errors(found) == [("Patient.modifierExtension[0]", "modifier-unknown")]


def test_an_extension_of_another_fhir_version_is_a_warning_that_says_so(plain: Validator) -> None:
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.renderedDosageInstruction"
    found = plain.validate(patient({"url": url, "valueMarkdown": "x"}))
    assert errors(found) == []
    assert any("version" in issue.text.en for issue in found if issue.rule == "extension-unknown")


def test_a_fhir_version_that_does_not_exist_is_an_error(plain: Validator) -> None:
    url = "http://hl7.org/fhir/9.9/StructureDefinition/extension-Patient.x"
    assert errors(plain.validate(patient({"url": url, "valueString": "x"}))) == [
        ("Patient.extension[0]", "extension-version")
    ]


def test_a_defined_extension_is_judged_by_its_definition(made: Made) -> None:
    validator = made(note())
    assert errors(validator.validate(patient({"url": NOTE, "valueString": "x"}))) == []
    assert errors(validator.validate(patient({"url": NOTE, "valueInteger": 1}))) == [
        ("Patient.extension[0].value.ofType(integer)", "choice-type")
    ]


def test_an_extension_stands_where_its_definition_allows_it(made: Made) -> None:
    validator = made(note())
    misplaced = {"resourceType": "Patient", "name": [{"family": "A", "extension": [{"url": NOTE, "valueString": "x"}]}]}
    assert errors(validator.validate(misplaced)) == [("Patient.name[0].extension[0]", "extension-context")]


def test_a_context_that_names_no_element_refuses_nothing(made: Made) -> None:
    validator = made(note(context=[{"type": "element", "expression": "Patient.contcat"}]))
    assert errors(validator.validate(patient({"url": NOTE, "valueString": "x"}))) == []


def test_a_context_by_data_type_holds_everywhere_that_type_is_used(made: Made) -> None:
    validator = made(note(context=[{"type": "element", "expression": "HumanName"}]))
    named = {"resourceType": "Patient", "name": [{"family": "A", "extension": [{"url": NOTE, "valueString": "x"}]}]}
    assert errors(validator.validate(named)) == []


def test_an_extension_has_either_a_value_or_extensions(plain: Validator) -> None:
    url = "http://nobody.example/x"
    assert errors(plain.validate(patient({"url": url})))[0][1].endswith("#ext-1")
    both = {"url": url, "valueString": "x", "extension": [{"url": "http://a.example", "valueString": "y"}]}
    assert errors(plain.validate(patient(both)))[0][1].endswith("#ext-1")


def test_an_extension_without_url_or_with_a_relative_one_is_refused(plain: Validator) -> None:
    assert errors(plain.validate(patient({"valueString": "x"}))) == [("Patient.extension[0]", "cardinality-min")]
    assert errors(plain.validate(patient({"url": "HTTP://X.EXAMPLE", "valueString": "x"}))) == [
        ("Patient.extension[0]", "extension-url")
    ]


def test_the_parts_of_a_complex_extension_are_those_of_its_definition(made: Made) -> None:
    parts = profile(
        "Note",
        "Extension",
        element(
            "Extension.extension", slicing={"discriminator": [{"type": "value", "path": "url"}], "rules": "closed"}
        ),
        element("Extension.extension", id="Extension.extension:a", sliceName="a", min=1, max="1"),
        element("Extension.extension.url", id="Extension.extension:a.url", fixedUri="a"),
        element("Extension.extension.value[x]", id="Extension.extension:a.value[x]", min=1, type=[{"code": "string"}]),
        element("Extension.url", fixedUri=NOTE),
        element("Extension.value[x]", max="0"),
        context=[{"type": "element", "expression": "Patient"}],
    )
    validator = made(parts)
    right = {"url": NOTE, "extension": [{"url": "a", "valueString": "x"}]}
    assert errors(validator.validate(patient(right))) == []
    wrong = {"url": NOTE, "extension": [{"url": "a", "valueString": "x"}, {"url": "b", "valueString": "x"}]}
    assert errors(validator.validate(patient(wrong))) == [("Patient.extension[0].extension[1]", "extension-part")]
    assert errors(validator.validate(patient({"url": NOTE, "extension": [{"url": "a", "valueInteger": 1}]}))) != []


def test_the_sibling_of_a_primitive_carries_extensions_and_is_judged(plain: Validator) -> None:
    resource = {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "http://nobody.example/x"}]}}
    assert errors(plain.validate(resource))[0][0] == "Patient.birthDate.extension[0]"
