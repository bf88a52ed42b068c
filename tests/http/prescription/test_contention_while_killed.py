"""Many at the same moment while servers are killed: clients that ask again get what was decided, once.

`scripts/contend --kill` does it with 1,000.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo import MongoClient

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, start, stop
from tests.http.prescription.conftest import another_pharmacist, dispense, issue, parameters
from tests.http.prescription.test_concurrency import thirty
from tests.http.processes import children

pytestmark = pytest.mark.long("kills servers again and again")

DATABASE = "killed-prescriptions"
PATIENCE = 60


class Rivals:
    """Clients who ask until they are answered; after some of the answers all processes of the server are killed."""

    def __init__(self, server: int, after: tuple[int, ...]) -> None:
        self._server, self._after = server, after
        self._answers = itertools.count(1)

    def ask(self, client: Client, path: str, body: dict[str, Any]) -> requests.Response:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = client.post(path, body)
            except requests.RequestException:  # the connection broke: was it done, or not?
                time.sleep(0.1)
                continue
            if next(self._answers) in self._after:
                self._kill()
            if answer.status_code != 503:
                return answer
            time.sleep(0.2)
        raise AssertionError("nobody answered")

    def _kill(self) -> None:
        for child in children(self._server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@pytest.fixture
def impatient(mongod: LocalMongod) -> Iterator[None]:
    """Have MongoDB give up soon what a killed server had begun to commit, and not after a minute."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongod.uri)
    name = "transactionLifetimeLimitSeconds"
    usual = client.admin.command({"getParameter": 1, name: 1})[name]
    client.admin.command({"setParameter": 1, name: 3})
    yield
    client.admin.command({"setParameter": 1, name: usual})
    client.close()


@pytest.mark.wasteful("what commits met others is tried again")
@pytest.mark.usefixtures("impatient")
def test_one_holds_and_exactly_thirty_are_delivered_although_servers_are_killed(
    mongod: LocalMongod, tmp_path: Path
) -> None:
    running, process = start(tmp_path, mongod.uri, database=DATABASE, profile_policy="base")
    issued = issue(Client(running, running.token("prescriber")), thirty)
    line = issued.reference("MedicationRequest", 0)
    rivals = Rivals(process.pid, (3, 24, 38))

    def take(client: Client) -> tuple[int, Client]:
        return rivals.ask(client, "$take", parameters(number=issued.number)).status_code, client

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, [another_pharmacist(running) for _ in range(16)]))
    assert Counter(status for status, _ in taken) == {200: 1, 423: 15}
    holder = next(client for status, client in taken if status == 200)
    task = rivals.ask(holder, "$take", parameters(number=issued.number)).json()["id"]

    def one(_: int) -> int:
        body = dispense(line, None, quantity={"value": 1, "unit": "comprimé"})
        return rivals.ask(holder, f"Task/{task}/$dispense", parameters(dispense=body)).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(one, range(42)))
    stop(process)
    assert answers == {200: 30, 409: 12}
    store = Store(mongod.uri, DATABASE)
    assert store.count({"t": "MedicationDispense", "live": True}) == 30
    store.close()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]
