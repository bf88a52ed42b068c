"""What the server itself writes of a record meets FHIR, extensions and all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, ids, join, professional
from tests.http.judged import faults

PATIENCE = 30.0


def shown(client: Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


@pytest.mark.wasteful("all Basic resources are looked through")
def test_the_parts_of_a_record_its_accesses_and_notices_validate(
    server: Server,
    operator: Client,
    hospital: Client,
    record: Record,
    submit: Callable[..., dict[str, Any]],
) -> None:
    ins = {"system": people.INS_TEST, "value": record.ins}
    patient = Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))
    number = people.rpps("1000078111")
    member = Client(server, server.token("doctor", rpps=number))
    act(operator, record, "create")
    join(member, record, number)
    acts: list[tuple[str, dict[str, Any]]] = [
        ("treat", {"who": professional(number)}),
        ("block", {"who": professional(people.rpps("1000078112"))}),
        ("oppose", {"what": ("valueCode", "regulation")}),
        ("notify", {"event": ("valueCode", "document")}),
        ("represent", {"who": ("valueIdentifier", {"system": people.INS_TEST, "value": people.PATIENT_INS})}),
    ]
    for name, given in acts:
        answer = act(operator, record, name, **given)
        assert answer.status_code == 200, (name, answer.text)
    fed = hospital.post("", submit(record))
    assert fed.status_code == 200, fed.text
    assert member.get(f"DocumentReference/{ids(fed)['DocumentReference']}").status_code == 200
    written = shown(patient, f"{record.reference}/$dmp") + shown(patient, "AuditEvent")
    written += shown(operator, f"Basic?identifier={people.INS_TEST}|{record.ins}")
    until = time.monotonic() + PATIENCE
    while not (notices := shown(patient, "Communication?_sort=sent")) and time.monotonic() < until:
        time.sleep(0.1)
    written += notices
    expected = {"Patient", "Consent", "CareTeam", "RelatedPerson", "AuditEvent", "Basic", "Communication"}
    assert {each["resourceType"] for each in written} >= expected
    assert [fault for each in written for fault in faults(operator, each)] == []
