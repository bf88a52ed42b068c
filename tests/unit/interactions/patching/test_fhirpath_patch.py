"""FHIRPath Patch: what it changes, and how it says that it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.interactions.patching import Patcher
from tests.unit.interactions.patching.building import (
    ARCHIVED,
    document,
    fhirpath_patch,
    operation,
    patient,
)


class TestFhirPathPatch:
    def test_the_replacement_of_the_dmp_guide(self, patcher: Patcher) -> None:
        change = operation(type="replace", path="DocumentReference.status", value={"valueCode": "superseded"})
        assert fhirpath_patch(patcher, document(), change) == document(status="superseded")

    def test_a_choice_gets_the_name_of_its_type(self, patcher: Patcher) -> None:
        change = operation(type="add", path="Patient", name="deceased", value={"valueBoolean": True})
        assert fhirpath_patch(patcher, patient(), change)["deceasedBoolean"] is True
        change = operation(type="replace", path="Patient.deceased", value={"valueDateTime": "2026-01-01"})
        after = fhirpath_patch(patcher, patient(deceasedBoolean=True), change)
        assert after == patient(deceasedDateTime="2026-01-01")

    def test_a_choice_does_not_take_other_types(self, patcher: Patcher) -> None:
        change = operation(type="add", path="Patient", name="deceased", value={"valueQuantity": {"value": 1}})
        with pytest.raises(Unprocessable, match="boolean, dateTime"):
            fhirpath_patch(patcher, patient(), change)

    def test_an_element_is_chosen_by_its_content(self, patcher: Patcher) -> None:
        path = f"DocumentReference.extension.where(url = '{ARCHIVED}').value"
        after = fhirpath_patch(patcher, document(), operation(type="replace", path=path, value={"valueBoolean": True}))
        assert after["extension"][1]["valueBoolean"] is True
        path = f"DocumentReference.extension('{ARCHIVED}')"
        assert len(fhirpath_patch(patcher, document(), operation(type="delete", path=path))["extension"]) == 1

    def test_primitives_and_their_siblings_stay_side_by_side(self, patcher: Patcher) -> None:
        before = patient(name=[{"given": ["a", "b", "c"], "_given": [None, {"id": "x"}, None]}])
        insert = operation(type="insert", path="Patient.name[0].given", index=1, value={"valueString": "n"})
        move = operation(type="move", path="Patient.name[0].given", source=2, destination=0)
        delete = operation(type="delete", path="Patient.name[0].given[3]")
        after = fhirpath_patch(patcher, before, insert, move, delete)
        assert after["name"] == [{"given": ["b", "a", "n"], "_given": [{"id": "x"}, None, None]}]

    def test_an_extension_is_added_to_a_primitive(self, patcher: Patcher) -> None:
        extension = {"url": "http://x", "valueCode": "y"}
        change = operation(type="add", path="Patient.birthDate", name="extension", value={"valueExtension": extension})
        after = fhirpath_patch(patcher, patient(birthDate="1970-01-01"), change)
        assert after["_birthDate"] == {"extension": [extension]}

    def test_a_primitive_value_may_bring_extensions(self, patcher: Patcher) -> None:
        value = {"valueDate": "1970", "_valueDate": {"id": "x"}}
        after = fhirpath_patch(patcher, patient(), operation(type="add", path="Patient", name="birthDate", value=value))
        assert (after["birthDate"], after["_birthDate"]) == ("1970", {"id": "x"})

    def test_a_resource_is_added_among_the_contained(self, patcher: Patcher) -> None:
        value = {"resource": {"resourceType": "Organization", "id": "o"}}
        after = fhirpath_patch(patcher, patient(), operation(type="add", path="Patient", name="contained", value=value))
        assert after["contained"] == [value["resource"]]

    def test_an_element_is_inserted_into_a_list_that_is_empty(self, patcher: Patcher) -> None:
        change = operation(type="insert", path="Patient.identifier", index=0, value={"valueIdentifier": {"value": "1"}})
        assert fhirpath_patch(patcher, patient(), change)["identifier"] == [{"value": "1"}]

    def test_deleting_what_is_not_there_changes_nothing(self, patcher: Patcher) -> None:
        assert fhirpath_patch(patcher, patient(), operation(type="delete", path="Patient.gender")) == patient()

    def test_a_deletion_leaves_no_empty_element(self, patcher: Patcher) -> None:
        before = patient(contact=[{"name": {"text": "x"}}])
        after = fhirpath_patch(patcher, before, operation(type="delete", path="Patient.contact[0].name.text"))
        assert after == patient()

    @pytest.mark.parametrize(
        ("change", "failure", "said"),
        [
            (operation(type="replace", path="Patient.gender", value="x"), Unprocessable, "selects 0 elements"),
            (operation(type="replace", path="Patient.name.given", value="x"), Unprocessable, "selects 2 elements"),
            (operation(type="delete", path="Patient.name.given"), Unprocessable, "selects 2 elements"),
            (operation(type="delete", path="Patient"), Unprocessable, "whole resource"),
            (operation(type="replace", path="Patient", value="x"), Unprocessable, "whole resource"),
            (operation(type="add", path="Patient", name="colour", value="red"), Unprocessable, "no element"),
            (operation(type="add", path="Patient.name[0]", name="family", value="x"), Unprocessable, "already there"),
            (operation(type="add", path="Patient", name="name", value="x"), Unprocessable, "of type HumanName"),
            (
                operation(type="add", path="Patient", name="gender", value={"valueHumanName": {"text": "x"}}),
                Unprocessable,
                "of type code",
            ),
            (operation(type="insert", path="Patient.name", index=5, value="x"), Unprocessable, "beyond 1"),
            (operation(type="insert", path="Patient.id", index=0, value="x"), Unprocessable, "one whole list"),
            (operation(type="move", path="Patient.name[0].given", source=2, destination=0), Unprocessable, "beyond 1"),
            (operation(type="move", path="Patient.name[0].given[0]", source=0, destination=0), Unprocessable, "list"),
            (operation(type="replace", path="1 + 1", value="x"), Unprocessable, "computes"),
            (operation(type="replace", path="Patient.id & 'x'", value="x"), Unprocessable, "computes"),
            (operation(type="replace", path="Patient..name", value="x"), BadRequest, "not FHIRPath"),
            (operation(type="replace", path="Patient.descendants()", value="x"), BadRequest, "descendants"),
            (operation(type="replace", path="%resource.id", value="x"), BadRequest, "%"),
            (operation(type="replace", path="Patient.id" + " " * 2000, value="x"), BadRequest, "characters"),
            (operation(type="replace", path="Patient.id", value="q"), Unprocessable, "does not change Patient.id"),
            (operation(type="erase", path="Patient.id"), BadRequest, '"type" is one of'),
            (operation(path="Patient.id"), BadRequest, '"type" is required'),
            (operation(type="delete"), BadRequest, '"path" is required'),
            (operation(type="replace", path="Patient.id"), BadRequest, '"value" is required'),
            (operation(type="add", path="Patient", name="contact", value={}), BadRequest, "neither"),
            (operation(type="add", path="Patient", name="contact", value={"part": [{}]}), BadRequest, "no name"),
            (operation(type="insert", path="Patient.name", index="x", value="x"), BadRequest, "index"),
            (operation(type="insert", path="Patient.name", index=-1, value="x"), BadRequest, "index"),
            (operation(type="delete", path="Patient.id", colour="red"), BadRequest, "colour"),
            ({"name": "operations"}, BadRequest, "named"),
            ({"name": "operation", "part": ["x"]}, BadRequest, "unknown"),
            ("x", BadRequest, "named"),
        ],
    )
    def test_what_cannot_be_done_is_refused_naming_the_operation(
        self, patcher: Patcher, change: Any, failure: type[Failure], said: str
    ) -> None:
        with pytest.raises(failure, match=said):
            fhirpath_patch(patcher, patient(), change)
