"""What is delivered of a prescription issued here appears in its patient's active DMP, as 60593-1 (class 43)."""

from __future__ import annotations

import copy
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pypdfium2
import pytest

from fhirserver.demo import ordonnance, people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, make_record
from tests.http.prescription.conftest import another_pharmacist, dispense, parameters, task_of

PATIENCE = 30.0
"""Seconds; the process of the outbox may have to start first."""
MEDICINES = "60593-1"
AsRole = Callable[[str], Client]
Change = Callable[[dict[str, Any]], None]
REASON = parameters(reason="dispensing-error")


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    return as_patient(server, record)


@pytest.fixture
def active(as_role: AsRole, record: Record) -> Record:
    """A patient with an active record."""
    assert act(as_role("operator"), record, "create").status_code == 200
    return record


def as_patient(server: Server, record: Record, **claims: Any) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds", **claims))


def prescribe(client: Client, record: Record, change: Change | None = None) -> dict[str, Any]:
    """Push the demonstration's ordonnance for a patient; return the answer."""
    bundle = _replaced(prescription(record), people.PATIENT_INS, record.ins)
    if change is not None:
        change(bundle)
    answer = client.post("", bundle)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def prescription(record: Record) -> dict[str, Any]:
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    bundle["entry"][0]["resource"] = copy.deepcopy(record.patient)
    return bundle


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def medicines(answer: dict[str, Any]) -> list[str]:
    places = [entry["response"]["location"].split("/")[-4:-2] for entry in answer["entry"]]
    return ["/".join(place) for place in places if place[0] == "MedicationRequest"]


def deliver(pharmacist: Client, answer: dict[str, Any], *amounts: float) -> list[str]:
    """Take the pharmacy's Task and deliver milligrams of the first medicines; return the references."""
    task = task_of(pharmacist, answer["identifier"]["value"])
    assert pharmacist.post(f"Task/{task['id']}/$take", parameters()).status_code == 200
    lines = medicines(answer)
    given = [dispense(line, amount) for line, amount in zip(lines, amounts, strict=False)]
    done = pharmacist.post(f"Task/{task['id']}/$dispense", parameters(dispense=given))
    assert done.status_code == 200, done.text
    outputs = done.json()["parameter"][0]["resource"]["output"]
    return [
        output["valueReference"]["reference"] for output in outputs if output["type"]["coding"][0]["code"] == "dispense"
    ]


def documents(client: Client, record: Record, count: int, kind: str = MEDICINES, status: str = "current") -> list[Any]:
    """Return documents of a type once there are as many, or after the time in which they should be there."""
    until = time.monotonic() + PATIENCE
    while True:
        answer = client.get(f"DocumentReference?{record.query}&status={status}&type={kind}")
        found = [entry["resource"] for entry in answer.json().get("entry", [])]
        if len(found) == count or time.monotonic() > until:
            return found
        time.sleep(0.1)


def mask(client: Client, document: dict[str, Any]) -> None:
    patch = b'[{"op":"replace","path":"/securityLabel/0/coding/0","value":{"code":"MASQUE_PS"}}]'
    place = f"DocumentReference/{document['id']}"
    assert client.patch(place, patch, Content_Type="application/json-patch+json").status_code == 200


def settled(client: Client, record: Record, kind: str = "57833-6") -> None:
    """Wait until what comes before in the outbox of this prescription is done."""
    assert documents(client, record, 1, kind)


def text(client: Client, document: dict[str, Any]) -> str:
    content = client.get(document["content"][0]["attachment"]["url"], Accept="application/pdf")
    assert content.status_code == 200, content.text[:200]
    return " ".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content.content))


