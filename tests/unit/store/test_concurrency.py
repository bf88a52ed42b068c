from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.errors import Unavailable
from fhirserver.store import Draft, HistoryQuery, Store, Transaction, key
from fhirserver.store.local import LocalMongod


def in_two_processes(mongod: LocalMongod, store: Store, task: str, count: int) -> list[Any]:
    """Run a task of `writer.py` in two processes, as two workers of the server do, and return their results."""
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), mongod.uri, store.database.name, task]
    processes = [subprocess.Popen([*command, str(count)], stdout=subprocess.PIPE) for _ in range(2)]
    return [result for process in processes for result in json.loads(process.communicate(timeout=120)[0])]


def test_a_thousand_conditional_creates_of_one_identifier_at_once_make_one_resource(
    mongod: LocalMongod, store: Store
) -> None:
    store.resources.create_index([("t", 1), ("s.identifier", 1)])
    assert sum(in_two_processes(mongod, store, "conditional_creates", 500)) == 1
    assert store.count({"t": "Patient", "s.identifier": "a|1"}) == 1


def test_two_hundred_updates_of_one_resource_at_once_all_succeed_in_some_order(
    mongod: LocalMongod, store: Store
) -> None:
    assert sorted(in_two_processes(mongod, store, "updates", 100)) == list(range(1, 201))
    versions = store.history(HistoryQuery("Patient", "1", count=300)).versions
    assert [version.version for version in versions] == list(range(200, 0, -1))
    moments = [version.updated for version in versions]
    assert len(set(moments)) == 200
    assert moments == sorted(moments, reverse=True)


def test_of_transactions_that_depend_on_what_they_read_none_acts_on_an_old_view(store: Store) -> None:
    store.create(Draft({"resourceType": "Basic", "count": 30}, id="stock"))

    def take_one(tx: Transaction) -> bool:
        stock = tx.read("Basic", "stock")
        assert stock is not None
        left = jsontext.read(stock.body)["count"]
        if not left:
            return False
        tx.update(Draft({"resourceType": "Basic", "count": left - 1}, id="stock", method="PUT"))
        return True

    with ThreadPoolExecutor(20) as pool:
        taken = list(pool.map(lambda _: store.transact(take_one), range(100)))
    assert sum(taken) == 30


def test_a_commit_that_others_keep_from_taking_place_ends_as_503_and_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhirserver.store.commits.commit.PATIENCE", 0.3)
    store.create(Draft({"resourceType": "Patient"}, id="1"))
    with store.client.start_session() as session, session.start_transaction():
        store.resources.update_one({"_id": key("Patient", "1")}, {"$set": {"held": True}}, session=session)
        with pytest.raises(Unavailable) as caught:
            store.transact(lambda tx: tx.update(Draft({"resourceType": "Patient"}, id="1", method="PUT")))
        session.abort_transaction()
    assert caught.value.headers["Retry-After"]
    assert store.history(HistoryQuery("Patient", "1")).versions == (store.read("Patient", "1"),)
