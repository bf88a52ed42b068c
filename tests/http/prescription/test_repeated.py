"""What is sent again after a lost answer, put together anew; what is taken back."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from fhirserver.prescription import elements
from tests.http.conftest import Client
from tests.http.prescription.conftest import AsRole, dispense, issue, parameters, task_of


def _transaction(*resources: dict[str, Any]) -> dict[str, Any]:
    listed = [
        {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": each,
            "request": {"method": "POST", "url": each["resourceType"]},
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": listed}


def _locations(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["response"]["location"] for entry in answer.json()["entry"]]


def test_a_push_in_another_order_is_the_same_push(prescriber: Client) -> None:
    issued = issue(prescriber)
    reversed_push = copy.deepcopy(issued.bundle)
    reversed_push["entry"].reverse()
    again = prescriber.post("", reversed_push)
    assert _locations(again)[::-1] == [entry["response"]["location"] for entry in issued.answer["entry"]]
    assert again.json()["identifier"]["value"] == issued.number


def test_each_delivery_of_a_transaction_may_be_repeated_alone_and_beside_new_ones(
    prescriber: Client, pharmacist: Client
) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)
    assert pharmacist.post(f"Task/{task['id']}/$take", parameters()).status_code == 200
    line = issued.reference("MedicationRequest")
    first, second, third = dispense(line), dispense(line), dispense(line)
    one, two = _locations(pharmacist.post("", _transaction(first, second)))
    alone = pharmacist.post("MedicationDispense", first)
    assert (alone.status_code, alone.headers["Location"]) == (201, one), alone.text
    beside = _locations(pharmacist.post("", _transaction(third, second)))
    assert beside[1] == two
    told = pharmacist.post("MedicationDispense", third, If_None_Exist="identifier=none")
    assert told.headers["Location"] == beside[0]
    changed = pharmacist.post("", _transaction(dispense(line), second | {"note": [{"text": "autre"}]}))
    assert changed.status_code == 409, changed.text
    twice = pharmacist.post("", _transaction(same := dispense(line), copy.deepcopy(same)))
    assert twice.status_code == 422, twice.text
    counted = [
        each for each in task_of(pharmacist, issued.number)["output"] if each["type"]["coding"][0]["code"] == "dispense"
    ]
    assert len(counted) == 3


def test_a_report_of_two_acts_that_is_taken_back_counts_for_neither_and_says_why(
    prescriber: Client, as_role: AsRole
) -> None:
    def twice(bundle: dict[str, Any]) -> None:
        other = copy.deepcopy(bundle["entry"][4])
        other["fullUrl"] = f"urn:uuid:{uuid.uuid4()}"
        bundle["entry"].append(other)

    issued, laboratory = issue(prescriber, twice), as_role("laboratory")
    lines = [issued.reference("ServiceRequest", at) for at in (0, 1)]
    task = task_of(laboratory, issued.number, "laboratory")["id"]
    laboratory.post(f"Task/{task}/$take", parameters())
    report = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.8", "value": str(uuid.uuid4())}],
        "basedOn": [{"reference": line} for line in lines],
        "status": "final",
        "code": {"text": "Numération formule sanguine"},
    }
    made = laboratory.post("DiagnosticReport", report)
    assert made.status_code == 201, made.text
    back = laboratory.post(f"DiagnosticReport/{made.json()['id']}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    why = elements.value(back.json(), "taken-back-reason")
    assert why["coding"][0]["code"] == "dispensing-error"
    standing = task_of(laboratory, issued.number, "laboratory")
    assert [each["type"]["coding"][0]["code"] for each in standing["output"]].count("dispense") == 0
    story = laboratory.post("$history-of-prescription", parameters(number=issued.number)).text
    assert story.count("annulée par son auteur : erreur de délivrance") == 2
    again = laboratory.post("DiagnosticReport", report | {"identifier": [{"value": str(uuid.uuid4())}]})
    assert again.status_code == 201, again.text
