from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Draft, Store, Transaction
from fhirserver.store.commits.clock import DROP_MS
from fhirserver.store.local import LocalMongod

PATIENT = {"resourceType": "Patient"}


@pytest.fixture
def other(mongod: LocalMongod, store: Store) -> Iterator[Store]:
    """The same database as another process sees it."""
    opened = Store(mongod.uri, store.database.name)
    yield opened
    opened.close()


def wait_for_horizon(store: Store, moment: datetime) -> None:
    while store.horizon() < moment:
        time.sleep(0.05)


def test_whatever_becomes_visible_after_a_horizon_was_read_carries_a_later_moment(store: Store, other: Store) -> None:
    """Writers of two processes, some of which hold their transaction open, and a reader who goes on from horizon to
    horizon: he finds every resource."""
    written: list[str] = []
    done = threading.Event()

    def slow(tx: Transaction, number: int) -> str:
        planned = tx.create(Draft(PATIENT))
        assert planned.stored  # takes the moment of the commit now
        time.sleep(0.05 * (number % 5))
        return planned.id

    def write(through: Store) -> None:
        for number in range(15):
            written.append(through.create(Draft(PATIENT)).id)
            written.append(through.transact(lambda tx, n=number: slow(tx, n)))

    writers = [threading.Thread(target=write, args=(through,)) for through in (store, store, other, other)]
    found: set[str] = set()

    def read_on(after: datetime) -> datetime:
        horizon = store.horizon()
        found.update(document["i"] for document in store.find({"u": {"$gt": after}}))
        return horizon

    def read() -> None:
        after = datetime(2000, 1, 1, tzinfo=UTC)
        while not done.is_set():
            after = read_on(after)
        read_on(after)

    reader = threading.Thread(target=read)
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert len(written) == 120
    assert found == set(written)


def test_the_horizon_stays_before_a_transaction_that_is_held_open_and_passes_it_afterwards(
    store: Store, other: Store
) -> None:
    held, release = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> datetime:
        moment = tx.create(Draft(PATIENT)).stored.updated
        held.set()
        release.wait()
        return moment

    results: list[datetime] = []
    thread = threading.Thread(target=lambda: results.append(store.transact(hold)))
    thread.start()
    held.wait()
    later = [other.create(Draft(PATIENT)).updated for _ in range(5)]
    time.sleep(1)
    horizons = [store.horizon(), other.horizon()]
    release.set()
    thread.join()
    assert max(horizons) < results[0] < min(later)
    wait_for_horizon(other, max(later))


def test_moments_come_from_mongodb_and_stay_after_every_horizon_given_even_if_its_clock_goes_back(
    store: Store, other: Store
) -> None:
    future = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    store.database["clock"].update_one({"_id": "clock"}, {"$set": {"horizon": future}}, upsert=True)
    assert other.horizon() == future
    assert store.create(Draft(PATIENT)).updated > future


def test_a_writer_that_died_holds_the_horizon_back_only_until_nothing_of_it_can_be_in_flight(store: Store) -> None:
    now = datetime.now(UTC)
    alive = {"id": "slow", "low": now - timedelta(seconds=100), "seen": now - timedelta(milliseconds=DROP_MS - 60_000)}
    store.database["clock"].insert_one({"_id": "clock", "writers": [alive]})
    assert store.horizon() < now - timedelta(seconds=99)
    dead = {**alive, "seen": now - timedelta(milliseconds=DROP_MS + 1000)}
    store.database["clock"].update_one({"_id": "clock"}, {"$set": {"writers": [dead]}})
    wait_for_horizon(store, now)


def test_a_writer_at_rest_leaves_the_clock_and_comes_back(store: Store) -> None:
    def writers() -> int:
        document = store.database["clock"].find_one({"_id": "clock"})
        return len(document["writers"]) if document else -1

    store.create(Draft(PATIENT))
    assert writers() == 1
    while writers():
        time.sleep(0.05)
    again = store.create(Draft(PATIENT))
    assert writers() == 1
    wait_for_horizon(store, again.updated)


def test_a_horizon_is_told_once_a_majority_has_it(store: Store, watched: str) -> None:
    """A primary that is cut off from the others does not know who writes there meanwhile."""
    store.horizon()
    store.create(Draft(PATIENT))
    noted = list(store.client[watched]["system.profile"].find({"command.findAndModify": "clock"}))
    assert noted
    assert {entry["command"]["writeConcern"]["w"] for entry in noted} == {"majority"}