def test_a_dispensing_appears_once_with_a_report_of_what_was_delivered(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    answer = prescribe(as_role("prescriber"), active)
    pharmacist = another_pharmacist(server)
    given = deliver(pharmacist, answer, 15_000, 1_120)
    (document,) = documents(patient, active, 1)
    assert document["category"][0]["coding"][0]["code"] == "43"
    assert [each["reference"] for each in document["context"]["related"]] == given
    assert document["securityLabel"][0]["coding"][0]["code"] == "N"
    told = text(patient, document)
    assert "Compte rendu de dispensation" in told
    assert answer["identifier"]["value"] in told
    assert "Quantité délivrée" in told
    assert "prochaine délivrance possible" in told
    time.sleep(1.0)
    assert len(documents(patient, active, 1)) == 1
    assert documents(pharmacist, active, 1), "its author sees it"


def test_what_was_delivered_is_hidden_as_what_was_prescribed_is(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    answer = prescribe(as_role("prescriber"), active)
    (prescribed,) = documents(patient, active, 1, "57833-6")
    mask(patient, prescribed)
    deliver(another_pharmacist(server), answer, 15_000)
    (document,) = documents(patient, active, 1)
    assert document["securityLabel"][0]["coding"][0]["code"] == "MASQUE_PS"


def test_no_dispensing_appears_where_the_patient_opposes_that_prescribers_see_it(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    assert act(patient, active, "oppose", what=("valueCode", "execution")).status_code == 200
    answer = prescribe(as_role("prescriber"), active)
    settled(patient, active)
    deliver(another_pharmacist(server), answer, 15_000)
    time.sleep(1.5)
    assert documents(patient, active, 0) == []


def test_no_dispensing_appears_where_the_prescription_says_so(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    answer = prescribe(as_role("prescriber"), active, flagged("execution-hidden-from-prescriber"))
    settled(patient, active)
    deliver(another_pharmacist(server), answer, 15_000)
    time.sleep(1.5)
    assert documents(patient, active, 0) == []


def test_nothing_of_a_pregnancy_termination_appears(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    answer = prescribe(as_role("prescriber"), active, flagged("pregnancy-termination"))
    deliver(another_pharmacist(server), answer, 15_000)
    time.sleep(1.5)
    assert as_role("operator").get(f"DocumentReference?{active.query}").json()["total"] == 0


def flagged(name: str) -> Change:
    """Return what states a flag on every line of a prescription."""

    def change(bundle: dict[str, Any]) -> None:
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] in ("MedicationRequest", "ServiceRequest"):
                extension = {"url": f"urn:fhirserver:StructureDefinition:{name}", "valueBoolean": True}
                entry["resource"].setdefault("extension", []).append(extension)

    return change


def test_a_minors_secret_is_hidden_from_representatives_and_shown_to_him(server: Server, as_role: AsRole) -> None:
    operator = as_role("operator")
    born = f"{datetime.now(UTC).year - 15}-05-17"
    minor = make_record(operator, born)
    parent = people.ins(f"1700588{uuid.uuid4().int % 10**6:06d}")
    act(operator, minor, "create")
    who = {"system": people.INS_TEST, "value": parent}
    assert act(operator, minor, "represent", who=("valueIdentifier", who)).status_code == 200
    answer = prescribe(as_role("prescriber"), minor, flagged("minor-secret"))
    deliver(another_pharmacist(server), answer, 15_000)
    himself = as_patient(server, minor)
    representative = as_patient(server, minor, representative=parent)
    for kind in ("57833-6", MEDICINES):
        (document,) = documents(himself, minor, 1, kind)
        assert document["securityLabel"][0]["coding"][0]["code"] == "INVISIBLE_REPRESENTANTS_LEGAUX"
        assert documents(representative, minor, 0, kind) == []


def test_a_delivery_taken_back_leaves_the_record_and_the_others_stay_told(
    server: Server, as_role: AsRole, patient: Client, active: Record
) -> None:
    answer = prescribe(as_role("prescriber"), active)
    pharmacist = another_pharmacist(server)
    first, second = deliver(pharmacist, answer, 15_000, 1_120)
    (document,) = documents(patient, active, 1)
    mask(patient, document)
    assert pharmacist.post(f"{first}/$cancel", REASON).status_code == 200
    (old,) = documents(patient, active, 1, status="superseded")
    assert old["id"] == document["id"]
    (new,) = documents(patient, active, 1)
    assert new["relatesTo"] == [{"code": "replaces", "target": {"reference": f"DocumentReference/{document['id']}"}}]
    assert [each["reference"] for each in new["context"]["related"]] == [second]
    assert new["securityLabel"][0]["coding"][0]["code"] == "MASQUE_PS", "what he hid stays hidden"
    assert pharmacist.post(f"{second}/$cancel", REASON).status_code == 200
    assert documents(patient, active, 0) == []


def test_a_prescription_that_replaces_another_replaces_its_document(
    as_role: AsRole, patient: Client, active: Record
) -> None:
    prescriber = as_role("prescriber")
    former = prescribe(prescriber, active)
    (old,) = documents(patient, active, 1, "57833-6")
    bundle = _replaced(prescription(active), people.PATIENT_INS, active.ins)
    replaced = prescriber.post("$replace", parameters(number=former["identifier"]["value"], bundle=bundle))
    assert replaced.status_code == 200, replaced.text
    (gone,) = documents(patient, active, 1, "57833-6", "superseded")
    assert gone["id"] == old["id"]
    (new,) = documents(patient, active, 1, "57833-6")
    assert new["relatesTo"][0]["target"]["reference"] == f"DocumentReference/{old['id']}"
