"""Lines that are alternatives stand in a RequestGroup, which is numbered, kept and shown as they are."""

from __future__ import annotations

import base64
import copy
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pypdfium2

from fhirserver.demo import ordonnance, people
from fhirserver.prescription import elements
from fhirserver.prescription.alternatives import RELATIONSHIP
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import (
    AsRole,
    Issued,
    another_pharmacist,
    dispense,
    find,
    issue,
    parameters,
    push,
    state,
    task_of,
)


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


def test_the_print_tells_the_patient_that_one_of_the_alternatives_is_delivered(prescriber: Client) -> None:
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC))
    grouped(bundle)
    answer = prescriber.post("$issue-prescription", bundle).json()
    (drawn,) = [each["valueAttachment"]["data"] for each in answer["parameter"] if each["name"] == "pdf"]
    text = pypdfium2.PdfDocument(base64.b64decode(drawn))[0].get_textpage().get_text_range()
    assert text.count("AU CHOIX") == 2


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
    taken = pharmacist.post(f"{issued.reference('Patient')}/$current-medications", parameters()).text
    assert second in taken
    assert first not in taken, "it is not to be taken: its alternative was delivered"
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


def test_a_choice_that_is_taken_back_after_its_delivery_was_closed_is_open_again(
    prescriber: Client, pharmacist: Client
) -> None:
    def change(bundle: dict[str, Any]) -> None:
        other = copy.deepcopy(bundle["entry"][2])
        other["fullUrl"] = f"urn:uuid:{uuid.uuid4()}"
        grouped(bundle)
        bundle["entry"].insert(4, other)

    issued = issue(prescriber, change)
    task = opened(pharmacist, issued)
    first, second = issued.reference("MedicationRequest", 0), issued.reference("MedicationRequest", 1)
    tablets = {"value": 30, "unit": "comprimé"}
    made = pharmacist.post("MedicationDispense", dispense(second, None, quantity=tablets)).json()["id"]
    closed = pharmacist.post(f"{task}/$close", parameters()).json()
    assert state(closed["parameter"][0]["resource"]) == "partly-executed"
    assert pharmacist.get(first).json()["status"] == "active", "the choice may be taken back"
    back = pharmacist.post(f"MedicationDispense/{made}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    assert pharmacist.post(f"{task}/$take", parameters()).status_code == 200
    given = pharmacist.post("MedicationDispense", dispense(first, None, quantity=tablets))
    assert given.status_code == 201, given.text


def test_alternatives_are_lines_of_one_prescription(prescriber: Client) -> None:
    former = issue(prescriber).reference("MedicationRequest", 0)

    def change(bundle: dict[str, Any]) -> None:
        grouped(bundle)
        bundle["entry"][4]["resource"]["action"][1]["resource"]["reference"] = former

    refused = push(prescriber, change)
    assert refused.status_code == 422, refused.text
    assert former in refused.text


def apart(bundle: dict[str, Any]) -> None:
    """Make the second medicine and the biology, which another profession executes, alternatives of each other."""
    medicine, biology = bundle["entry"][3:5]
    group = {
        "resourceType": "RequestGroup",
        "status": "active",
        "intent": "order",
        "groupIdentifier": medicine["resource"]["groupIdentifier"],
        "subject": medicine["resource"]["subject"],
        "action": [
            {
                "selectionBehavior": "exactly-one",
                "action": [{"resource": {"reference": each["fullUrl"]}} for each in (medicine, biology)],
            }
        ],
    }
    request = {"method": "POST", "url": "RequestGroup"}
    bundle["entry"].append({"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": group, "request": request})


def report(issued: Issued) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.8", "value": str(uuid.uuid4())}],
        "basedOn": [{"reference": issued.reference("ServiceRequest")}],
        "status": "final",
        "code": {"text": "Numération formule sanguine"},
    }


def held(issued: Issued, pharmacist: Client, laboratory: Client) -> None:
    """Have each profession take its Task."""
    for client, kind in ((pharmacist, "pharmacy"), (laboratory, "laboratory")):
        task = task_of(client, issued.number, kind)["id"]
        assert client.post(f"Task/{task}/$take", parameters()).status_code == 200


