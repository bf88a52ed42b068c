"""Validity over HTTP, line by line; what is seen without the number; what bundles and strange lines are answered."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.prescription import elements
from fhirserver.prescription.number import issue as unknown
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import dispense, find, issue, of, parameters, push, state, task_of

THIRTY = {"value": 30, "unit": "comprimé"}


def dated(days_ago: int, *, also_first: bool = True) -> Any:
    """Return what dates the lines back; the first one, if not also dated back, stays of today."""

    def change(bundle: dict[str, Any]) -> None:
        for at, entry in enumerate(bundle["entry"][2:]):
            if at or also_first:
                moment = datetime.now(UTC) - timedelta(days=days_ago)
                entry["resource"]["authoredOn"] = moment.isoformat(timespec="seconds")

    return change


def counted(bundle: dict[str, Any]) -> None:
    bundle["entry"][2]["resource"]["dispenseRequest"] = {"numberOfRepeatsAllowed": 0, "quantity": THIRTY}


def test_a_prescription_that_nobody_began_in_three_months_is_gone(prescriber: Client, pharmacist: Client) -> None:
    def old(bundle: dict[str, Any]) -> None:
        dated(100)(bundle)
        del bundle["entry"][4], bundle["entry"][2]  # paracetamol is on no list, and so of no such validity

    issued = issue(prescriber, old)
    task = task_of(pharmacist, issued.number)
    assert state(task) == "expired"
    assert task["status"] == "failed"
    taken = pharmacist.post(f"Task/{task['id']}/$take", parameters())
    assert taken.status_code == 410, taken.text
    assert pharmacist.get(issued.reference("MedicationRequest")).json()["status"] == "stopped"


def test_an_expired_line_does_not_block_the_others(prescriber: Client, pharmacist: Client) -> None:
    def change(bundle: dict[str, Any]) -> None:
        counted(bundle)
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        bundle["entry"][3]["resource"]["authoredOn"] = (datetime.now(UTC) - timedelta(days=5)).isoformat()
        bundle["entry"][2]["resource"]["authoredOn"] = bundle["entry"][3]["resource"]["authoredOn"]
        bundle["entry"][4]["resource"]["authoredOn"] = bundle["entry"][3]["resource"]["authoredOn"]
        bundle["entry"][3]["resource"]["dispenseRequest"]["validityPeriod"] = {"end": yesterday}

    issued = issue(prescriber, change)
    task = task_of(pharmacist, issued.number)
    assert state(task) == "issued"
    where = f"Task/{task['id']}"
    assert pharmacist.post(f"{where}/$take", parameters()).status_code == 200
    first, expired = issued.reference("MedicationRequest", 0), issued.reference("MedicationRequest", 1)
    gone = pharmacist.post("MedicationDispense", dispense(expired, 1120))
    assert gone.status_code == 410, gone.text
    assert pharmacist.post("MedicationDispense", dispense(first, None, quantity=THIRTY)).status_code == 201
    closed = pharmacist.post(f"{where}/$close", parameters()).json()
    assert state(closed["parameter"][0]["resource"]) == "executed"


def test_what_was_not_found_by_number_is_in_no_chain_include_or_record(prescriber: Client, pharmacist: Client) -> None:
    number = people.ins(f"2840588{uuid.uuid4().int % 10**6:06d}")  # other tests prescribe to the usual patient
    issued = issue(prescriber, of(people.INS_TEST, number))
    identity, patient = issued.reference("MedicationRequest").split("/")[1], issued.reference("Patient").split("/")[1]
    searches = (
        f"MedicationRequest?patient.identifier={people.INS_TEST}|{number}&_count=200",
        f"Patient?_id={patient}&_revinclude=MedicationRequest:patient&_revinclude=Task:patient",
        f"MedicationRequest?_id={identity}&_include=MedicationRequest:requester",
        f"Patient/{patient}/$everything?_count=500",
        f"Patient?_has:MedicationRequest:patient:_id={identity}",
    )
    for search in searches[:-1]:
        assert identity not in str(pharmacist.get(search).json().get("entry")), search
    assert pharmacist.get(searches[-1]).json().get("entry", []) == []
    assert pharmacist.get(f"MedicationRequest/{identity}/_history/1").status_code == 404
    assert find(pharmacist, issued.number).status_code == 200
    assert identity in pharmacist.get(searches[0]).text
    assert pharmacist.get(searches[-1]).json()["entry"]


def test_an_operation_within_a_transaction_is_refused_by_its_name(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)["id"]
    entry = {"resource": parameters(), "request": {"method": "POST", "url": f"Task/{task}/$take"}}
    whole = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    refused = pharmacist.post("", whole)
    assert refused.status_code == 400
    assert "$take" in refused.json()["issue"][0]["details"]["text"]
    answer = pharmacist.post("", {**whole, "type": "batch"}).json()
    assert answer["entry"][0]["response"]["status"].startswith("200")


def another_patient(bundle: dict[str, Any]) -> None:
    bundle["entry"][3]["resource"]["subject"] = {"reference": "Patient/another"}


def in_the_future(bundle: dict[str, Any]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    for entry in bundle["entry"][2:]:
        entry["resource"]["authoredOn"] = tomorrow.isoformat(timespec="seconds")


def quantity(value: int) -> Any:
    def change(bundle: dict[str, Any]) -> None:
        bundle["entry"][2]["resource"]["dispenseRequest"]["quantity"] = {"value": value, "unit": "comprimé"}

    return change


def inside_the_hospital(bundle: dict[str, Any]) -> None:
    system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    bundle["entry"][2]["resource"]["category"] = [{"coding": [{"system": system, "code": "inpatient"}]}]


@pytest.mark.parametrize(
    ("change", "element"),
    [
        (another_patient, "subject"),
        (in_the_future, "authoredOn"),
        (quantity(0), "quantity"),
        (quantity(-3), "quantity"),
        (inside_the_hospital, "category"),
    ],
)
def test_a_line_that_cannot_be_meant_is_refused_where_it_stands(change: Any, element: str, prescriber: Client) -> None:
    refused = push(prescriber, change)
    assert refused.status_code == 422, refused.text
    issues = [each for each in refused.json()["issue"] if each["severity"] == "error"]
    assert element in issues[0]["expression"][0]
    assert issues[0]["details"]["text"]
    assert issues[0]["diagnostics"]


def opposed(bundle: dict[str, Any]) -> None:
    """Leave one line, of 30 tablets, whose execution the patient does not want its prescriber to see."""
    del bundle["entry"][3:]
    counted(bundle)
    elements.set_flag(bundle["entry"][2]["resource"], elements.Flag.OPPOSITION)


def test_what_the_prescriber_sees_of_a_line_does_not_tell_of_an_execution_that_the_patient_hides(
    prescriber: Client, pharmacist: Client
) -> None:
    shown = []
    for amount in (30, 10, None):
        issued = issue(prescriber, opposed)
        line, task = issued.reference("MedicationRequest"), f"Task/{task_of(pharmacist, issued.number)['id']}"
        if amount is not None:
            pharmacist.post(f"{task}/$take", parameters())
            given = dispense(line, None, quantity={"value": amount, "unit": "comprimé"})
            assert pharmacist.post("MedicationDispense", given).status_code == 201
            assert pharmacist.post(f"{task}/$close", parameters()).status_code == 200
        before = prescriber.get(f"{line}/_history").json()["total"]
        ended = prescriber.post("$cancel", parameters(number=issued.number, reason="treatment-change"))
        assert "MedicationDispense" not in ended.text
        assert "Task" not in ended.text
        shown.append((before, prescriber.get(line).json()["status"] if ended.status_code == 200 else "active"))
    assert shown == [(1, "active"), (1, "stopped"), (1, "stopped")]


def test_a_patient_who_is_not_here_is_prescribed_nothing(prescriber: Client) -> None:
    def unknown(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"][2:]:
            entry["resource"]["subject"] = {"reference": "Patient/inconnu"}

    refused = push(prescriber, unknown)
    assert refused.status_code == 422, refused.text
    assert "Patient/inconnu" in refused.text


def test_a_delivery_that_names_nobody_is_the_lines_patients(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber, counted)
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$take", parameters())
    given = pharmacist.post(
        "MedicationDispense", dispense(issued.reference("MedicationRequest"), None, quantity=THIRTY)
    )
    assert given.status_code == 201, given.text
    assert given.json()["subject"]["reference"] == issued.reference("Patient")


def test_a_secret_prescription_is_not_found_by_a_prescriber_who_is_not_its_own(
    server: Server, prescriber: Client
) -> None:
    def secret(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"][2:]:
            elements.set_flag(entry["resource"], elements.Flag.PREGNANCY_TERMINATION)

    number = issue(prescriber, secret).number
    doctor = Client(server, server.token("doctor", rpps=people.rpps("1000079955")))
    for operation in ("$find-prescription", "$history-of-prescription", "$take", "$cancel"):
        more = {"reason": "treatment-change"} if operation == "$cancel" else {}
        hidden = doctor.post(operation, parameters(number=number, **more))
        assert hidden.status_code == 404, (operation, hidden.text)
        assert hidden.json() == doctor.post(operation, parameters(number=unknown(), **more)).json(), operation
