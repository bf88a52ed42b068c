from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Draft, Store, Task, Transaction
from fhirserver.store.outbox import LEASE, TRIES, Lease, LeaseLost

LATER = timedelta(seconds=LEASE + 10)


def enqueue(store: Store, *tasks: Task) -> None:
    def work(tx: Transaction) -> None:
        for task in tasks:
            tx.enqueue(task)

    store.transact(work)


def take(store: Store, now: datetime | None = None) -> Lease:
    lease = store.outbox.take(["pdf"], now=now)
    assert lease is not None
    return lease


def finish(store: Store, lease: Lease) -> None:
    def work(tx: Transaction) -> None:
        tx.create(Draft({"resourceType": "Basic", "number": lease.body.get("number")}))
        store.outbox.complete(tx, lease)

    store.transact(work)


def test_a_task_is_there_if_its_commit_is(store: Store) -> None:
    def refused(tx: Transaction) -> None:
        tx.enqueue(Task("pdf", {}))
        tx.flush()
        raise KeyError

    with pytest.raises(KeyError):
        store.transact(refused)
    assert store.outbox.take(["pdf"]) is None
    enqueue(store, Task("pdf", {"number": 1}))
    assert store.outbox.take(["mail"]) is None
    assert take(store).body == {"number": 1}
    assert store.outbox.take(["pdf"]) is None


def test_a_worker_of_one_kind_does_not_look_through_the_tasks_of_others(store: Store) -> None:
    """The test fails at its end where a query examines many tasks and finds none."""
    enqueue(store, *(Task("pdf", {"number": number}) for number in range(150)))
    assert store.outbox.take(["mail"]) is None


def test_tasks_of_one_key_are_done_in_order_and_those_of_others_meanwhile(store: Store) -> None:
    enqueue(store, *(Task("pdf", {"number": number}, key="a") for number in range(3)), Task("pdf", {"number": 9}))
    first, other = take(store), take(store)
    assert [first.body["number"], other.body["number"]] == [0, 9]
    assert store.outbox.take(["pdf"]) is None
    finish(store, first)
    second = take(store)
    assert second.body["number"] == 1
    finish(store, second)
    assert take(store).body["number"] == 2


def test_the_task_of_a_worker_that_died_is_taken_by_another_and_has_its_effect_once(store: Store) -> None:
    enqueue(store, Task("pdf", {"number": 1}))
    dead = take(store)
    alive = take(store, datetime.now(UTC) + LATER)
    assert (alive.id, alive.tries) == (dead.id, 2)
    finish(store, alive)
    with pytest.raises(LeaseLost):
        finish(store, dead)
    assert store.count({"t": "Basic", "live": True}) == 1


def test_a_task_that_fails_is_tried_later_and_set_aside_in_the_end(store: Store) -> None:
    enqueue(store, Task("pdf", {}))
    now = datetime.now(UTC)
    for attempt in range(1, TRIES + 1):
        now += timedelta(hours=12)
        lease = take(store, now)
        assert lease.tries == attempt
        store.outbox.fail(lease, "no printer", now=now)
        assert store.outbox.take(["pdf"], now=now) is None
    assert store.outbox.take(["pdf"], now=now + timedelta(days=30)) is None
    assert [task["error"] for task in store.outbox.failed()] == ["no printer"]


def test_a_task_of_which_every_worker_dies_is_set_aside_and_tried_again_when_an_operator_says_so(store: Store) -> None:
    enqueue(store, Task("pdf", {"number": 1}, key="a"), Task("pdf", {"number": 2}, key="a"))
    now = datetime.now(UTC)
    for attempt in range(1, TRIES + 1):
        assert take(store, now).tries == attempt
        now += LATER
    assert take(store, now).body["number"] == 2, "those behind it go on"
    assert [task["body"]["number"] for task in store.outbox.failed()] == [1]
    assert store.outbox.again() == 1
    anew = take(store, now)
    assert (anew.body["number"], anew.tries) == (1, 1)


def test_a_task_that_an_operator_gives_back_by_hand_is_tried_once_more(store: Store) -> None:
    enqueue(store, Task("pdf", {}))
    store.outbox.fail(lease := take(store), "no printer")
    by_hand = {"$set": {"tries": TRIES, "due": datetime.now(UTC)}}
    store.database["outbox"].update_one({"_id": lease.id}, by_hand)
    store.outbox.fail(take(store), "no printer")
    assert [task["error"] for task in store.outbox.failed()] == ["no printer"]


def test_attempts_are_spread_over_most_of_a_day(store: Store) -> None:
    enqueue(store, Task("pdf", {}))
    begun = now = datetime.now(UTC)
    for _ in range(TRIES - 1):
        store.outbox.fail(lease := take(store, now), "no printer", now=now)
        found = store.database["outbox"].find_one({"_id": lease.id})
        assert found is not None
        now = found["due"]
    assert timedelta(hours=12) < now - begun < timedelta(hours=24)


def test_workers_at_once_do_each_task_once(store: Store) -> None:
    enqueue(store, *(Task("pdf", {"number": number}, key=f"k{number % 7}") for number in range(60)))

    def work_on(_: int) -> list[int]:
        done = []
        while (lease := store.outbox.take(["pdf"])) is not None:
            finish(store, lease)
            done.append(lease.body["number"])
        return done

    with ThreadPoolExecutor(6) as pool:
        done = [number for numbers in pool.map(work_on, range(6)) for number in numbers]
    while (lease := store.outbox.take(["pdf"])) is not None:
        finish(store, lease)
        done.append(lease.body["number"])
    assert sorted(done) == list(range(60))
