"""Search parameters that an operator adds while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest

from fhirserver.definitions import Definitions
from fhirserver.errors import BadRequest
from fhirserver.search import INDEXES, Indexer, Registry, Searcher
from fhirserver.search.mongo import upkeep
from fhirserver.store import Draft, Store

NICKNAME = {
    "resourceType": "SearchParameter",
    "id": "nickname",
    "url": "https://example.fr/SearchParameter/nickname",
    "name": "nickname",
    "status": "active",
    "description": "Usual name",
    "code": "Nickname",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.where(use = 'nickname').given",
}


class Worker:
    """One process's view: its own registry, indexer and upkeep."""

    def __init__(self, store: Store, definitions: Definitions) -> None:
        self.store = store
        self.registry = Registry(definitions)
        self.indexer = Indexer(self.registry)
        self.searcher = Searcher(store, self.registry)
        self.upkeep = upkeep.Upkeep(store, self.registry, self.indexer)

    def write(self, resource: dict[str, Any]) -> None:
        self.store.create(Draft(resource, id=resource["id"], index=self.indexer.extract(resource)))

    def search(self, value: str) -> list[str]:
        return sorted(self.searcher.ids("Patient", [("Nickname", value)]))


@pytest.fixture
def worker(store: Store, definitions: Definitions, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Worker]:
    store.prepare(INDEXES)
    monkeypatch.setattr(upkeep, "_SETTLE", timedelta())
    monkeypatch.setattr(upkeep.request, "__defaults__", ((), timedelta()))
    monkeypatch.setattr(upkeep, "BATCH", 2)
    return lambda: Worker(store, definitions)


def progress_of(worker: Worker) -> tuple[str, int, int]:
    found = upkeep.progress(worker.store)
    assert found is not None
    return found["state"], found["done"], found["total"]


def patient(identity: str, nickname: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": identity, "name": [{"use": "nickname", "given": [nickname]}]}


def test_an_added_parameter_finds_what_was_stored_before_it_once_all_is_indexed(worker: Callable[[], Worker]) -> None:
    one = worker()
    for number in range(5):
        one.write(patient(f"p{number}", "Zizou"))
    with pytest.raises(BadRequest, match="no search parameter"):
        one.search("zizou")
    one.write(NICKNAME)
    one.upkeep.look()
    one.upkeep.look()
    assert one.search("zizou") == ["p0", "p1", "p2", "p3", "p4"]
    found = upkeep.progress(one.store)
    assert found is not None
    assert (found["state"], found["done"], found["total"]) == ("done", 5, 5)


def test_what_one_transaction_wrote_is_read_once_however_many_batches_it_takes(
    worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test fails at its end where a batch examines those of the batches before it."""
    monkeypatch.setattr(upkeep, "BATCH", 20)
    one = worker()
    drafts = [patient(f"p{number:03}", "Zizou") for number in range(300)]
    planned = [Draft(each, id=each["id"], index=one.indexer.extract(each)) for each in drafts]
    one.store.transact(lambda transaction: [transaction.create(each) for each in planned])
    one.write(NICKNAME)
    one.upkeep.look()
    assert progress_of(one) == ("done", 300, 300)


def test_a_search_by_a_parameter_whose_values_are_not_complete_is_refused(
    worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = worker(), worker()
    one.write(patient("p", "Zizou"))
    one.write(NICKNAME)
    with monkeypatch.context() as dying:
        dying.setattr(one.upkeep, "_work", lambda: None)  # as if it died before it indexed
        one.upkeep.look()
    with pytest.raises(BadRequest, match=r"\$reindex"):
        one.search("zizou")
    other.upkeep.look()  # another worker takes over
    one.upkeep.look()
    assert one.search("zizou") == ["p"]


def test_a_worker_that_dies_in_the_middle_is_replaced_when_its_lease_ends_by_one_that_goes_on_where_it_stopped(
    worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, other, third = worker(), worker(), worker()
    for number in range(7):
        dying.write(patient(f"p{number}", "Zizou"))
    dying.write(NICKNAME)

    def batch(job: Mapping[str, Any]) -> bool:
        upkeep.Upkeep._batch(dying.upkeep, job)
        return False

    monkeypatch.setattr(dying.upkeep, "_batch", batch)  # it dies after its first batch
    dying.upkeep.look()
    assert progress_of(dying) == ("running", 2, 7)
    other.upkeep.look()  # the lease holds: nobody else works meanwhile
    assert progress_of(other) == ("running", 2, 7)
    third.write(patient("late", "Zizou"))
    ended = {"$set": {"lease": datetime.now(UTC) - timedelta(seconds=1)}}
    other.store.database["search_state"].update_one({"_id": "reindex"}, ended)
    threads = [Thread(target=each.upkeep.look) for each in (other, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert progress_of(other)[0] == "done"
    assert progress_of(other)[1] in (7, 8)  # each once, and perhaps what came meanwhile
    for each in (other, third):
        each.upkeep.look()
        assert each.search("zizou") == ["late", *(f"p{number}" for number in range(7))]


def test_a_deleted_parameter_is_unknown_again(worker: Callable[[], Worker]) -> None:
    one = worker()
    one.write(NICKNAME)
    one.upkeep.look()
    one.store.transact(lambda transaction: transaction.delete("SearchParameter", "nickname", origin={}))
    one.upkeep.look()
    with pytest.raises(BadRequest, match="no search parameter"):
        one.search("zizou")


def test_a_parameter_that_comes_back_finds_what_was_written_while_it_was_away(worker: Callable[[], Worker]) -> None:
    one = worker()
    one.write(NICKNAME)
    one.upkeep.look()
    one.upkeep.look()
    one.store.transact(lambda transaction: transaction.delete("SearchParameter", "nickname", origin={}))
    one.upkeep.look()
    one.write(patient("meanwhile", "Zizou"))
    one.store.transact(lambda transaction: transaction.update(Draft(NICKNAME, id="nickname")))
    one.upkeep.look()
    one.upkeep.look()
    assert one.search("zizou") == ["meanwhile"]


def test_two_requests_at_once_begin_one_reindexing(worker: Callable[[], Worker]) -> None:
    one = worker()
    one.write(patient("p", "Zizou"))
    assert upkeep.request(one.store, ["Patient"])
    assert not upkeep.request(one.store, ["Patient"])
    one.upkeep.look()
    assert upkeep.request(one.store, ["Patient"])


def test_who_looked_before_a_reindexing_ended_does_not_begin_it_again(worker: Callable[[], Worker]) -> None:
    one = worker()
    now = timedelta(0)
    assert upkeep.request(one.store, ["Patient"], ["urn:a|1"], now)
    one.upkeep.look()
    assert progress_of(one)[0] == "done"
    assert not upkeep.request(one.store, ["Patient"], ["urn:a|1"], now)
    assert upkeep.request(one.store, ["Patient"], ["urn:a|2"], now)


def test_absolute_references_written_under_another_address_are_found_after_reindexing(
    worker: Callable[[], Worker],
) -> None:
    one = worker()
    base = "https://seen-by-the-client.example/fhir/"
    observation = {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": f"{base}Patient/p"},
    }  # fmt: skip
    one.store.create(Draft(observation, id="o", index=one.indexer.extract(observation, base)))
    assert one.searcher.ids("Observation", [("subject", "Patient/p")]) == ["o"]
    upkeep.request(one.store, ["Observation"])
    one.upkeep.look()
    found = upkeep.progress(one.store)
    assert found is not None
    assert (found["state"], found["done"]) == ("done", 1)
    assert one.searcher.ids("Observation", [("subject", "Patient/p")]) == ["o"]
