"""From the prescriber's software to the last renewal, over HTTP."""

from __future__ import annotations

from typing import Any

import jwt

from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import (
    AsRole,
    another_pharmacist,
    dispense,
    find,
    issue,
    parameters,
    state,
    task_of,
)


def part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in answer["parameter"] if each["name"] == name)


def test_a_push_of_active_orders_is_issued_found_taken_dispensed_and_closed(
    prescriber: Client, pharmacist: Client, server: Server
) -> None:
    issued = issue(prescriber)
    lines = [entry["resource"] for entry in issued.answer["entry"][2:]]
    numbers = {(line.get("groupIdentifier") or line["requisition"])["value"] for line in lines}
    assert numbers == {issued.number}
    assert lines[0]["identifier"][0]["value"].startswith("ORD-")

    found = find(pharmacist, f" {issued.number[:6].lower()}-{issued.number[6:]} ").json()
    tasks = [entry["resource"] for entry in found["entry"] if entry["search"]["mode"] == "match"]
    assert {task["code"]["coding"][0]["code"] for task in tasks} == {"pharmacy", "laboratory"}
    assert {entry["resource"]["resourceType"] for entry in found["entry"]} == {
        "Task", "MedicationRequest", "ServiceRequest", "Patient", "Practitioner",
    }  # fmt: skip
    task = next(each for each in tasks if each["code"]["coding"][0]["code"] == "pharmacy")
    assert (task["status"], state(task)) == ("requested", "issued")

    taken = pharmacist.post(f"Task/{task['id']}/$take", parameters())
    assert taken.status_code == 200, taken.text
    assert (taken.json()["status"], state(taken.json())) == ("in-progress", "taken")

    paracetamol = issued.reference("MedicationRequest", 0)
    given = dispense(paracetamol, 15000)
    done = pharmacist.post(f"Task/{task['id']}/$dispense", parameters(dispense=given))
    assert done.status_code == 200, done.text
    recorded = part(done.json(), "dispense")["part"][0]["resource"]
    assert recorded["resourceType"] == "MedicationDispense"
    again = pharmacist.post("MedicationDispense", given)
    assert again.status_code == 201, again.text
    assert again.json()["id"] == recorded["id"], "the same identifier is the same delivery"

    more = pharmacist.post("MedicationDispense", dispense(paracetamol, 1000))
    assert more.status_code == 409, more.text

    pantoprazole = issued.reference("MedicationRequest", 1)
    second = pharmacist.post("MedicationDispense", dispense(pantoprazole, 1120))
    assert second.status_code == 201, second.text

    closed = pharmacist.post(f"Task/{task['id']}/$close", parameters())
    assert closed.status_code == 200, closed.text
    assert state(part(closed.json(), "task")["resource"]) == "partly-executed"
    receipt = part(closed.json(), "receipt")["valueString"]
    keys = pharmacist.send("GET", f"{server.root}/.well-known/jwks.json").json()
    content = jwt.decode(receipt, jwt.PyJWK(keys["keys"][0]).key, algorithms=["ES256"])
    assert content["sub"] == issued.number
    assert [each["quantity"]["value"] for each in content["deliveries"]] == ["15000", "1120"]
    lost = pharmacist.post(f"Task/{task['id']}/$close", parameters()).json()
    assert part(lost, "receipt")["valueString"] == receipt, "a lost answer is recovered"

    line = pharmacist.get(paracetamol).json()
    assert line["status"] == "completed"
    assert pharmacist.get(pantoprazole).json()["status"] == "active"


def test_of_two_pharmacies_one_holds_the_prescription_and_the_other_hears_423(
    prescriber: Client, pharmacist: Client, server: Server
) -> None:
    issued = issue(prescriber)
    other = another_pharmacist(server)
    task = task_of(pharmacist, issued.number)["id"]
    task_of(other, issued.number)
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    assert other.post(f"Task/{task}/$take", parameters()).status_code == 423
    refused = other.post("MedicationDispense", dispense(issued.reference("MedicationRequest"), 15000))
    assert refused.status_code == 412, refused.text
    assert pharmacist.post(f"Task/{task}/$close", parameters()).status_code == 409
    assert state(pharmacist.post(f"Task/{task}/$release", parameters()).json()) == "issued"
    assert other.post(f"Task/{task}/$take", parameters()).status_code == 200


def test_a_profession_takes_its_own_task_only(prescriber: Client, pharmacist: Client, as_role: AsRole) -> None:
    issued = issue(prescriber)
    laboratory = as_role("laboratory")
    biology = task_of(laboratory, issued.number, "laboratory")["id"]
    medicines = task_of(pharmacist, issued.number)["id"]
    assert laboratory.post(f"Task/{medicines}/$take", parameters()).status_code == 403
    taken = laboratory.post("$take", parameters(number=issued.number))
    assert taken.status_code == 200, taken.text
    assert taken.json()["id"] == biology
    report = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.8", "value": f"CR-{issued.number}"}],
        "basedOn": [{"reference": issued.reference("ServiceRequest")}],
        "status": "final",
        "code": {"text": "Numération formule sanguine"},
    }
    done = laboratory.post("DiagnosticReport", report)
    assert done.status_code == 201, done.text
    closed = laboratory.post(f"Task/{biology}/$close", parameters())
    assert state(part(closed.json(), "task")["resource"]) == "executed"
    assert state(task_of(pharmacist, issued.number)) == "issued", "the other Task goes its own way"
