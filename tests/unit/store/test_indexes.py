from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from fhirserver.store import Draft, Index, Store
from fhirserver.store.local import LocalMongod


def test_servers_that_start_at_once_make_the_indexes_once_and_starting_again_changes_nothing(
    mongod: LocalMongod, watched: str
) -> None:
    stores = [Store(mongod.uri, watched) for _ in range(4)]
    more = [Index("resources", "search_test", (("t", 1), ("s.k", 1)), {"partialFilterExpression": {"live": True}})]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.prepare(more), stores))
    before = stores[0].resources.index_information()
    assert {"search_test", "type_updated", "updated"} <= set(before)
    stores[1].prepare(more)
    assert stores[1].resources.index_information() == before
    for store in stores:
        store.close()


def test_an_index_is_made_over_data_that_is_there(store: Store) -> None:
    store.create(Draft({"resourceType": "Patient"}, index={"k": ["a"]}))
    store.prepare([Index("resources", "search_test", (("s.k", 1),))])
    assert len(store.find({"s.k": "a"}, hint="search_test")) == 1


@pytest.mark.parametrize("collection", ["resources", "history", "audit", "outbox", "locks", "files", "uploads"])
def test_every_collection_is_there_after_the_start_so_that_transactions_need_not_make_it(
    store: Store, collection: str
) -> None:
    assert collection in store.database.list_collection_names()


@pytest.mark.parametrize(
    "changed",
    [
        Index("resources", "search_test", (("s.k", 1), ("i", 1))),
        Index("resources", "search_test", (("s.k", 1),), {"partialFilterExpression": {"live": True}}),
        Index("resources", "search_test", (("s.k", 1),), {"unique": True}),
    ],
)
def test_an_index_that_a_release_defines_otherwise_is_built_anew_under_its_name(store: Store, changed: Index) -> None:
    store.prepare([Index("resources", "search_test", (("s.k", 1),))])
    store.prepare([changed])
    found = store.resources.index_information()["search_test"]
    assert found["key"] == list(changed.keys)
    assert all(found[option] == value for option, value in changed.options.items())
