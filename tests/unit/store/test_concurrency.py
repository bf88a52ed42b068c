from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fhirserver.store import Draft, HistoryQuery, Store, Transaction


def _conditional_creates(uri: str, database: str, count: int, created: Any) -> None:
    store = Store(uri, database)

    def work(tx: Transaction) -> bool:
        if tx.find({"t": "Patient", "s.identifier": "a|1"}):
            return False
        tx.lock("Patient?identifier=a|1")
        tx.create(Draft({"resourceType": "Patient"}, index={"identifier": "a|1"}))
        return True

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(lambda _: store.transact(work), range(count)))
    created.put(sum(results))
    store.close()


def _updates(uri: str, database: str, count: int, versions: Any) -> None:
    store = Store(uri, database)

    def work(tx: Transaction) -> int:
        return tx.update(Draft({"resourceType": "Patient"}, id="1", method="PUT")).version

    with ThreadPoolExecutor(25) as pool:
        versions.put(list(pool.map(lambda _: store.transact(work), range(count))))
    store.close()


def _in_processes(target: Any, store: Store, count: int) -> list[Any]:
    """Run a function in two processes, as two workers of the server, and return what each put into its queue."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    host, port = store.client.address or ("", 0)
    uri = f"mongodb://{host}:{port}/?directConnection=true"
    processes = [context.Process(target=target, args=(uri, store.database.name, count, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return results


def test_a_thousand_conditional_creates_of_one_identifier_at_once_make_one_resource(store: Store) -> None:
    store.resources.create_index([("t", 1), ("s.identifier", 1)])
    assert sum(_in_processes(_conditional_creates, store, 500)) == 1
    assert store.count({"t": "Patient", "s.identifier": "a|1"}) == 1


def test_two_hundred_updates_of_one_resource_at_once_all_succeed_in_some_order(store: Store) -> None:
    first, second = _in_processes(_updates, store, 100)
    assert sorted(first + second) == list(range(1, 201))
    versions = store.history(HistoryQuery("Patient", "1", count=300)).versions
    assert [version.version for version in versions] == list(range(200, 0, -1))
    moments = [version.updated for version in versions]
    assert len(set(moments)) == 200
    assert moments == sorted(moments, reverse=True)


def test_of_transactions_that_depend_on_what_they_read_none_acts_on_an_old_view(store: Store) -> None:
    store.create(Draft({"resourceType": "Basic", "count": 30}, id="stock"))

    def take_one(tx: Transaction) -> bool:
        from fhirserver import jsontext  # noqa: PLC0415 - only here

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
