"""Snapshots from differentials, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.definitions import Definitions
from fhirserver.definitions.snapshots import Generator, SnapshotError

Profile = Callable[..., dict[str, Any]]
BY_SYSTEM = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}


@pytest.fixture
def snapshot(core: Definitions, profile: Profile) -> Callable[..., dict[str, dict[str, Any]]]:
    def make(base: str, *elements: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
        made = Generator(core).of_structure(profile("p", base, *elements, **more)).elements
        found = {element["id"]: element for element in made}
        assert len(found) == len(made)
        return found

    return make


def test_what_a_differential_does_not_name_comes_from_the_base(snapshot: Any, core: Definitions) -> None:
    made = snapshot("Patient", {"id": "Patient.name", "min": 1})
    patient = core.structure("Patient")
    assert patient is not None
    assert list(made) == [element["id"] for element in patient["snapshot"]["element"]]
    assert made["Patient.name"]["min"] == 1
    assert made["Patient.name"]["max"] == "*"
    assert made["Patient.birthDate"]["type"] == [{"code": "date"}]


def test_constraints_add_up_and_name_the_profile_as_their_source(snapshot: Any) -> None:
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": "true"}
    made = snapshot("Patient", {"id": "Patient.contact", "constraint": [rule]})
    assert [one["key"] for one in made["Patient.contact"]["constraint"]] == ["ele-1", "pat-1", "x-1"]
    assert made["Patient.contact"]["constraint"][-1]["source"] == "http://example.org/StructureDefinition/p"


def test_a_path_into_a_data_type_brings_all_of_its_children(snapshot: Any) -> None:
    made = snapshot("Patient", {"id": "Patient.name.family", "min": 1})
    names = [identity for identity in made if identity.startswith("Patient.name.")]
    assert names == [
        f"Patient.name.{child}"
        for child in ("id", "extension", "use", "text", "family", "given", "prefix", "suffix", "period")
    ]
    assert made["Patient.name.family"]["min"] == 1
    assert made["Patient.name.use"]["binding"]["strength"] == "required"


def test_a_slice_starts_from_the_element_not_from_what_the_profile_asks_of_all(snapshot: Any) -> None:
    made = snapshot(
        "Patient",
        {
            "id": "Patient.identifier",
            "min": 2,
            "slicing": BY_SYSTEM,
        },
        {"id": "Patient.identifier:a", "max": "1"},
        {"id": "Patient.identifier:a.system", "min": 1, "fixedUri": "http://a"},
    )
    assert made["Patient.identifier"]["min"] == 2
    assert (made["Patient.identifier:a"]["min"], made["Patient.identifier:a"]["max"]) == (0, "1")
    assert "slicing" not in made["Patient.identifier:a"]
    assert made["Patient.identifier:a.system"]["fixedUri"] == "http://a"
    assert made["Patient.identifier:a"]["sliceName"] == "a"


def test_a_slice_of_a_data_type_starts_from_that_type_not_from_what_is_said_of_the_content_of_all(
    snapshot: Any,
) -> None:
    made = snapshot(
        "Patient",
        {"id": "Patient.identifier", "slicing": BY_SYSTEM},
        {"id": "Patient.identifier.value", "min": 1},
        {"id": "Patient.identifier:a"},
        {"id": "Patient.identifier:a.system", "fixedUri": "http://a"},
    )
    assert made["Patient.identifier.value"]["min"] == 1
    assert made["Patient.identifier:a.value"]["min"] == 0


def test_a_slice_of_a_backbone_element_keeps_what_is_said_of_all_where_it_says_nothing_itself(snapshot: Any) -> None:
    made = snapshot(
        "Bundle",
        {"id": "Bundle.entry", "slicing": {"discriminator": [{"type": "type", "path": "resource"}], "rules": "open"}},
        {"id": "Bundle.entry.fullUrl", "min": 1},
        {"id": "Bundle.entry.resource", "min": 1},
        {"id": "Bundle.entry:patient"},
        {"id": "Bundle.entry:patient.resource", "type": [{"code": "Patient"}]},
    )
    assert made["Bundle.entry:patient.fullUrl"]["min"] == 1
    assert made["Bundle.entry:patient.resource"]["min"] == 0
    assert made["Bundle.entry:patient.resource"]["type"] == [{"code": "Patient"}]


def test_a_slice_of_a_slice_starts_from_that_slice_and_stands_after_it(snapshot: Any) -> None:
    made = snapshot(
        "Patient",
        {
            "id": "Patient.identifier",
            "slicing": BY_SYSTEM,
        },
        {"id": "Patient.identifier:a/x", "max": "1"},
        {"id": "Patient.identifier:b"},
        {
            "id": "Patient.identifier:a",
            "min": 1,
            "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"},
        },
    )
    slices = [identity for identity in made if identity.startswith("Patient.identifier:")]
    assert slices == ["Patient.identifier:b", "Patient.identifier:a", "Patient.identifier:a/x"]
    assert (made["Patient.identifier:a/x"]["min"], made["Patient.identifier:a/x"]["max"]) == (1, "1")


def test_extensions_are_sliced_by_url_without_being_told(snapshot: Any) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
    made = snapshot("Patient", {"id": "Patient.extension:place", "type": [{"code": "Extension", "profile": [url]}]})
    assert made["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]
    assert made["Patient.extension:place"]["max"] == "1", "as the extension's own definition says"


def test_a_modifier_extension_makes_its_slice_a_modifier(snapshot: Any) -> None:
    url = "http://hl7.org/fhir/StructureDefinition/request-doNotPerform"
    made = snapshot(
        "CarePlan", {"id": "CarePlan.modifierExtension:not", "type": [{"code": "Extension", "profile": [url]}]}
    )
    assert made["CarePlan.modifierExtension:not"]["isModifier"] is True


def test_a_choice_named_by_one_type_is_narrowed_to_it_and_sliced(snapshot: Any) -> None:
    made = snapshot(
        "Observation",
        {"path": "Observation.valueQuantity", "id": "Observation.valueQuantity", "min": 1},
        {"path": "Observation.valueQuantity.code", "id": "Observation.valueQuantity.code", "min": 1},
    )
    assert made["Observation.value[x]"]["type"] == [{"code": "Quantity"}]
    assert made["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert made["Observation.value[x]:valueQuantity"]["min"] == 1
    assert made["Observation.value[x]:valueQuantity.code"]["min"] == 1


def test_a_type_slice_leaves_the_other_types_open(snapshot: Any) -> None:
    made = snapshot("Observation", {"id": "Observation.value[x]:valueQuantity", "type": [{"code": "Quantity"}]})
    assert made["Observation.value[x]"]["slicing"] == {
        "discriminator": [{"type": "type", "path": "$this"}],
        "ordered": False,
        "rules": "open",
    }
    assert len(made["Observation.value[x]"]["type"]) == 11


def test_slices_of_every_type_close_the_choice(snapshot: Any) -> None:
    made = snapshot(
        "Patient",
        {"id": "Patient.deceased[x]:deceasedBoolean", "type": [{"code": "boolean"}]},
        {"id": "Patient.deceased[x]:deceasedDateTime", "type": [{"code": "dateTime"}]},
    )
    assert made["Patient.deceased[x]"]["slicing"]["rules"] == "closed"


def test_a_slice_of_a_choice_that_cannot_be_coded_has_no_binding(snapshot: Any) -> None:
    made = snapshot(
        "MedicationRequest",
        {"id": "MedicationRequest.medication[x]:medicationReference", "type": [{"code": "Reference"}]},
    )
    assert "binding" in made["MedicationRequest.medication[x]"]
    assert "binding" not in made["MedicationRequest.medication[x]:medicationReference"]


def test_a_content_reference_is_followed_where_the_differential_goes_into_it(snapshot: Any) -> None:
    made = snapshot("Questionnaire", {"id": "Questionnaire.item.item.linkId", "maxLength": 5})
    assert made["Questionnaire.item.item.linkId"]["maxLength"] == 5
    assert made["Questionnaire.item.item"]["type"] == [{"code": "BackboneElement"}]
    deeper = made["Questionnaire.item.item.item"]["contentReference"]
    assert deeper == "http://hl7.org/fhir/StructureDefinition/Questionnaire#Questionnaire.item"


def test_the_order_of_a_differential_does_not_matter(snapshot: Any) -> None:
    elements = [
        {"id": "Patient.birthDate", "min": 1},
        {"id": "Patient.name.family", "min": 1},
        {"id": "Patient.name", "max": "1"},
        {"id": "Patient.active", "min": 1},
    ]
    assert snapshot("Patient", *elements) == snapshot("Patient", *reversed(elements))


def test_a_differential_without_ids_is_placed_by_path_and_slice_name(snapshot: Any) -> None:
    by_path = snapshot(
        "Patient",
        {"path": "Patient.identifier", "slicing": BY_SYSTEM},
        {"path": "Patient.identifier", "sliceName": "a"},
        {"path": "Patient.identifier.system", "fixedUri": "http://a"},
        {"path": "Patient.identifier", "sliceName": "b"},
        {"path": "Patient.identifier.system", "fixedUri": "http://b"},
    )
    assert by_path["Patient.identifier:a.system"]["fixedUri"] == "http://a"
    assert by_path["Patient.identifier:b.system"]["fixedUri"] == "http://b"


def test_nothing_opens_again_what_the_base_closed(snapshot: Any) -> None:
    made = snapshot(
        "http://hl7.org/fhir/StructureDefinition/bodyweight",
        {
            "id": "Observation.value[x]",
            "slicing": {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"},
        },
    )
    assert made["Observation.value[x]"]["slicing"]["rules"] == "closed"


def test_an_element_that_the_base_does_not_have_is_named_in_the_refusal(snapshot: Any) -> None:
    with pytest.raises(SnapshotError) as refusal:
        snapshot("Patient", {"id": "Patient.contact.nickname", "min": 1})
    assert refusal.value.element == "Patient.contact.nickname"


def test_a_profile_whose_base_is_not_loaded_is_refused(snapshot: Any) -> None:
    with pytest.raises(SnapshotError, match="nobody"):
        snapshot("http://example.org/nobody", {"id": "Patient.name", "min": 1})


def test_a_profile_upon_itself_is_refused(core: Definitions, profile: Profile) -> None:
    itself = profile("p", "http://example.org/StructureDefinition/p", {"id": "Patient.name", "min": 1})
    with pytest.raises(SnapshotError):
        Generator(core).of_structure(itself)


def test_a_specialization_adds_elements_with_the_constraint_of_every_element(snapshot: Any) -> None:
    made = snapshot(
        "DomainResource",
        {"id": "Thing", "min": 0, "max": "*"},
        {"id": "Thing.name", "min": 1, "max": "1", "type": [{"code": "string"}]},
        {"id": "Thing.part", "min": 0, "max": "*", "type": [{"code": "BackboneElement"}]},
        {"id": "Thing.part.size", "min": 0, "max": "1", "type": [{"code": "integer"}]},
        derivation="specialization",
    )
    assert list(made)[-6:] == [
        "Thing.name",
        "Thing.part",
        "Thing.part.id",
        "Thing.part.extension",
        "Thing.part.modifierExtension",
        "Thing.part.size",
    ]
    assert made["Thing.name"]["base"] == {"path": "Thing.name", "min": 1, "max": "1"}
    assert [one["key"] for one in made["Thing.name"]["constraint"]] == ["ele-1"]