def test_alternatives_of_two_professions_exclude_each_other_until_the_choice_is_taken_back(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    issued, laboratory = issue(prescriber, apart), as_role("laboratory")
    held(issued, pharmacist, laboratory)
    given = dispense(issued.reference("MedicationRequest", 1), 1120)
    made = pharmacist.post("MedicationDispense", given)
    assert made.status_code == 201, made.text
    refused = laboratory.post("DiagnosticReport", report(issued))
    assert refused.status_code == 409
    assert "son alternative « PANTOPRAZOLE" in refused.text
    back = pharmacist.post(f"MedicationDispense/{made.json()['id']}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    assert laboratory.post("DiagnosticReport", report(issued)).status_code == 201
    again = pharmacist.post("MedicationDispense", dispense(issued.reference("MedicationRequest", 1), 1120))
    assert again.status_code == 409


def test_who_takes_a_task_sees_that_its_line_was_executed_as_its_alternative(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    issued, laboratory = issue(prescriber, apart), as_role("laboratory")
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$take", parameters())
    given = dispense(issued.reference("MedicationRequest", 1), 1120)
    assert pharmacist.post("MedicationDispense", given).status_code == 201
    biology = task_of(laboratory, issued.number, "laboratory")["id"]
    (line,) = laboratory.post(f"Task/{biology}/$take", parameters()).json()["input"]
    standing = next(each for each in line["extension"] if each["url"].endswith("line-standing"))
    assert {"url": "finished", "valueBoolean": True} in standing["extension"]
    assert state(laboratory.post(f"Task/{biology}/$release", parameters()).json()) == "issued"
    assert laboratory.get(issued.reference("ServiceRequest")).json()["status"] == "active", "it may be taken back"


def test_a_task_that_is_held_says_whether_its_line_may_still_be_executed_instead_of_its_alternative(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    issued, laboratory = issue(prescriber, apart), as_role("laboratory")
    held(issued, pharmacist, laboratory)
    biology = task_of(laboratory, issued.number, "laboratory")["id"]

    def finished() -> bool:
        (line,) = laboratory.get(f"Task/{biology}").json()["input"]
        (standing,) = [each["extension"] for each in line["extension"] if each["url"].endswith("line-standing")]
        return {"url": "finished", "valueBoolean": True} in standing

    given = pharmacist.post("MedicationDispense", dispense(issued.reference("MedicationRequest", 1), 1120)).json()
    assert finished()
    back = pharmacist.post(f"MedicationDispense/{given['id']}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    assert not finished()


def test_of_two_alternatives_recorded_in_one_push_by_who_holds_both_tasks_none_is_accepted(
    prescriber: Client, pharmacist: Client
) -> None:
    def change(bundle: dict[str, Any]) -> None:
        line = bundle["entry"][4]["resource"]
        device = {
            "resourceType": "DeviceRequest",
            **{name: line[name] for name in ("status", "intent", "subject", "authoredOn", "requester")},
            "groupIdentifier": line["requisition"],
            "codeCodeableConcept": {"text": "Bas de contention"},
        }
        elements.set_value(device, "line-quantity", "Quantity", {"value": 2, "unit": "paire"})
        elements.set_value(device, "line-renewals", "UnsignedInt", 0)
        bundle["entry"][4] |= {"resource": device, "request": {"method": "POST", "url": "DeviceRequest"}}
        apart(bundle)

    issued = issue(prescriber, change)
    for kind in ("pharmacy", "device-supply"):
        task = task_of(pharmacist, issued.number, kind)["id"]
        assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    supply: dict[str, Any] = {
        "resourceType": "SupplyDelivery",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.7", "value": str(uuid.uuid4())}],
        "status": "completed",
        "suppliedItem": {"quantity": {"value": 2, "unit": "paire"}},
    }
    elements.set_value(supply, "executed-line", "Reference", {"reference": issued.reference("DeviceRequest")})
    medicine = dispense(issued.reference("MedicationRequest", 1), 1120)
    both = [
        {"resource": each, "request": {"method": "POST", "url": each["resourceType"]}} for each in (medicine, supply)
    ]
    refused = pharmacist.post("", {"resourceType": "Bundle", "type": "transaction", "entry": both})
    assert refused.status_code == 409, refused.text
    assert "alternative" in refused.text
    assert pharmacist.post("SupplyDelivery", supply).status_code == 201


def test_of_two_alternatives_executed_at_the_same_moment_by_two_professions_one_is_accepted(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    issued, laboratory = issue(prescriber, apart), as_role("laboratory")
    held(issued, pharmacist, laboratory)
    medicine = issued.reference("MedicationRequest", 1)
    with ThreadPoolExecutor(10) as pool:
        given = [pool.submit(pharmacist.post, "MedicationDispense", dispense(medicine, 150)) for _ in range(5)]
        done = [pool.submit(laboratory.post, "DiagnosticReport", report(issued)) for _ in range(5)]
        accepted = [
            {answer.status_code for each in sent if (answer := each.result()).status_code != 409}
            for sent in (given, done)
        ]
    assert sorted(accepted, key=len) == [set(), {201}]
