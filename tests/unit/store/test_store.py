from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.errors import Conflict, Gone, TooLarge
from fhirserver.issues import Text
from fhirserver.store import Draft, HistoryQuery, Store, Transaction, bucket, key


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "active": True, **more}


def update(store: Store, identity: str, **more: Any) -> None:
    store.transact(lambda tx: tx.update(Draft(patient(**more), id=identity, method="PUT")))


def test_a_created_resource_is_read_as_the_bytes_it_was_stored_as(store: Store) -> None:
    resource = jsontext.read(b'{"resourceType":"Observation","meta":{"profile":["x"]},"valueQuantity":{"value":1.50}}')
    created = store.create(Draft(resource, origin={"who": "doctor"}))
    assert store.read("Observation", created.id) == created
    read = jsontext.read(created.body)
    assert read.pop("id") == created.id
    assert read["meta"].pop("versionId") == "1"
    assert read["meta"].pop("lastUpdated").endswith("Z")
    assert jsontext.canonical(read) == jsontext.canonical(resource)
    assert created.origin == {"who": "doctor"}


def test_index_values_are_stored_verbatim_and_found(store: Store) -> None:
    created = store.create(Draft(patient(), index={"identifier": ["a|1", "a|2"]}))
    found = store.find({"_id": key("Patient", created.id), "s.identifier": "a|2"}, projection={"s": 1})
    assert found[0]["s"] == {"identifier": ["a|1", "a|2"]}


def test_a_new_id_takes_the_bucket_of_the_patient(store: Store) -> None:
    first = store.create(Draft(patient(), partition="184127645108946"))
    second = store.create(Draft({"resourceType": "Observation"}, beside=first.id))
    third = store.transact(lambda tx: tx.create(Draft({"resourceType": "Observation"}, beside=first.id)))
    assert bucket(first.id) == bucket(second.id) == bucket(third.id)


def test_creating_under_an_id_that_is_taken_is_a_conflict(store: Store) -> None:
    store.create(Draft(patient(), id="1"))
    with pytest.raises(Conflict):
        store.create(Draft(patient(), id="1"))
    with pytest.raises(Conflict):
        store.transact(lambda tx: tx.create(Draft(patient(), id="1")))


def test_an_update_keeps_every_version_and_its_author(store: Store) -> None:
    for number in range(3):
        store.transact(
            lambda tx, n=number: tx.update(Draft(patient(number=n), id="1", method="PUT", origin={"who": str(n)}))
        )
    versions = [store.vread("Patient", "1", version) for version in (1, 2, 3)]
    assert [jsontext.read(version.body)["number"] for version in versions if version] == [0, 1, 2]
    assert [version.origin for version in versions if version] == [{"who": "0"}, {"who": "1"}, {"who": "2"}]
    assert [store.vread("Patient", "1", version) for version in (0, 4, -1)] == [None, None, None]


def test_last_updated_grows_strictly_even_within_one_millisecond(store: Store) -> None:
    for _ in range(20):
        update(store, "1")
    versions = store.history(HistoryQuery("Patient", "1")).versions
    moments = [version.updated for version in reversed(versions)]
    assert all(later - earlier >= timedelta(milliseconds=1) for earlier, later in itertools.pairwise(moments))


def test_a_deleted_resource_leaves_a_tombstone_and_comes_back_as_the_next_version(store: Store) -> None:
    update(store, "1")
    deleted = store.transact(lambda tx: tx.delete("Patient", "1", {"who": "operator"}))
    assert deleted is not None
    read = store.read("Patient", "1")
    assert read is not None
    assert (read.deleted, read.version, read.body, read.method) == (True, 2, b"", "DELETE")
    assert store.transact(lambda tx: tx.delete("Patient", "1", {})) is None
    assert store.transact(lambda tx: tx.delete("Patient", "never", {})) is None
    back = store.transact(lambda tx: tx.update(Draft(patient(), id="1", method="PUT")))
    assert (back.version, back.created) == (3, True)
    gone = store.vread("Patient", "1", 2)
    assert gone is not None
    assert gone.deleted


def test_a_refusal_in_a_transaction_leaves_nothing(store: Store) -> None:
    update(store, "1")

    def work(tx: Transaction) -> None:
        tx.create(Draft(patient(), id="2"))
        tx.update(Draft(patient(changed=True), id="1", method="PUT"))
        tx.audit([{"what": "refused"}])
        tx.flush()
        raise Gone(Text("non", "no"))

    with pytest.raises(Gone):
        store.transact(work)
    assert store.read("Patient", "2") is None
    assert [version.version for version in store.history(HistoryQuery("Patient", "1")).versions] == [1]
    assert store.database["audit"].find_one({"_id": {"$exists": True}}) is None


def test_a_transaction_reads_and_finds_what_it_plans(store: Store) -> None:
    def work(tx: Transaction) -> tuple[bool, int, int]:
        planned = tx.create(Draft(patient(), id="2", index={"code": "x"}))
        before = len(tx.find({"_id": key("Patient", "2")}))
        tx.flush()
        found = tx.find({"_id": key("Patient", "2")})
        return tx.read("Patient", "2") == planned.stored, before, len(found)

    assert store.transact(work) == (True, 0, 1)


def test_a_resource_written_twice_in_one_transaction_has_one_version_with_what_was_said_last(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.update(Draft(patient(number=1), id="1", method="PUT"))
        tx.update(Draft(patient(number=2), id="1", method="PUT"))

    store.transact(work)
    read = store.read("Patient", "1")
    assert read is not None
    assert (read.version, jsontext.read(read.body)["number"]) == (1, 2)


def test_a_resource_beyond_a_mongodb_document_is_kept_and_read_back(store: Store) -> None:
    large = {"resourceType": "Binary", "contentType": "text/plain", "data": "QUJD" * 5_000_000}
    created = store.create(Draft(large, id="large"))
    assert store.read("Binary", "large") == created
    assert jsontext.read(created.body)["data"] == large["data"]
    changed = store.transact(lambda tx: tx.update(Draft({**large, "contentType": "text/csv"}, id="large")))
    assert jsontext.read(changed.stored.body)["contentType"] == "text/csv"
    assert store.vread("Binary", "large", 1) == created


def test_index_values_beyond_a_mongodb_document_are_refused_as_too_large(store: Store) -> None:
    draft = Draft(patient(), id="1", index={"name": ["x" * 1000] * 17_000})
    with pytest.raises(TooLarge):
        store.create(draft)
    with pytest.raises(TooLarge):
        store.transact(lambda tx: tx.update(draft))
    assert store.read("Patient", "1") is None


def test_a_transaction_of_five_thousand_resources_is_one_commit(store: Store) -> None:
    def work(tx: Transaction) -> list[str]:
        return [tx.create(Draft({"resourceType": "Observation", "note": [{"text": str(n)}]})).id for n in range(5000)]

    ids = store.transact(work)
    read = store.read_many(("Observation", identity) for identity in ids)
    assert len(read) == 5000
    assert len({version.updated for version in read.values()}) == 1


def test_resources_read_ahead_are_read_and_written_as_if_each_were_read_alone(store: Store) -> None:
    update(store, "1")

    def work(tx: Transaction) -> list[int]:
        tx.read_ahead([("Patient", "1"), ("Patient", "2")])
        assert tx.exists("Patient", "1")
        assert not tx.exists("Patient", "2")
        return [tx.update(Draft(patient(), id=identity, method="PUT")).version for identity in ("1", "2")]

    assert store.transact(work) == [2, 1]
