"""What commits leave to be done is done by a process of its own, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, start, stop
from tests.http.prescription.conftest import issue

T = TypeVar("T")
PATIENCE = 30
BEGUN_AND_LOST = {"$set": {"due": datetime(2000, 1, 1, tzinfo=UTC)}}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
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


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
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


def children(server: int) -> list[int]:
    threads = Path(f"/proc/{server}/task").glob("*/children")
    return [int(number) for thread in threads for number in thread.read_text().split()]


def outbox_of(server: int) -> int | None:
    """Return the process of the outbox that a server started, if it is there."""
    return next((number for number in children(server) if name_of(number) == "outbox"), None)


def name_of(process: int) -> str:
    """Return how Linux names a process; nothing for one that has ended."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
        return Path(f"/proc/{process}/comm").read_text().strip() if command else ""
    except OSError:
        return ""


def until(find: Callable[[], T | None]) -> T:
    """Wait for something, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")
