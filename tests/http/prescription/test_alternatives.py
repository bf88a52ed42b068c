"""Lines that are alternatives stand in a RequestGroup, which is numbered, kept and shown as they are."""

from __future__ import annotations

import uuid
from typing import Any

from fhirserver.prescription.alternatives import RELATIONSHIP
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import Issued, another_pharmacist, dispense, find, issue, parameters, state


def grouped(bundle: dict[str, Any]) -> None:
    """Make the two medicines alternatives of each other, each of 30 tablets."""
    first, second = bundle["entry"][2:4]
    del bundle["entry"][4:]
    for entry in (first, second):
        asked = {"numberOfRepeatsAllowed": 0, "quantity": {"value": 30, "unit": "comprimé"}}
        entry["resource"]["dispenseRequest"] = asked
    related = {
        "extension": [{"url": RELATIONSHIP, "valueCode": "ALT"}],
        "actionId": "second",
        "relationship": "concurrent",
    }
    group = {
        "resourceType": "RequestGroup",
        "status": "active",
        "intent": "order",
        "groupIdentifier": first["resource"]["groupIdentifier"],
        "subject": first["resource"]["subject"],
        "action": [
            {"id": "first", "relatedAction": [related], "resource": {"reference": first["fullUrl"]}},
            {"id": "second", "resource": {"reference": second["fullUrl"]}},
        ],
    }
    request = {"method": "POST", "url": "RequestGroup"}
    bundle["entry"].append({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": group, "request": request})


def opened(pharmacist: Client, issued: Issued) -> str:
    """Find and take it; return where the Task is."""
    found = find(pharmacist, issued.number).json()["entry"]
    task = next(entry["resource"]["id"] for entry in found if entry["resource"]["resourceType"] == "Task")
    assert "RequestGroup" in {entry["resource"]["resourceType"] for entry in found}
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    return f"Task/{task}"


def test_the_group_has_the_number_and_is_kept_and_shown_as_the_lines_are(
    prescriber: Client, pharmacist: Client, operator: Client, server: Server
) -> None:
    issued = issue(prescriber, grouped)
    group = issued.reference("RequestGroup")
    shown = operator.get(group).json()
    assert shown["groupIdentifier"]["value"] == issued.number
    assert shown["identifier"][0]["value"].startswith("ORD-")
    assert pharmacist.get(group).status_code == 404
    opened(pharmacist, issued)
    assert pharmacist.get(group).status_code == 200
    assert another_pharmacist(server).get(group).status_code == 404
    assert operator.delete(group).status_code == prescriber.put(group, shown).status_code == 405


def test_of_two_alternatives_one_is_delivered_and_that_ends_the_prescription(
    prescriber: Client, pharmacist: Client
) -> None:
    issued = issue(prescriber, grouped)
    task = opened(pharmacist, issued)
    first, second = issued.reference("MedicationRequest", 0), issued.reference("MedicationRequest", 1)
    tablets = {"value": 30, "unit": "comprimé"}
    assert pharmacist.post("MedicationDispense", dispense(second, None, quantity=tablets)).status_code == 201
    refused = pharmacist.post("MedicationDispense", dispense(first, None, quantity=tablets))
    assert refused.status_code == 409
    assert "alternative" in refused.text
    closed = pharmacist.post(f"{task}/$close", parameters()).json()
    assert state(closed["parameter"][0]["resource"]) == "executed"
    assert pharmacist.get(second).json()["status"] == "completed"
    assert pharmacist.get(first).json()["status"] == "stopped"


def test_a_choice_that_is_taken_back_is_open_again(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber, grouped)
    opened(pharmacist, issued)
    first, second = issued.reference("MedicationRequest", 0), issued.reference("MedicationRequest", 1)
    tablets = {"value": 30, "unit": "comprimé"}
    made = pharmacist.post("MedicationDispense", dispense(second, None, quantity=tablets)).json()["id"]
    back = pharmacist.post(f"MedicationDispense/{made}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    assert pharmacist.post("MedicationDispense", dispense(first, None, quantity=tablets)).status_code == 201
