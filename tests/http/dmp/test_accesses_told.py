"""Which accesses the patient is told of, and which are none, since nothing was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, ids, join

Submit = Callable[..., dict[str, Any]]
READER = people.rpps("1000078300")
JSON_PATCH = "application/json-patch+json"
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
ARCHIVE = f'[{{"op":"add","path":"/extension","value":[{{"url":"{ARCHIVED}","valueBoolean":true}}]}}]'.encode()


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))


@pytest.fixture
def document(hospital: Client, record: Record, submit: Submit) -> str:
    return f"DocumentReference/{ids(hospital.post('', submit(record)))['DocumentReference']}"


def told(patient: Client) -> list[tuple[str, str, list[str]]]:
    """Return action, mode and what was shown of each access, newest first."""
    return [
        (
            entry["resource"]["action"],
            entry["resource"]["purposeOfEvent"][0]["coding"][0]["code"],
            [item["what"]["reference"] for item in entry["resource"].get("entity", [])],
        )
        for entry in patient.get("AuditEvent").json().get("entry", [])
    ]


def transaction(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": each} for each in entries]}


def test_a_change_of_attributes_in_an_emergency_is_told_like_a_read(
    server: Server, patient: Client, document: str
) -> None:
    emergency = Client(server, server.token("doctor", rpps=READER, dmp_mode="emergency"))
    changed = emergency.patch(document, ARCHIVE, Content_Type=JSON_PATCH)
    assert changed.status_code == 200, changed.text
    assert told(patient) == [("U", "emergency", [document])]


def test_a_change_that_is_refused_is_no_access(server: Server, patient: Client, record: Record, document: str) -> None:
    member = Client(server, server.token("doctor", rpps=READER))
    join(member, record, READER)
    before = told(patient)
    delete = b'[{"op":"replace","path":"/status","value":"entered-in-error"}]'
    assert member.patch(document, delete, Content_Type=JSON_PATCH).status_code == 403
    assert told(patient) == before


def test_what_a_transaction_reads_before_it_is_refused_is_no_access(
    server: Server, patient: Client, record: Record, document: str
) -> None:
    member = Client(server, server.token("doctor", rpps=READER))
    join(member, record, READER)
    before = told(patient)
    read = {"method": "GET", "url": document}
    assert member.post("", transaction(read, {"method": "GET", "url": "DocumentReference/none"})).status_code == 404
    assert told(patient) == before
    assert member.post("", transaction(read)).status_code == 200
    assert told(patient)[0] == ("R", "normal", [document])


@pytest.mark.parametrize("query", ["status=superseded", "_summary=count"])
def test_an_emergency_access_that_finds_nothing_is_told_as_well(
    server: Server, patient: Client, record: Record, document: str, query: str
) -> None:
    emergency = Client(server, server.token("doctor", rpps=READER, dmp_mode="emergency"))
    found = emergency.get(f"DocumentReference?{record.query}&{query}")
    assert (found.status_code, "entry" in found.json()) == (200, False)
    assert told(patient) == [("R", "emergency", [])]
    assert emergency.get(f"DocumentReference?{record.query}").json()["total"] == 1
    assert told(patient)[0] == ("R", "emergency", [document])
    assert len(told(patient)) == 2


def test_a_search_that_opens_no_record_is_told_to_nobody(
    server: Server, patient: Client, record: Record, document: str
) -> None:
    stranger = Client(server, server.token("doctor", rpps=READER))
    assert "entry" not in stranger.get(f"DocumentReference?{record.query}").json()
    assert stranger.get(document).status_code == 404
    assert told(patient) == []
