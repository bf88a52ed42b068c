"""The patient is told what happens to his record, as he chose: in the record, and by the operator's gateway."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, ids, make_record, part, professional
from tests.http.dmp.gateway import Gateway

AsRole = Callable[[str], Client]
Submit = Callable[..., dict[str, Any]]
LABELS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
JSON_PATCH = "application/json-patch+json"
PATIENCE = 30.0


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    return as_patient(server, record)


def as_patient(server: Server, record: Record, **claims: Any) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds", **claims))


def stranger(server: Server, **claims: Any) -> Client:
    number = people.rpps(f"1{uuid.uuid4().int % 10**9:09d}")
    return Client(server, server.token("doctor", rpps=number, **claims))


def told(client: Client, count: int, event: str | None = None) -> list[dict[str, Any]]:
    """Return the caller's notifications once there are as many, or after a while."""
    until = time.monotonic() + PATIENCE
    while True:
        entries = client.get("Communication?_sort=sent").json().get("entry", [])
        found = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "Communication"]
        found = [each for each in found if event in (None, each["topic"]["coding"][0]["code"])]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.1)


def hidden(bundle: dict[str, Any]) -> dict[str, Any]:
    """Hide a submission's document from the patient."""
    part(bundle, "DocumentReference")["securityLabel"] = [{"coding": [{"system": LABELS, "code": "INVISIBLE_PATIENT"}]}]
    return bundle


def test_a_new_document_is_told_in_the_record_and_by_the_gateway_which_learns_nothing_of_it(
    patient: Client, hospital: Client, record: Record, submit: Submit, gateway: Gateway
) -> None:
    sent = submit(record)
    title = part(sent, "DocumentReference")["description"]
    document = ids(hospital.post("", sent))["DocumentReference"]
    (notice,) = told(patient, 1, "document")
    assert notice["about"] == [{"reference": f"DocumentReference/{document}"}]
    assert title in notice["payload"][0]["contentString"]
    assert patient.get(f"Communication/{notice['id']}").status_code == 200
    until = time.monotonic() + PATIENCE
    while notice["id"] not in gateway.taken and time.monotonic() < until:
        time.sleep(0.1)
    message = gateway.taken[notice["id"]]
    assert gateway.tries.count(notice["id"]) == 2, "refused once, tried again, taken once"
    assert title not in str(message)
    assert document not in str(message)
    assert message["recipient"][0]["identifier"]["value"] == record.ins


