"""What is issued is neither told of nor executed by a detour: patches, numbers in place of lines, stored copies."""

from __future__ import annotations

from typing import Any

from fhirserver.settings import Settings
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import another_pharmacist, dispense, issue, parameters, task_of

JSON_PATCH = "application/json-patch+json"


def plain(**more: Any) -> dict[str, Any]:
    """Return a dispense of something that nobody prescribed here."""
    made = dispense("MedicationRequest/none")
    del made["authorizingPrescription"]
    return made | more


def test_a_patch_makes_no_delivery_of_an_issued_line(server: Server, prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    line = issued.reference("MedicationRequest")
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$take", parameters())
    for client in (pharmacist, another_pharmacist(server)):
        made = client.post("MedicationDispense", plain())
        assert made.status_code == 201, made.text
        place = f"MedicationDispense/{made.json()['id']}"
        answers = []
        for reference in (line, f"{client.base}/{line}", "MedicationRequest/nothing-is-here"):
            patch = [{"op": "add", "path": "/authorizingPrescription", "value": [{"reference": reference}]}]
            answers.append(client.patch(place, patch, Content_Type=JSON_PATCH))
        assert [answer.status_code for answer in answers] == [422, 422, 422], answers[0].text
        assert len({answer.text for answer in answers}) == 1, "hidden or not there: the same"
        patch = [{"op": "add", "path": "/note", "value": [{"text": "remis à la fille du patient"}]}]
        assert client.patch(place, patch, Content_Type=JSON_PATCH).status_code == 200


def test_a_number_in_place_of_the_line_is_refused_since_nothing_would_be_counted(
    prescriber: Client, pharmacist: Client
) -> None:
    system = f"urn:oid:{Settings().prescription_root}"
    named = [{"identifier": {"system": system, "value": issue(prescriber).number}}]
    refused = pharmacist.post("MedicationDispense", plain(authorizingPrescription=named))
    assert refused.status_code == 422, refused.text
    on_paper = [{"identifier": {"system": "urn:oid:1.2.250.1.999.3", "value": "P-1"}}]
    assert pharmacist.post("MedicationDispense", plain(authorizingPrescription=on_paper)).status_code == 201


def test_a_document_is_not_stored_with_a_prescription_that_its_readers_did_not_find(
    prescriber: Client, pharmacist: Client
) -> None:
    issued = issue(prescriber)
    task_of(pharmacist, issued.number)
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "Bilan de médication"},
        "date": "2026-03-02",
        "author": [{"display": "Hugo PETIT"}],
        "title": "Bilan",
        "section": [{"title": "Traitement", "entry": [{"reference": issued.reference("MedicationRequest")}]}],
    }
    place = f"Composition/{pharmacist.post('Composition', composition).json()['id']}/$document"
    assert issued.reference("MedicationRequest") in pharmacist.get(place).text
    refused = pharmacist.get(f"{place}?persist=true")
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["persist"]
