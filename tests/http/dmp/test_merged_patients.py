"""Merged patients: what was fed under a replaced identity is found under the one that survives."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from fhirserver.demo import people
from fhirserver.store.kept import ids as ids_of
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, ids, join, professional
from tests.http.dmp.test_patients_own_part import by_patient, place

Submit = Callable[..., dict[str, Any]]
PATIENCE = 30.0
READER = people.rpps("1000079200")


def replaced_by(record: Record, survivor: Record) -> dict[str, Any]:
    link = {"other": {"reference": survivor.reference}, "type": "replaced-by"}
    return {**record.patient, "id": record.reference.removeprefix("Patient/"), "active": False, "link": [link]}


def count(client: Client, record: Record, kind: str = "DocumentReference", expected: int = 0) -> int:
    """Return how many are found, once they are as many as expected or after a while."""
    until = time.monotonic() + PATIENCE
    while True:
        found = int(client.get(f"{kind}?{record.query}").json()["total"])
        if found == expected or time.monotonic() > until:
            return found
        time.sleep(0.1)


def test_documents_move_to_the_record_of_the_surviving_identity(
    server: Server,
    as_role: Callable[[str], Client],
    hospital: Client,
    new_record: Callable[[], Record],
    submit: Submit,
) -> None:
    operator = as_role("operator")
    former, survivor = new_record(), new_record()
    fed = ids(hospital.post("", submit(former)))
    act(operator, survivor, "create")
    reader = Client(server, server.token("doctor", rpps=READER))
    blocked = Client(server, server.token("doctor", rpps=people.rpps("1000079201")))
    join(reader, survivor, READER)
    assert act(operator, former, "block", who=professional(people.rpps("1000079201"))).status_code == 200
    join(blocked, survivor, people.rpps("1000079201"))
    put = operator.put(former.reference, replaced_by(former, survivor))
    assert put.status_code == 200, put.text
    assert count(reader, survivor, expected=1) == 1
    document = reader.get(f"DocumentReference/{fed['DocumentReference']}").json()
    assert document["subject"] == {"reference": survivor.reference}
    assert reader.get(f"Binary/{fed['Binary']}", Accept="application/pdf").content.startswith(b"%PDF")
    assert count(reader, survivor, "List", 1) == 1
    assert count(hospital, former) == 0
    assert count(blocked, survivor) == 0, "whom he blocked under the former identity stays blocked"
    assert hospital.post("", submit(former)).status_code == 422, "the former record is closed"
    assert hospital.post("", submit(survivor)).status_code == 200


def test_what_the_patient_wrote_and_who_accessed_it_stay_his_under_the_surviving_identity(
    server: Server, as_role: Callable[[str], Client], new_record: Callable[[], Record], submit: Submit
) -> None:
    operator = as_role("operator")
    former, survivor = new_record(), new_record()
    before, after = (
        Client(
            server, server.token("patient", ins={"system": people.INS_TEST, "value": each.ins}, scope="patient/*.cruds")
        )
        for each in (former, survivor)
    )
    document = place(before.post("", by_patient(submit(former), former.ins)), "DocumentReference")
    assert before.get(document).status_code == 200
    accesses = len(before.get("AuditEvent").json()["entry"])
    assert operator.put(former.reference, replaced_by(former, survivor)).status_code == 200
    assert count(after, survivor, expected=1) == 1
    assert len(after.get("AuditEvent").json()["entry"]) > accesses
    delete = b'[{"op":"replace","path":"/status","value":"entered-in-error"}]'
    removed = after.patch(document, delete, Content_Type="application/json-patch+json")
    assert removed.status_code == 200, removed.text


def test_only_an_operator_merges_records(
    server: Server, hospital: Client, new_record: Callable[[], Record], submit: Submit
) -> None:
    former, other = new_record(), new_record()
    fed = ids(hospital.post("", submit(former)))
    put = hospital.put(former.reference, replaced_by(former, other))
    assert put.status_code in (200, 403), put.text
    time.sleep(1.5)
    document = hospital.get(f"DocumentReference/{fed['DocumentReference']}").json()
    assert document["subject"]["reference"] == former.reference
    assert count(hospital, other) == 0


def test_a_survivor_who_was_merged_himself_stands_for_whom_he_was_merged_into(
    as_role: Callable[[str], Client], hospital: Client, new_record: Callable[[], Record], submit: Submit
) -> None:
    operator = as_role("operator")
    first, second, last = new_record(), new_record(), new_record()
    for each in (first, second, last):
        assert act(operator, each, "create").status_code == 200
    assert hospital.post("", submit(first)).status_code == 200
    assert operator.put(second.reference, replaced_by(second, last)).status_code == 200
    closed = f"{second.reference}/$dmp"
    until = time.monotonic() + PATIENCE
    while "dmp-fermeture" not in operator.get(closed).text and time.monotonic() < until:
        time.sleep(0.1)
    assert operator.put(first.reference, replaced_by(first, second)).status_code == 200
    assert count(operator, last, expected=1) == 1


def test_a_link_that_somebody_else_had_put_there_merges_nothing_when_an_operator_sends_it_back(
    as_role: Callable[[str], Client], hospital: Client, new_record: Callable[[], Record], submit: Submit
) -> None:
    operator = as_role("operator")
    former, other = new_record(), new_record()
    assert hospital.post("", submit(former)).status_code == 200
    assert hospital.put(former.reference, replaced_by(former, other)).status_code == 200
    telecom = [{"system": "phone", "value": "0102030405"}]
    for body in (replaced_by(former, other) | {"telecom": telecom}, replaced_by(former, other)):
        assert operator.put(former.reference, body).status_code == 200
    time.sleep(1.0)
    assert count(operator, former, expected=1) == 1


def test_what_was_under_way_when_the_former_record_closed_moves_as_well(
    profile: Database[dict[str, Any]],
    as_role: Callable[[str], Client],
    hospital: Client,
    new_record: Callable[[], Record],
    submit: Submit,
) -> None:
    operator = as_role("operator")
    former, survivor = new_record(), new_record()
    fed = ids(hospital.post("", submit(former)))
    assert act(operator, survivor, "create").status_code == 200
    assert operator.put(former.reference, replaced_by(former, survivor)).status_code == 200
    assert count(operator, survivor, expected=1) == 1
    key = f"{people.INS_TEST}|{former.ins}"
    # as a submission leaves it that began before the record closed and committed after it
    for name in fed.items():
        profile["resources"].update_one({"_id": ids_of.key(*name)}, {"$set": {"w.dmp.record": key, "s": {}}})
    identity = former.reference.removeprefix("Patient/")
    waiting = {"kind": "dmp-merge", "state": "waiting", "body.patient": identity}
    assert profile["outbox"].update_many(waiting, {"$set": {"due": datetime.now(UTC)}}).modified_count == 1
    assert count(operator, survivor, expected=1) == 1
