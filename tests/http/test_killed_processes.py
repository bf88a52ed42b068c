"""A server whose processes are killed goes on, however often that happens."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import requests

from fhirserver.store.local import LocalMongod
from tests.http.conftest import start, stop
from tests.http.processes import children, name_of, until

pytestmark = pytest.mark.long("kills a server again and again")


def test_processes_that_are_killed_twice_within_seconds_begin_again(mongod: LocalMongod, tmp_path: Path) -> None:
    running, process = start(tmp_path, mongod.uri, database="killed-processes", workers="1")

    def ready() -> bool:
        try:
            return requests.get(f"{running.root}/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def answering() -> set[int]:
        return {number for number in children(process.pid) if name_of(number) not in ("", "outbox")}

    try:
        killed: set[int] = set()
        for _ in range(2):
            for number in until(lambda: answering() - killed):
                killed.add(number)
                os.kill(number, signal.SIGKILL)
            until(lambda: answering() - killed and ready())
        assert process.poll() is None
    finally:
        stop(process)
    assert process.returncode == 0


def test_nothing_goes_on_answering_when_the_process_that_started_all_others_is_killed(
    mongod: LocalMongod, tmp_path: Path
) -> None:
    running, process = start(tmp_path, mongod.uri, database="killed-first", workers="2", profile_policy="base")
    process.kill()
    process.wait()

    def silent() -> bool:
        try:
            requests.get(f"{running.root}/health", timeout=5)
        except requests.ConnectionError:
            return True
        return False

    until(silent)
