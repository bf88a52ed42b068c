"""The patient's own part: documents he adds and removes, measures, who accessed his record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client, Server, issue
from tests.http.dmp.conftest import Record, act, join, part
from tests.http.dmp.test_td2_1_replacement import replacing

Submit = Callable[..., dict[str, Any]]
JSON_PATCH = "application/json-patch+json"
READER = people.rpps("1000078000")


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))


@pytest.fixture
def member(server: Server, as_role: Callable[[str], Client], record: Record) -> Client:
    act(as_role("operator"), record, "create")
    client = Client(server, server.token("doctor", rpps=READER))
    join(client, record, READER)
    return client


def by_patient(bundle: dict[str, Any], ins: str) -> dict[str, Any]:
    """Make the patient the author of a submission, and of its document."""
    author = {"resourceType": "Patient", "id": "auteur", "identifier": [{"system": people.INS_TEST, "value": ins}]}
    for kind, element in (("DocumentReference", "author"), ("List", "source")):
        resource = part(bundle, kind)
        resource["contained"] = [author, *resource["contained"][1:]]
        assert resource[element]
    document = part(bundle, "DocumentReference")
    types = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
    classes = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
    document["type"] = {"coding": [{"system": types, "code": "EXPPAT_2", "display": "Autre document du patient"}]}
    document["category"] = [
        {"coding": [{"system": classes, "code": "90", "display": "Autres documents déposés par le patient"}]}
    ]
    return bundle


def place(answer: Any, kind: str) -> str:
    found = [entry["response"]["location"].split("/")[-4:-2] for entry in answer.json()["entry"]]
    return f"{kind}/{dict(found)[kind]}"


def test_a_patient_adds_a_document_that_professionals_see_and_removes_it(
    patient: Client, member: Client, record: Record, submit: Submit
) -> None:
    added = patient.post("", by_patient(submit(record), record.ins))
    assert added.status_code == 200, added.text
    path = place(added, "DocumentReference")
    assert member.get(path).status_code == 200
    delete = b'[{"op":"replace","path":"/status","value":"entered-in-error"}]'
    assert member.patch(path, delete, Content_Type=JSON_PATCH).status_code == 403
    removed = patient.patch(path, delete, Content_Type=JSON_PATCH)
    assert removed.status_code == 200, removed.text
    assert member.get(path).status_code == 404


def test_a_patient_replaces_his_own_document_and_no_other(
    patient: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    own = place(patient.post("", by_patient(submit(record), record.ins)), "DocumentReference")
    others = place(hospital.post("", submit(record)), "DocumentReference")
    for old, status in ((own, 200), (others, 403)):
        sent = replacing(by_patient(submit(record), record.ins), old.partition("/")[2])
        answer = patient.post("", sent)
        assert answer.status_code == status, answer.text
    assert patient.get(own).json()["status"] == "superseded"


def test_a_patient_does_not_write_in_the_name_of_a_professional(
    patient: Client, record: Record, submit: Submit
) -> None:
    refused = patient.post("", submit(record))
    assert refused.status_code == 403, refused.text


def test_a_patient_does_not_feed_anothers_record(
    patient: Client, record: Record, new_record: Callable[[], Record], submit: Submit
) -> None:
    other = new_record()
    assert other.ins != record.ins
    refused = patient.post("", by_patient(submit(other), other.ins))
    assert refused.status_code == 400, refused.text
    # whether the other is a patient here, and what his traits are, is not told
    assert issue(refused)["details"]["coding"][0]["code"] == "patient-unknown"


def test_a_patient_writes_nothing_else(patient: Client, member: Client, record: Record) -> None:
    assert patient.post("Binary", b"%PDF-1.7 x", Content_Type="application/pdf").status_code == 403
    plain = {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"title": "x"}}]}
    assert patient.post("DocumentReference", plain).status_code in (400, 403, 422)
    assert patient.delete(record.reference).status_code == 403
    assert member.get(record.reference).status_code == 200


def measure(record: Record, code: str = "29463-7") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "meta": {"profile": ["https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-observation-body-weight"]},
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": record.reference},
        "effectiveDateTime": "2026-03-02T08:00:00+01:00",
        "valueQuantity": {"value": 61.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }


def test_a_patients_measure_is_seen_by_professionals(patient: Client, member: Client, record: Record) -> None:
    created = patient.post("Observation", measure(record))
    assert created.status_code == 201, created.text
    assert member.get(f"Observation/{created.json()['id']}").status_code == 200
    changed = {**created.json(), "valueQuantity": {**created.json()["valueQuantity"], "value": 62}}
    assert patient.put(f"Observation/{created.json()['id']}", changed).status_code == 200


@pytest.mark.parametrize("naming", ["named", "not named"])
def test_a_patients_measure_is_held_to_its_french_profile(patient: Client, record: Record, naming: str) -> None:
    wrong = measure(record)
    wrong["valueQuantity"] |= {"unit": "cm", "code": "cm"}
    if naming == "not named":
        del wrong["meta"]
    assert patient.post("Observation", wrong).status_code == 422
    right = measure(record)
    if naming == "not named":
        del right["meta"]
    assert patient.post("Observation", right).status_code == 201


def test_a_patient_stores_his_blood_pressure_and_height(patient: Client, member: Client, record: Record) -> None:
    height = measure(record, "8302-2")
    height["meta"]["profile"] = ["https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-observation-body-height"]
    height["valueQuantity"] |= {"value": 168, "unit": "cm", "code": "cm"}
    pressure = measure(record, "85354-9")
    del pressure["meta"], pressure["valueQuantity"]
    pressure["component"] = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
        for code, value in (("8480-6", 122), ("8462-4", 78))
    ]
    for each in (height, pressure):
        created = patient.post("Observation", each)
        assert created.status_code == 201, created.text
    assert member.get(f"Observation?patient={record.reference}").json()["total"] == 2


def test_a_patient_measures_only_himself_and_only_what_he_may(
    patient: Client, member: Client, record: Record, new_record: Callable[[], Record]
) -> None:
    assert patient.post("Observation", measure(new_record())).status_code == 403
    assert patient.post("Observation", measure(record, "2345-7")).status_code in (403, 422)
    by_doctor = member.post("Observation", measure(record))
    assert by_doctor.status_code == 201, by_doctor.text
    changed = {**by_doctor.json(), "status": "amended"}
    assert patient.put(f"Observation/{by_doctor.json()['id']}", changed).status_code == 403


def test_a_patient_measures_in_nobody_elses_name_and_into_nobody_elses_record(
    patient: Client, record: Record, new_record: Callable[[], Record]
) -> None:
    other = new_record()
    himself, another = {"reference": record.reference}, {"reference": other.reference}
    number = {"identifier": {"system": people.INS_TEST, "value": other.ins}}
    for change in (
        {"performer": [another]},
        {"performer": [himself, {"reference": "Practitioner/1"}]},
        {"performer": [number]},
        {"subject": himself | number},
    ):
        refused = patient.post("Observation", measure(record) | change)
        assert refused.status_code == 403, change
    known = {"identifier": {"system": people.INS_TEST, "value": record.ins}}
    assert patient.post("Observation", measure(record) | {"performer": [himself, known]}).status_code == 201


def test_the_patient_is_told_who_accessed_his_record_when_and_how(  # noqa: PLR0913, PLR0917 - fixtures
    server: Server, patient: Client, member: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    fed = hospital.post("", submit(record))
    document = place(fed, "DocumentReference")
    member.get(document)
    stranger = people.rpps("1000078001")
    emergency = Client(server, server.token("doctor", rpps=stranger, dmp_mode="emergency"))
    emergency.get(f"DocumentReference?{record.query}&status=current")
    answer = patient.get("AuditEvent")
    assert answer.status_code == 200, answer.text
    events = [entry["resource"] for entry in answer.json()["entry"]]
    told = [
        (
            event["agent"][0]["who"].get("identifier", {}).get("value"),
            event["purposeOfEvent"][0]["coding"][0]["code"],
            [item["what"]["reference"] for item in event.get("entity", [])],
        )
        for event in events
    ]
    assert (stranger, "emergency", [document]) in told
    assert (READER, "normal", [document]) in told
    assert [event["recorded"] for event in events] == sorted((event["recorded"] for event in events), reverse=True)
    paged, link = [], "AuditEvent?_count=1"
    while link:
        page = patient.get(link).json()
        paged += [entry["resource"]["id"] for entry in page["entry"]]
        link = next((each["url"] for each in page["link"] if each["relation"] == "next"), "")
    assert sorted(paged[-len(events) :]) == sorted(event["id"] for event in events)
    today = datetime.now(ZoneInfo("Europe/Paris")).date().isoformat()
    for criterion, shown in (("", True), ("le", True), ("ge", True), ("lt", False), ("gt", False)):
        assert ("entry" in patient.get(f"AuditEvent?date={criterion}{today}").json()) is shown, criterion
    assert patient.get(f"AuditEvent?date=lt{events[-1]['recorded'].replace('Z', '%2B00:00')}").json()["total"] == 0


def test_nobody_is_told_of_accesses_to_anothers_record(
    server: Server, member: Client, record: Record, hospital: Client, submit: Submit
) -> None:
    hospital.post("", submit(record))
    member.get(f"DocumentReference?{record.query}")
    other = {"system": people.INS_TEST, "value": people.ins("2840588777777")}
    stranger = Client(server, server.token("patient", ins=other))
    assert "entry" not in stranger.get("AuditEvent").json()
    assert stranger.get("AuditEvent?patient.identifier=x|y").json()["total"] == 0
    assert stranger.get("AuditEvent?agent=x").status_code == 400
    assert member.get("AuditEvent").status_code == 403
