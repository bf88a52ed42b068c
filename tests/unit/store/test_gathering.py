"""Inserts that share a command: each caller hears of its own documents alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pymongo.errors import DocumentTooLarge, DuplicateKeyError

from fhirserver.store import Store
from fhirserver.store.commits.gathering import Gathering


def test_what_is_inserted_is_there_when_insert_returns(store: Store) -> None:
    collection = store.database["gathered"]
    Gathering(collection).insert([{"_id": 1, "text": "a"}, {"_id": 2, "text": "b"}])
    assert [found["text"] for found in collection.find({"_id": {"$gte": 0}}).sort("_id")] == ["a", "b"]


def test_of_inserts_at_once_those_whose_id_is_taken_are_refused_and_all_others_stored(store: Store) -> None:
    collection = store.database["gathered"]
    gathering = Gathering(collection)

    def insert(number: int) -> bool:
        try:
            gathering.insert([{"_id": number // 2, "by": number}])
        except DuplicateKeyError:
            return False
        return True

    with ThreadPoolExecutor(32) as pool:
        stored = list(pool.map(insert, range(400)))
    winners = {number for number, there in enumerate(stored) if there}
    assert len(winners) == 200
    assert {found["by"] for found in collection.find({"_id": {"$gte": 0}})} == winners


def test_a_document_beyond_what_mongodb_holds_is_refused_without_harm_to_others(store: Store) -> None:
    collection = store.database["gathered"]
    gathering = Gathering(collection)

    def insert(number: int) -> bool:
        try:
            gathering.insert([{"_id": number, "text": "x" * (17_000_000 if number == 7 else 10)}])
        except DocumentTooLarge:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        stored = list(pool.map(insert, range(32)))
    assert [number for number, there in enumerate(stored) if not there] == [7]
    assert collection.count_documents({"_id": {"$gte": 0}}) == 31
