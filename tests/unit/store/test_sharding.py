"""What goes to one shard alone, when `_id` is the shard key of every collection (docs/decisions/storage-layout.md)."""

from __future__ import annotations

import json
from typing import Any

from fhirserver.store import Draft, HistoryQuery, Store, bucket, new_id
from fhirserver.store.profile import profiled


def conditions(store: Store) -> list[tuple[str, Any]]:
    """Return collection and condition of every query, update and delete that was noted."""
    noted = store.database["system.profile"].find({"ns": {"$regex": r"\.(resources|history)$"}})
    found = []
    for entry in noted:
        command = entry["command"]
        if "filter" in command or "q" in command:
            found.append((entry["ns"].rsplit(".")[-1], command.get("filter", command.get("q"))))
    return found


def test_reads_and_writes_of_a_resource_name_its_shard(store: Store) -> None:
    identity = new_id("184127645108946")
    with profiled(store.database):
        store.create(Draft({"resourceType": "Patient"}, id=identity))
        for _ in range(3):
            store.transact(lambda tx: tx.update(Draft({"resourceType": "Patient"}, id=identity, method="PUT")))
        store.read("Patient", identity)
        store.vread("Patient", identity, 2)
        store.history(HistoryQuery("Patient", identity))
        store.transact(lambda tx: tx.delete("Patient", identity, {}))
    asked = conditions(store)
    assert {collection for collection, _ in asked} == {"resources", "history"}
    for _, condition in asked:
        assert f'"_id": "{bucket(identity)}/' in json.dumps(condition) or f'": "{bucket(identity)}/' in json.dumps(
            condition
        )


def test_a_read_by_id_needs_no_plan_but_the_shard_key_itself(store: Store) -> None:
    created = store.create(Draft({"resourceType": "Patient"}))
    document = store.find({"t": "Patient", "live": True})[0]
    plan = store.resources.find({"_id": document["_id"]}).explain()["queryPlanner"]["winningPlan"]
    assert plan["stage"] == "IDHACK"
    assert document["_id"].startswith(bucket(created.id))


def test_what_belongs_to_one_patient_lies_in_one_range_of_the_shard_key(store: Store) -> None:
    patient = store.create(Draft({"resourceType": "Patient"}, partition="184127645108946"))
    for _ in range(5):
        store.create(Draft({"resourceType": "Observation"}, beside=patient.id))
    start = bucket(patient.id)
    inside = store.find({"_id": {"$gte": f"{start}/", "$lt": f"{start}0"}})
    assert len(inside) == 6
