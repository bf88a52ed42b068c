"""What is answered later survives kills and restarts, and is done once; what is kept of it, and for how long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, issue, start, stop
from tests.http.processes import outbox_of, until
from tests.http.test_async import PATIENCE, ask, bundle, outcome_of, patient, post, wait

pytestmark = pytest.mark.long("kills servers and waits for others to take over")

DATABASE = "async-tests"
SETTINGS = {"database": DATABASE, "profile_policy": "base", "workers": "1", "async_waiting": "3", "async_hours": "2"}


class Killable:
    """A server whose processes are killed and started again."""

    def __init__(self, folder: Path, uri: str) -> None:
        self._folder, self._uri = folder, uri
        self.server, self._process = start(folder, uri, **SETTINGS)
        self.client = self._client()

    def _client(self) -> Client:
        return Client(self.server, self.server.token("operator"))

    def kill_worker(self) -> None:
        """Kill the process that does what is answered later."""
        os.kill(until(lambda: outbox_of(self._process.pid)), signal.SIGKILL)

    def restart(self, *, between: Any = None) -> None:
        """Stop everything, and start it on the same database."""
        stop(self._process)
        if between:
            between()
        self.server, self._process = start(self._folder, self._uri, **SETTINGS)
        self.client = self._client()

    def end(self) -> None:
        stop(self._process)


@pytest.fixture(scope="module")
def killable(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killable]:
    running = Killable(tmp_path_factory.mktemp("async"), mongod.uri)
    yield running
    running.end()


@pytest.fixture
def database(mongod: LocalMongod, killable: Killable) -> Iterator[Database[dict[str, Any]]]:
    store = Store(mongod.uri, DATABASE)
    yield store.database
    store.close()


def end_leases(database: Database[dict[str, Any]]) -> None:
    """Have the leases of killed workers, and what they had begun to commit, end now and not in a minute."""
    admin = database.client.admin
    idle = admin.aggregate([{"$currentOp": {"idleSessions": True}}, {"$match": {"transaction": {"$exists": True}}}])
    for operation in idle:
        admin.command("killSessions", [{"id": operation["lsid"]["id"]}])
    database["outbox"].update_many({"kind": "request", "state": "waiting"}, {"$set": {"due": datetime.now(UTC)}})


def of_family(client: Client, family: str) -> int:
    total: int = client.get(f"Patient?family:exact={family}&_summary=count&_total=accurate").json()["total"]
    return total


def begun(database: Database[dict[str, Any]], place: str, kind: str) -> None:
    """Wait until a worker is in the midst of it."""
    identity = place.rsplit("/", 1)[1]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if database["jobs"].find_one({"_id": identity, "state": "running"}) and (
            kind == "transaction" or database["job_entries"].find_one({"job": identity})
        ):
            return
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_kill_of_its_worker_neither_loses_nor_doubles_anything(
    killable: Killable, database: Database[dict[str, Any]], kind: str
) -> None:
    client, family, count = killable.client, kind.title(), 500
    place = ask(client, "POST", "", bundle(kind, *(post(patient(family)) for _ in range(count))))
    begun(database, place, kind)
    killable.kill_worker()
    end_leases(database)
    done = outcome_of(client, place).json()
    assert [entry["response"]["status"] for entry in done["entry"]] == ["201 Created"] * count
    assert len({entry["resource"]["id"] for entry in done["entry"]}) == count
    assert of_family(client, family) == count
    task = database["outbox"].find_one({"kind": "request"}, sort=[("_id", -1)])
    assert task["tries"] >= 2, "the worker was killed before it had done it"


def test_what_waits_while_the_server_is_down_is_done_when_it_is_back(
    killable: Killable, database: Database[dict[str, Any]]
) -> None:
    killable.kill_worker()
    identity = ask(killable.client, "POST", "", bundle("transaction", post(patient("Attente")))).rsplit("/", 1)[1]
    killable.restart(between=lambda: end_leases(database))
    assert outcome_of(killable.client, f"_async/{identity}").json()["type"] == "transaction-response"
    assert of_family(killable.client, "Attente") == 1


def test_a_task_that_cannot_be_read_ends_no_worker(killable: Killable, database: Database[dict[str, Any]]) -> None:
    unreadable = {"_id": "0", "kind": "request", "state": "waiting", "due": datetime(2026, 1, 1, tzinfo=UTC)}
    database["outbox"].insert_one(unreadable)
    try:
        until(lambda: "KeyError" in killable.server.log.read_text())
    finally:
        database["outbox"].delete_one({"_id": "0"})
    place = ask(killable.client, "POST", "", bundle("transaction", post(patient("Illisible"))))
    assert outcome_of(killable.client, place).json()["type"] == "transaction-response"


def test_what_is_kept_of_a_request_holds_no_token_and_its_body_goes_when_it_is_done(
    killable: Killable, database: Database[dict[str, Any]]
) -> None:
    place = ask(killable.client, "POST", "", bundle("transaction", post(patient("Sans jeton"))))
    wait(killable.client, place)
    job = database["jobs"].find_one({"_id": place.rsplit("/", 1)[1]})
    assert "eyJ" not in repr(job)
    assert job["request"]["caller"]["role"] == "operator"
    assert "body" not in job
    assert job["files"] == [job["result"]]
    assert timedelta(minutes=115) < job["expires"] - datetime.now(UTC) <= timedelta(hours=2)
    assert database["jobs"].index_information()["expires"]["expireAfterSeconds"] == 0


def test_a_withdrawn_transaction_never_commits(killable: Killable, database: Database[dict[str, Any]]) -> None:
    client = killable.client
    killable.kill_worker()
    place = ask(client, "POST", "", bundle("transaction", post(patient("Retirée"))))
    assert client.delete(place).status_code in (202, 404)
    last = ask(client, "GET", "Patient?_count=1")
    wait(client, last)
    assert client.get(place).status_code == 404
    task = database["outbox"].find_one({"body.job": place.rsplit("/", 1)[1]})
    assert task["state"] == "done"
    assert of_family(client, "Retirée") == 0


def test_more_than_the_setting_wait_for_nobody(killable: Killable, database: Database[dict[str, Any]]) -> None:
    owner = database["jobs"].find_one({})["owner"]
    for number in range(3):
        database["jobs"].insert_one({"_id": f"full-{number}", "owner": owner, "state": "waiting", "request": {"x": 1}})
    refused = killable.client.get("Patient?_count=1", Prefer="respond-async")
    assert refused.status_code == 429
    assert "FHIRSERVER_ASYNC_WAITING" in issue(refused)["details"]["text"]
    assert int(refused.headers["Retry-After"]) > 0
    database["jobs"].delete_many({"_id": {"$regex": "^full-"}})


def test_who_asked_and_who_read_the_answer_is_in_the_audit(
    killable: Killable, database: Database[dict[str, Any]]
) -> None:
    place = ask(killable.client, "GET", "Patient?_count=2")
    outcome_of(killable.client, place)
    identity = place.rsplit("/", 1)[1]
    actions = [record["action"] for record in database["audit"].find({"job": identity}).sort("at", 1)]
    assert actions == ["async-request", "async-result"]
    searched = database["audit"].find_one({"action": "search", "query": ["_count", "2"]}, sort=[("at", -1)])
    assert searched["who"]["role"] == "operator"


def test_a_request_whose_worker_dies_again_and_again_is_answered_as_our_fault(
    killable: Killable, database: Database[dict[str, Any]]
) -> None:
    killable.kill_worker()
    place = ask(killable.client, "GET", "Patient?_count=1")
    database["outbox"].update_one({"body.job": place.rsplit("/", 1)[1]}, {"$set": {"tries": 9}})
    state = wait(killable.client, place)
    assert state.status_code == 500
    assert issue(state)["code"] == "exception"
