"""Turns at working: whoever sends much waits behind his own requests, not others behind him."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fhirserver.wire.intake import Working

PATIENCE = 5.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Requests:
    """Requests of clients, each in a thread of its own, that work until they are told to end."""

    def __init__(self, working: Working) -> None:
        self._working = working
        self.begun: list[str] = []
        self._ends: dict[str, list[threading.Event]] = {}
        self._threads: list[threading.Thread] = []

    def send(self, client: str) -> None:
        """Send one, and return once it works or waits."""
        end = threading.Event()

        def work() -> None:
            self._working.begin("127.0.0.1", client)
            self.begun.append(client)
            self._ends.setdefault(client, []).append(end)
            end.wait(PATIENCE)
            self._working.end()

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()
        time.sleep(0.02)

    def end(self, client: str) -> None:
        """End the client's request that has worked longest."""
        self._ends[client].pop(0).set()
        time.sleep(0.02)

    def finish(self) -> None:
        while any(thread.is_alive() for thread in self._threads):
            for ends in self._ends.values():
                for end in ends:
                    end.set()
            time.sleep(0.01)


@contextmanager
def requests_of(most: int, clock: Callable[[], float]) -> Iterator[Requests]:
    sent = Requests(Working(most, clock))
    yield sent
    sent.finish()


def test_clients_get_turns_one_after_the_other() -> None:
    with requests_of(1, Clock()) as sent:
        for client in ("many", "many", "many", "one", "other"):
            sent.send(client)
        for client in ("many", "many", "one", "other"):
            sent.end(client)
        assert sent.begun == ["many", "many", "one", "other", "many"]


def test_a_client_whose_request_takes_long_leaves_the_last_turn_to_others() -> None:
    clock = Clock()
    with requests_of(2, clock) as sent:
        sent.send("slow")
        clock.now += 5
        sent.send("slow")
        assert sent.begun == ["slow"], "the second waits, though there is a turn"
        sent.send("other")
        assert sent.begun == ["slow", "other"]
        sent.end("slow")
        assert sent.begun == ["slow", "other"], "it is remembered"
        sent.end("other")
        assert sent.begun == ["slow", "other", "slow"]


def test_a_client_alone_has_all_turns_while_its_requests_are_quick() -> None:
    clock = Clock()
    with requests_of(3, clock) as sent:
        for _ in range(4):
            sent.send("quick")
        assert len(sent.begun) == 3
        sent.end("quick")
        assert len(sent.begun) == 4


def test_what_took_long_is_forgotten_after_a_while() -> None:
    clock = Clock()
    with requests_of(2, clock) as sent:
        sent.send("slow")
        clock.now += 5
        sent.end("slow")
        clock.now += 61
        for _ in range(2):
            sent.send("slow")
        assert sent.begun == ["slow"] * 3


def test_where_all_turns_are_at_what_takes_long_another_client_has_one_more() -> None:
    clock = Clock()
    with requests_of(2, clock) as sent:
        for client in ("slow", "slow", "slow", "other", "third"):
            sent.send(client)
        assert sent.begun == ["slow", "slow"]
        clock.now += 5
        until = time.monotonic() + PATIENCE
        while len(sent.begun) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        assert sent.begun == ["slow", "slow", "other"]
        sent.end("other")
        assert sent.begun == ["slow", "slow", "other", "third"]
