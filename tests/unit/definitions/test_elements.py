"""The element model of FHIR's own types."""

from __future__ import annotations

import pytest

from fhirserver.definitions import Definitions, Elements


@pytest.fixture(scope="module")
def elements(core: Definitions) -> Elements:
    return Elements(core)


def test_children_come_in_the_order_of_the_definition(elements: Elements) -> None:
    assert list(elements.of("Ratio")) == ["id", "extension", "numerator", "denominator"]
    assert list(elements.of("Bundle.link")) == ["id", "extension", "modifierExtension", "relation", "url"]


@pytest.mark.parametrize(
    ("path", "child"),
    [
        ("MedicationRequest.dosageInstruction", "doseAndRate"),
        ("MedicationRequest.dosageInstruction.doseAndRate", "dose[x]"),
        ("MedicationRequest.dosageInstruction.timing.repeat", "frequency"),
        ("Observation.valueQuantity", "comparator"),
        ("Observation.component.referenceRange", "appliesTo"),
        ("Questionnaire.item.item.item", "linkId"),
        ("Bundle.entry.resource", "implicitRules"),
        ("Patient.birthDate", "extension"),
    ],
)
def test_a_path_may_cross_types_choices_and_references(elements: Elements, path: str, child: str) -> None:
    assert child in elements.of(path)


@pytest.mark.parametrize("path", ["Patient.nickname", "Nothing", "Observation.value[x]", "Patient.birthDate.year", ""])
def test_a_path_that_leads_nowhere_is_refused(elements: Elements, path: str) -> None:
    with pytest.raises(KeyError):
        elements.of(path)


def test_a_choice_is_known_by_each_of_its_names(elements: Elements) -> None:
    names = elements.names("Observation")
    element, choice = names["valueDateTime"]
    assert (element.name, choice.code) == ("value[x]", "dateTime")
    assert element.is_choice
    assert "value" not in names
    assert names["status"][1].code == "code"


def test_cardinality_and_json_arrays(elements: Elements) -> None:
    name, gender = elements.element("Patient.name"), elements.element("Patient.gender")
    assert (name.minimum, name.maximum, name.is_array) == (0, None, True)
    assert (gender.minimum, gender.maximum, gender.is_array) == (0, 1, False)
    assert gender.binding == ("required", "http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")


def test_what_xml_writes_otherwise(elements: Elements) -> None:
    assert elements.element("Extension.url").is_attribute
    assert elements.element("Dosage.id").is_attribute
    assert not elements.element("Patient.id").is_attribute
    assert elements.element("Narrative.div").is_xhtml


def test_references_name_their_targets(elements: Elements) -> None:
    (choice,) = elements.element("Encounter.subject").types
    assert choice.code == "Reference"
    assert {target.rpartition("/")[2] for target in choice.targets} == {"Patient", "Group"}


def test_system_types_are_known_by_their_fhir_type(elements: Elements) -> None:
    assert elements.element("Patient.id").types[0].code == "string"
    assert elements.element("Extension.url").types[0].code == "uri"


def test_an_element_with_a_content_reference_says_whose_content_it_has(elements: Elements) -> None:
    link = elements.element("Bundle.entry.link")
    assert (link.refers, link.content, link.types) == (True, "Bundle.link", ())


def test_every_element_of_every_type_has_a_type_or_a_reference(core: Definitions, elements: Elements) -> None:
    for type_name in core.resource_types:
        for element in elements.of(type_name).values():
            assert element.types or element.refers, element.path
