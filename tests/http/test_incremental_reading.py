"""Whoever reads what changed since his last answer misses nothing, whatever the writers' clocks and pace."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from fhirserver.access import issuer
from tests.http.conftest import Client, Server, start, stop
from tests.http.processes import children

SECONDS = 5.0
SHIFTED_CLOCK = """
import datetime, time

SHIFT = {shift}
_real, _time = datetime.datetime, time.time


class _Kind(type(_real)):
    def __instancecheck__(cls, value):
        return isinstance(value, _real)


class _Shifted(_real, metaclass=_Kind):
    def __new__(cls, *given, **named):
        return _real(*given, **named)

    @classmethod
    def now(cls, tz=None):
        return _real.now(tz) + datetime.timedelta(seconds=SHIFT)


datetime.datetime = _Shifted
time.time = lambda: _time() + SHIFT
"""
"""Python imports it before anything else: the process has another wall clock from its first moment."""


@dataclass
class Running:
    """A server whose wall clock is wrong, beside the shared one."""

    server: Server
    client: Callable[[], Client]
    process: subprocess.Popen[bytes]

    def pause(self, seconds: float) -> None:
        """Stop its workers where they are, in the midst of transactions, and let them go on."""
        workers = children(self.process.pid)
        assert workers, "the server has workers"
        for each in workers:
            os.kill(each, signal.SIGSTOP)
        time.sleep(seconds)
        for each in workers:
            os.kill(each, signal.SIGCONT)


@pytest.fixture(scope="module")
def elsewhere(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Running]]:
    """Servers on the database of the shared one, one of them an hour ahead, one an hour behind."""
    running: list[Running] = []
    path = os.environ.get("PYTHONPATH", "")
    for shift in (3600, -3600):
        folder = tmp_path_factory.mktemp("shifted")
        (folder / "sitecustomize.py").write_text(SHIFTED_CLOCK.replace("{shift}", str(shift)), encoding="utf-8")
        os.environ["PYTHONPATH"] = f"{folder}:{path}"
        try:
            made, process = start(folder, server.mongodb, database="http-tests", profile_policy="base", workers="1")
        finally:
            os.environ["PYTHONPATH"] = path
        now = int(time.time())
        token = issuer.mint(made.state, "fhirserver", "operator", nbf=now - 7200, iat=now - 7200, exp=now + 7200)
        running.append(Running(made, partial(Client, made, token), process))
    yield running
    for each in running:
        stop(each.process)


@dataclass
class Reader:
    """Asks again and again for what is later than its last answer."""

    clients: list[Client]
    first: str
    later: str
    seen: set[tuple[str, str]] = field(default_factory=set)
    since: str | None = None
    turns: int = 0

    def read(self) -> None:
        """Read what is new, page by page, from the next server."""
        client = self.clients[self.turns % len(self.clients)]
        self.turns += 1
        path = self.later + self.since if self.since else self.first
        since = None
        while path:
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            bundle = answer.json()
            since = since or bundle["meta"]["lastUpdated"]
            for entry in bundle.get("entry", ()):
                if "resource" in entry:
                    self.seen.add((entry["resource"]["id"], entry["resource"]["meta"]["versionId"]))
            path = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        self.since = since


class Writer(threading.Thread):
    """Writes until it is told to stop; remembers what was acknowledged."""

    def __init__(self, client: Client, others: list[Client], tag: str, until: threading.Event) -> None:
        super().__init__()
        self._client, self._others, self._tag, self._until = client, others, tag, until
        self.written: list[tuple[str, str]] = []
        self.faults: list[str] = []

    def run(self) -> None:
        """Create one, update it, create many together; look for one of them on another server."""
        while not self._until.is_set():
            made = self._sent("POST", "Basic", self._basic())
            self._note(made)
            changed = self._sent("PUT", f"Basic/{made['id']}", {**self._basic("y"), "id": made["id"]})
            self._note(changed)
            other = self._others[len(self.written) % len(self._others)]
            found = other.get(f"Basic?_id={made['id']}").json()
            if [entry["resource"]["meta"] for entry in found.get("entry", ())] != [changed["meta"]]:
                self.faults.append(f"acknowledged and not found: {made['id']}")
            entry = {"resource": self._basic(), "request": {"method": "POST", "url": "Basic"}}
            many = self._sent("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 15})
            for each in many["entry"]:
                _, identity, _, version = each["response"]["location"].rsplit("/", 3)
                self.written.append((identity, version))

    def _basic(self, text: str = "x") -> dict[str, Any]:
        return {
            "resourceType": "Basic", "code": {"text": text}, "meta": {"tag": [{"system": "urn:t", "code": self._tag}]},
        }  # fmt: skip

    def _note(self, resource: dict[str, Any]) -> None:
        self.written.append((resource["id"], resource["meta"]["versionId"]))

    def _sent(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.send(method, path, body, Prefer="return=representation")
        assert answer.ok, answer.text
        result: dict[str, Any] = answer.json()
        return result


@pytest.mark.wasteful(reason="pages of a history of several servers' writes are read again and again")
def test_nothing_is_missed_while_servers_with_other_clocks_write_and_pause(
    server: Server, elsewhere: list[Running]
) -> None:
    def shared() -> Client:
        return Client(server, server.token("operator"))

    makers = [shared, *(each.client for each in elsewhere)]
    tag = secrets.token_hex(6)
    until = threading.Event()
    writers = [Writer(maker(), [other() for other in makers], tag, until) for maker in makers]
    began = shared().get(f"Basic?_tag=urn:t|{tag}").json()["meta"]["lastUpdated"]
    readers = [
        Reader(
            [maker() for maker in makers],
            f"Basic?_tag=urn:t|{tag}&_count=50",
            f"Basic?_tag=urn:t|{tag}&_count=50&_lastUpdated=gt",
        ),
        Reader([maker() for maker in makers], "Basic/_history?_count=100&_since=" + began, "Basic/_history?_count=100&_since="),  # noqa: E501 - an address
    ]  # fmt: skip
    for writer in writers:
        writer.start()

    def read(reader: Reader) -> None:
        while not until.is_set():
            reader.read()

    reading = [threading.Thread(target=read, args=(reader,)) for reader in readers]
    for thread in reading:
        thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        elsewhere[0].pause(0.7)
        elsewhere[1].pause(0.4)
        time.sleep(0.1)
    until.set()
    for thread in (*writers, *reading):
        thread.join()
    for reader in readers:
        reader.read()
    written = {each for writer in writers for each in writer.written}
    searched, remembered = readers
    newest: dict[str, int] = {}
    for identity, version in written:
        newest[identity] = max(newest.get(identity, 0), int(version))
    assert not [fault for writer in writers for fault in writer.faults]
    assert min(len(writer.written) for writer in writers) > 15
    assert min(reader.turns for reader in readers) > 5
    assert {(identity, str(version)) for identity, version in newest.items()} - searched.seen == set()
    assert written - remembered.seen == set()