def test_the_record_that_a_first_document_creates_is_told(
    patient: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    hospital.post("", submit(record))
    assert told(patient, 1, "record")[0]["payload"][0]["contentString"].startswith("Votre DMP a été créé")


def test_a_hidden_document_is_told_when_it_is_shown(  # noqa: PLR0913, PLR0917 - fixtures
    server: Server, patient: Client, hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    fed = hospital.post("", hidden(submit(record)))
    document = ids(fed)["DocumentReference"]
    assert ids(hospital.post("", submit(record)))["DocumentReference"] == told(patient, 1, "document")[0]["about"][0][
        "reference"
    ].removeprefix("DocumentReference/")
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}
    change = [{"op": "replace", "path": "/securityLabel", "value": [{"coding": [label]}]}]
    shown = doctor.send("PATCH", f"DocumentReference/{document}", jsonpatch(change), Content_Type=JSON_PATCH)
    assert shown.status_code == 200, shown.text
    assert document in str(told(patient, 2, "document"))


def jsonpatch(change: list[dict[str, Any]]) -> bytes:

    return json.dumps(change).encode()


def test_an_access_in_an_emergency_is_told_once_a_day(
    server: Server, patient: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    document = ids(hospital.post("", submit(record)))["DocumentReference"]
    reader = stranger(server, dmp_mode="emergency")
    for _ in range(3):
        assert reader.get(f"DocumentReference/{document}").status_code == 200
    (notice,) = told(patient, 1, "access")
    assert "urgence" in notice["payload"][0]["contentString"]
    time.sleep(1.0)
    assert len(told(patient, 1, "access")) == 1


def test_what_others_change_is_told_and_what_the_patient_does_himself_is_not(
    as_role: AsRole, patient: Client, doctor: Client, record: Record
) -> None:
    act(as_role("operator"), record, "create")
    own = act(patient, record, "oppose", what=("valueCode", "emergency"))
    assert own.status_code == 200, own.text
    act(doctor, record, "join", who=professional(people.DOCTOR_RPPS), informed=("valueBoolean", True))
    act(as_role("operator"), record, "close", motive=("valueCode", "administratif"))
    words = [each["payload"][0]["contentString"] for each in told(patient, 3)]
    assert sorted(word.split(" (")[0] for word in words) == [
        "Un professionnel rejoint votre équipe de soins",
        "Votre DMP a été créé",
        "Votre DMP a été fermé",
    ]


def test_only_the_events_that_the_patient_chose_are_told(
    as_role: AsRole, patient: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    act(as_role("operator"), record, "create")
    assert told(patient, 1, "record")
    chosen = act(patient, record, "notify", event=("valueCode", "access"))
    assert chosen.status_code == 200, chosen.text
    hospital.post("", submit(record))
    time.sleep(1.5)
    assert told(patient, 0, "document") == []
    assert act(patient, record, "notify", event=("valueCode", "weather")).status_code == 422
    shown = patient.get(f"{record.reference}/$dmp").json()["entry"][0]["resource"]["extension"]
    told_of = [extension["valueCode"] for extension in shown if extension["url"].endswith(":dmp-notified")]
    assert told_of == ["access"]


def test_notifications_are_the_patients_alone(  # noqa: PLR0913, PLR0917 - fixtures
    server: Server, as_role: AsRole, patient: Client, hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    act(as_role("operator"), record, "create")
    act(doctor, record, "join", who=professional(people.DOCTOR_RPPS), informed=("valueBoolean", True))
    hospital.post("", submit(record))
    notices = told(patient, 3)
    assert len(notices) == 3
    for client in (doctor, hospital, stranger(server), stranger(server, dmp_mode="emergency")):
        assert client.get(f"Communication?patient.identifier={people.INS_TEST}|{record.ins}").json()["total"] == 0
        assert {client.get(f"Communication/{each['id']}").status_code for each in notices} == {404}
    path = f"Communication/{notices[0]['id']}"
    assert patient.delete(path).status_code in (403, 405)
    assert patient.put(path, {**notices[0], "status": "stopped"}).status_code in (403, 405)


def test_a_notification_goes_with_the_document_that_it_tells_of(
    patient: Client, hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    document = ids(hospital.post("", submit(record)))["DocumentReference"]
    (notice,) = told(patient, 1, "document")
    label = {"system": LABELS, "code": "INVISIBLE_PATIENT"}
    change = [{"op": "replace", "path": "/securityLabel", "value": [{"coding": [label]}]}]
    masked = doctor.send("PATCH", f"DocumentReference/{document}", jsonpatch(change), Content_Type=JSON_PATCH)
    assert masked.status_code == 200, masked.text
    assert patient.get(f"Communication/{notice['id']}").status_code == 404
    assert told(patient, 0, "document") == []


def test_a_representative_is_not_told_of_a_minors_secret(
    server: Server, as_role: AsRole, hospital: Client, submit: Submit
) -> None:
    parent = people.ins(f"1700588{uuid.uuid4().int % 10**6:06d}")
    operator = as_role("operator")
    record = make_record(operator, f"{datetime.now(UTC).year - 15}-05-17")
    patient = as_patient(server, record)
    act(operator, record, "create")
    act(operator, record, "represent", who=("valueIdentifier", {"system": people.INS_TEST, "value": parent}))
    representative = as_patient(server, record, representative=parent)
    secret = submit(record)
    part(secret, "DocumentReference")["securityLabel"] = [
        {"coding": [{"system": LABELS, "code": "INVISIBLE_REPRESENTANTS_LEGAUX"}]}
    ]
    kept = ids(hospital.post("", secret))["DocumentReference"]
    seen = stranger(server, dmp_mode="emergency", secret_connection=True).get(f"DocumentReference/{kept}")
    assert seen.status_code == 200, seen.text
    notices = told(patient, 4)
    assert {each["topic"]["coding"][0]["code"] for each in notices} == {"document", "access", "record"}
    assert {each["topic"]["coding"][0]["code"] for each in told(representative, 2)} == {"record"}
    hidden_ones = [each["id"] for each in notices if each["topic"]["coding"][0]["code"] != "record"]
    assert {representative.get(f"Communication/{each}").status_code for each in hidden_ones} == {404}
