"""What commits leave to be done is done by a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, start, stop
from tests.http.prescription.conftest import issue
from tests.http.processes import children, name_of, outbox_of, until

pytestmark = pytest.mark.long("kills processes, and waits for others to take over")
BEGUN_AND_LOST = {"$set": {"due": datetime(2000, 1, 1, tzinfo=UTC)}}


def test_each_print_is_made_once_although_the_process_of_the_outbox_is_killed(
    mongod: LocalMongod, tmp_path: Path
) -> None:
    running, process = start(tmp_path, mongod.uri, database="outbox-process", workers="1")
    store = Store(mongod.uri, "outbox-process")
    try:
        prescriber = Client(running, running.token("prescriber"))
        first = until(lambda: outbox_of(process.pid))
        issue(prescriber)
        os.kill(first, signal.SIGKILL)
        issue(prescriber)
        assert until(lambda: outbox_of(process.pid)) != first
        issue(prescriber)
        # what the killed process held is free when its lease ends, which nobody here has the time to wait for
        store.database["outbox"].update_many({"state": "waiting", "token": {"$exists": True}}, BEGUN_AND_LOST)
        until(lambda: store.count({"t": "Binary", "live": True}) >= 3)
        assert store.count({"t": "Binary"}) == 3
    finally:
        store.close()
        stop(process)


def test_the_process_of_the_outbox_ends_with_the_server_even_if_that_is_killed(
    mongod: LocalMongod, tmp_path: Path
) -> None:
    _, process = start(tmp_path, mongod.uri, database="outbox-process", workers="1")
    outbox, everyone = until(lambda: outbox_of(process.pid)), children(process.pid)
    process.kill()
    process.wait()
    try:
        until(lambda: not name_of(outbox))
    finally:
        for number in everyone:
            if name_of(number):
                os.kill(number, signal.SIGKILL)
