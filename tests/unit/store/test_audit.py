from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from fhirserver.errors import Unavailable
from fhirserver.store import Store


def test_a_record_is_there_when_recording_returns(store: Store) -> None:
    store.audit.record([{"who": "a", "what": "read"}, {"who": "a", "what": "search"}])
    kept = list(store.database["audit"].find({"_id": {"$exists": True}}))
    assert [record["what"] for record in kept] == ["read", "search"]
    assert all(record["at"] for record in kept)


def test_records_of_requests_at_once_are_each_there_once_and_share_inserts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    inserts: list[int] = []
    insert_one, insert_many = store.audit._collection.insert_one, store.audit._collection.insert_many

    def counted_alone(record: Any) -> Any:
        inserts.append(1)
        return insert_one(record)

    def counted(records: list[Any], **options: Any) -> Any:
        inserts.append(len(records))
        return insert_many(records, **options)

    monkeypatch.setattr(store.audit._collection, "insert_one", counted_alone)
    monkeypatch.setattr(store.audit._collection, "insert_many", counted)

    def request(number: int) -> bool:
        store.audit.record([{"number": number}])
        return store.database["audit"].find_one({"number": number}) is not None

    store.database["audit"].create_index("number")
    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(request, range(400)))
    assert sum(inserts) == 400
    assert len(inserts) < 400


def test_a_record_that_mongodb_did_not_take_is_reported_to_each_request_that_waits_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise AutoReconnect("connection lost")

    monkeypatch.setattr(store.audit._collection, "insert_one", lost)  # the network fails
    with pytest.raises(Unavailable):
        store.audit.record([{"who": "a"}])
