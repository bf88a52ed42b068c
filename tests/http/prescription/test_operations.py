"""Issuing by operation, checking, cancelling, replacing, and what is told of it all."""

from __future__ import annotations

import base64
import copy
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from fhirserver.demo import ordonnance, people
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import (
    AsRole,
    another_pharmacist,
    dispense,
    find,
    issue,
    parameters,
    push,
    state,
    task_of,
)


def parts(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [each for each in answer["parameter"] if each["name"] == name]


def content(answer: dict[str, Any], name: str) -> bytes:
    return base64.b64decode(parts(answer, name)[0]["valueAttachment"]["data"])


def test_issue_prescription_answers_number_tasks_code_and_pdf(prescriber: Client, pharmacist: Client) -> None:
    bundle = issue(prescriber).bundle
    fresh = copy.deepcopy(bundle)
    for entry in fresh["entry"][2:]:
        line = entry["resource"]
        (line.get("groupIdentifier") or line["requisition"])["value"] = "ORD-by-operation"
    answer = prescriber.post("$issue-prescription", fresh)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    number = parts(told, "number")[0]["valueIdentifier"]["value"]
    assert len(parts(told, "task")) == 2
    assert len(parts(told, "line")) == 3
    assert content(told, "code-svg").startswith(b"<?xml")
    pdf = pypdfium2.PdfDocument(content(told, "pdf"))
    image = pdf[0].render(scale=3).to_pil()
    assert number in {code.text for code in zxingcpp.read_barcodes(image)}
    assert find(pharmacist, number).status_code == 200
    again = prescriber.post("$issue-prescription", fresh).json()
    assert parts(again, "number")[0]["valueIdentifier"]["value"] == number


def test_the_pdf_of_a_push_is_made_after_the_commit_once(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)
    reference = next(
        output["valueReference"]["reference"]
        for output in task["output"]
        if output["type"]["coding"][0]["code"] == "print"
    )
    deadline = time.monotonic() + 60
    while (answer := pharmacist.get(reference, Accept="application/pdf")).status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer.content.startswith(b"%PDF")
    assert pharmacist.get(reference, Accept="application/fhir+json").json()["meta"]["versionId"] == "1"
    assert prescriber.delete(reference).status_code == 405


def test_what_parameters_hold_is_issued_or_refused_where_it_stands(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    line = prescriber.get(issued.reference("MedicationRequest", 1)).json()
    fresh = {name: line[name] for name in line if name not in ("id", "meta", "groupIdentifier", "identifier")}
    for strange in ({"name": "lines", "resource": fresh}, {"name": "line", "valueString": "x"}):
        told = {"resourceType": "Parameters", "parameter": [{"name": "line", "resource": fresh}, strange]}
        refused = prescriber.post("$issue-prescription", told)
        assert refused.status_code == 400, refused.text
        assert refused.json()["issue"][0]["expression"] == ["Parameters.parameter[1]"]
    nobody = {name: content for name, content in fresh.items() if name != "requester"}
    refused = prescriber.post("$issue-prescription", parameters(line=[fresh, nobody]))
    assert refused.json()["issue"][0]["expression"] == ["Parameters.parameter[1].resource.requester"]
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    none = dispense(issued.reference("MedicationRequest"), 0)
    refused = pharmacist.post(f"Task/{task}/$dispense", parameters(dispense=none))
    assert refused.json()["issue"][0]["expression"] == ["Parameters.parameter[0].resource.quantity"]


def test_check_prescription_tells_alerts_and_stores_nothing(prescriber: Client) -> None:
    bundle = issue(prescriber).bundle
    lone = copy.deepcopy(bundle["entry"][2]["resource"])
    lone["dispenseRequest"]["expectedSupplyDuration"]["value"] = 4000
    lone["medicationCodeableConcept"]["text"] = "jamais vu"
    answer = prescriber.post("$check-prescription", bundle)
    assert answer.status_code == 200, answer.text
    assert not [each for each in parts(answer.json(), "alert") if each["part"][1]["valueCode"] == "blocking"]
    alone = prescriber.post("$check-prescription", parameters(line=lone))
    assert alone.status_code == 200, alone.text
    assert parts(alone.json(), "return")[0]["resource"]["resourceType"] == "OperationOutcome"


def test_the_prescriber_cancels_the_whole_or_one_line_and_names_a_reason(
    prescriber: Client, pharmacist: Client, as_role: AsRole
) -> None:
    issued = issue(prescriber)
    first = issued.reference("MedicationRequest", 0)
    assert prescriber.post("$cancel", parameters(number=issued.number)).status_code == 400
    assert as_role("doctor").post("$cancel", parameters(number=issued.number, reason="error")).status_code == 403
    one = prescriber.post("$cancel", parameters(number=issued.number, line=first, reason="wrong-line"))
    assert one.status_code == 200, one.text
    assert prescriber.get(first).json()["status"] == "cancelled"
    assert prescriber.get(first).json()["statusReason"]["coding"][0]["code"] == "wrong-line"
    task = task_of(pharmacist, issued.number)["id"]
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    assert pharmacist.post("MedicationDispense", dispense(first, 1000)).status_code == 410
    held = prescriber.post("$cancel", parameters(number=issued.number, reason="treatment-change"))
    assert held.status_code == 423, held.text
    assert "note" in pharmacist.get(f"Task/{task}").json()
    assert pharmacist.post(f"Task/{task}/$release", parameters()).status_code == 200
    whole = prescriber.post("$cancel", parameters(number=issued.number, reason="treatment-change"))
    assert whole.status_code == 200, whole.text
    assert {state(each["resource"]) for each in parts(whole.json(), "task")} == {"cancelled"}
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 410
    revoked = prescriber.get(issued.reference("ServiceRequest")).json()
    assert revoked["status"] == "revoked"
    assert "changement de traitement" in revoked["note"][0]["text"]


def test_after_partial_execution_what_remains_is_stopped(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    line = issued.reference("MedicationRequest", 1)
    assert pharmacist.post("MedicationDispense", dispense(line, 1120)).status_code == 201
    pharmacist.post(f"Task/{task}/$close", parameters())
    stopped = prescriber.post(f"Task/{task}/$cancel", parameters(reason="adverse-effect"))
    assert stopped.status_code == 200, stopped.text
    assert state(parts(stopped.json(), "task")[0]["resource"]) == "stopped"
    assert prescriber.get(line).json()["status"] == "stopped"


def test_a_dispenser_takes_back_his_own_delivery(prescriber: Client, pharmacist: Client, server: Server) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    line = issued.reference("MedicationRequest", 0)
    made = pharmacist.post("MedicationDispense", dispense(line, 15000)).json()
    assert pharmacist.post("MedicationDispense", dispense(line, 15000)).status_code == 409
    other = another_pharmacist(server)
    find(other, issued.number)
    assert other.post(f"MedicationDispense/{made['id']}/$cancel", parameters(reason="returned")).status_code == 403
    back = pharmacist.post(f"MedicationDispense/{made['id']}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    assert back.json()["status"] == "entered-in-error"
    assert back.json()["statusReasonCodeableConcept"]["coding"][0]["code"] == "dispensing-error"
    assert pharmacist.post(f"Task/{task}/$close", parameters()).status_code == 409, "no outcome stands: no receipt"
    assert pharmacist.post("MedicationDispense", dispense(line, 15000)).status_code == 201


@pytest.mark.parametrize("value", [-5, 0])
def test_a_quantity_that_is_none_is_refused(value: int, prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    line = issued.reference("MedicationRequest", 0)
    refused = pharmacist.post("MedicationDispense", dispense(line, value))
    assert refused.status_code == 422, refused.text
    other_unit = pharmacist.post("MedicationDispense", dispense(line, 5, "mL"))
    assert other_unit.status_code == 422
    future = pharmacist.post("MedicationDispense", dispense(line, 1000, whenHandedOver="2099-01-01T10:00:00Z"))
    assert future.status_code == 422
    nameless = dispense(line, 1000)
    del nameless["identifier"]
    assert pharmacist.post("MedicationDispense", nameless).status_code == 422


def test_an_ins_that_fails_its_key_is_refused(prescriber: Client) -> None:
    def wrong(bundle: dict[str, Any]) -> None:
        patient = bundle["entry"][0]
        value = people.PATIENT_INS[:-2] + "99"
        patient["resource"]["identifier"][0]["value"] = value
        del patient["resource"]["meta"]
        patient["request"]["ifNoneExist"] = f"identifier={people.INS_TEST}|{value}"

    refused = push(prescriber, wrong)
    assert refused.status_code == 422, refused.text
    assert "INS" in refused.text


def test_the_prescriber_replaces_a_prescription_and_the_new_one_names_the_former(
    prescriber: Client, pharmacist: Client
) -> None:
    issued = issue(prescriber)
    former = task_of(pharmacist, issued.number)["id"]
    new = copy.deepcopy(issued.bundle)
    for entry in new["entry"][2:]:
        line = entry["resource"]
        (line.get("groupIdentifier") or line["requisition"])["value"] = f"NEW-{issued.number}"
    answer = prescriber.post("$replace", parameters(number=issued.number, bundle=new))
    assert answer.status_code == 200, answer.text
    number = parts(answer.json(), "number")[0]["valueIdentifier"]["value"]
    assert number != issued.number
    assert state(pharmacist.get(f"Task/{former}").json()) == "replaced"
    assert f"Task/{former}" in {each["reference"] for each in task_of(pharmacist, number)["basedOn"]}
    assert pharmacist.post(f"Task/{former}/$take", parameters()).status_code == 410


def test_a_prescription_is_not_replaced_by_one_for_another_patient(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    former = task_of(pharmacist, issued.number)["id"]
    new = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    other = new["entry"][0]["resource"]["identifier"][0]
    other["value"] = people.ins("2840588321077")
    new["entry"][0]["request"]["ifNoneExist"] = f"identifier={other['system']}|{other['value']}"
    answer = prescriber.post("$replace", parameters(number=issued.number, bundle=new))
    assert answer.status_code == 422, answer.text
    assert "autre patient" in answer.json()["issue"][0]["details"]["text"]
    assert answer.json()["issue"][0]["expression"][0].endswith(".subject")
    assert state(pharmacist.get(f"Task/{former}").json()) == "issued"


def test_the_story_is_told_to_those_concerned_without_what_the_patient_opposed(
    prescriber: Client, pharmacist: Client
) -> None:
    def opposed(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"][2:]:
            entry["resource"].setdefault("extension", []).append(
                {
                    "url": "urn:fhirserver:StructureDefinition:execution-hidden-from-prescriber",
                    "valueBoolean": True,
                }
            )

    def told(client: Client, number: str) -> list[str]:
        answer = client.post("$history-of-prescription", parameters(number=number))
        assert answer.status_code == 200, answer.text
        return [
            next(each["valueCode"] for each in event["part"] if each["name"] == "what")
            for event in parts(answer.json(), "event")
        ]

    for change, visible in ((None, True), (opposed, False)):
        issued = issue(prescriber, change)
        task = task_of(pharmacist, issued.number)["id"]
        pharmacist.post(f"Task/{task}/$take", parameters())
        made = pharmacist.post("MedicationDispense", dispense(issued.reference("MedicationRequest"), 15000)).json()
        assert "taken" in told(pharmacist, issued.number)
        assert "delivered" in told(pharmacist, issued.number)
        assert ("delivered" in told(prescriber, issued.number)) is visible
        assert "issued" in told(prescriber, issued.number)
        seen = prescriber.get(f"MedicationDispense/{made['id']}").status_code
        assert seen == (200 if visible else 404)


def test_the_story_tells_what_was_taken_back_and_which_line_was_ended_alone(
    prescriber: Client, pharmacist: Client
) -> None:
    issued = issue(prescriber)
    first, second = (issued.reference("MedicationRequest", at) for at in (0, 1))
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$take", parameters())
    made = pharmacist.post("MedicationDispense", dispense(first, 15000)).json()["id"]
    back = pharmacist.post(f"MedicationDispense/{made}/$cancel", parameters(reason="dispensing-error"))
    assert back.status_code == 200, back.text
    pharmacist.post(f"Task/{task_of(pharmacist, issued.number)['id']}/$release", parameters())
    told = {"number": issued.number, "reason": "wrong-line"}
    assert prescriber.post("$cancel", parameters(**told, line=second)).status_code == 200
    assert prescriber.post("$cancel", parameters(**told)).status_code == 200
    events = parts(prescriber.post("$history-of-prescription", parameters(number=issued.number)).json(), "event")
    of_pharmacy = [
        (
            part["valueCode"],
            next(each["valueReference"]["reference"] for each in event["part"] if "valueReference" in each),
        )
        for event in events
        for part in event["part"]
        if part["name"] == "what"
    ]
    assert (("withdrawn", f"MedicationDispense/{made}")) in of_pharmacy
    assert [reference for what, reference in of_pharmacy if what == "line-ended"] == [second]


def test_current_medications_tell_what_remains_and_until_when(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber)
    find(pharmacist, issued.number)
    patient = issued.reference("Patient")
    answer = pharmacist.post(f"{patient}/$current-medications", parameters())
    assert answer.status_code == 200, answer.text
    medications = parts(answer.json(), "medication")
    named = {
        part["valueReference"]["reference"]: each["part"]
        for each in medications
        for part in each["part"]
        if part["name"] == "line"
    }
    line = named[issued.reference("MedicationRequest", 0)]
    assert {"title", "posology", "remaining", "next-possible-date", "end"} <= {part["name"] for part in line}


def test_a_token_that_only_reads_moves_no_task(prescriber: Client, server: Server) -> None:
    issued = issue(prescriber)
    reader = Client(server, server.token("pharmacist", scope="user/*.rs"))
    task = task_of(reader, issued.number)["id"]
    for operation in ("$take", "$release", "$close"):
        refused = reader.post(f"Task/{task}/{operation}", parameters())
        assert refused.status_code == 403, refused.text
    author = Client(server, server.token("prescriber", scope="user/*.rs"))
    for operation in ("$cancel", "$replace"):
        assert author.post(operation, parameters(number=issued.number, reason="error")).status_code == 403


def test_a_reason_that_the_code_system_does_not_have_is_refused(prescriber: Client) -> None:
    issued = issue(prescriber)
    told = parameters(number=issued.number)
    coding = {"system": "urn:fhirserver:CodeSystem:cancellation-reason", "code": "just-so"}
    told["parameter"].append({"name": "reason", "valueCodeableConcept": {"coding": [coding]}})
    refused = prescriber.post("$cancel", told)
    assert refused.status_code == 400, refused.text
    assert "wrong-patient" in refused.text


def test_a_patient_reads_his_own_only_where_the_setting_allows_it(prescriber: Client, as_role: AsRole) -> None:
    issued = issue(prescriber)
    patient = as_role("patient")
    assert patient.get(issued.reference("MedicationRequest")).status_code == 404
    assert patient.post("$find-prescription", parameters(number=issued.number)).status_code == 403
