"""Turns at working: whoever sends much waits behind his own requests, not others behind him."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest

from fhirserver.errors import Unavailable
from fhirserver.wire.turns import Turns, Working

PATIENCE = 60.0


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Requests:
    """Requests of clients, named by their client in the order in which they begin."""

    def __init__(self, most: int) -> None:
        self.clock = Clock()
        self.begun: list[str] = []
        self._turns = Turns(most, self.clock)
        self._numbers = count()
        self._clients: dict[int, str] = {}
        self._at_work: dict[str, list[int]] = {}

    def send(self, *clients: str) -> None:
        for client in clients:
            request = next(self._numbers)
            self._clients[request] = client
            if self._turns.ask(request, client):
                self._begin([request])

    def end(self, *clients: str) -> None:
        """End of each client the request that has worked longest."""
        for client in clients:
            self._begin(self._turns.end(self._at_work[client].pop(0)))

    def look_again(self) -> None:
        self._begin(self._turns.go_on())

    def _begin(self, requests: list[int]) -> None:
        for request in requests:
            client = self._clients[request]
            self.begun.append(client)
            self._at_work.setdefault(client, []).append(request)


def test_clients_get_turns_one_after_the_other() -> None:
    requests = Requests(1)
    requests.send("many", "many", "many", "one", "other")
    requests.end("many", "many", "one", "other")
    assert requests.begun == ["many", "many", "one", "other", "many"]


def test_a_client_whose_request_takes_long_leaves_the_last_turn_to_others() -> None:
    requests = Requests(2)
    requests.send("slow")
    requests.clock.now += 5
    requests.send("slow")
    assert requests.begun == ["slow"], "the second waits, though there is a turn"
    requests.send("other")
    assert requests.begun == ["slow", "other"]
    requests.end("slow")
    assert requests.begun == ["slow", "other"], "it is remembered"
    requests.end("other")
    assert requests.begun == ["slow", "other", "slow"]


def test_a_client_alone_has_all_turns_while_its_requests_are_quick() -> None:
    requests = Requests(3)
    requests.send(*["quick"] * 4)
    assert len(requests.begun) == 3
    requests.end("quick")
    assert len(requests.begun) == 4


def test_what_took_long_is_forgotten_after_a_while() -> None:
    requests = Requests(2)
    requests.send("slow")
    requests.clock.now += 5
    requests.end("slow")
    requests.clock.now += 61
    requests.send("slow", "slow")
    assert requests.begun == ["slow"] * 3


def test_where_all_turns_are_at_what_takes_long_another_client_has_one_more() -> None:
    requests = Requests(2)
    requests.send("slow", "slow", "slow", "other", "third")
    assert requests.begun == ["slow", "slow"]
    requests.clock.now += 5
    requests.look_again()
    assert requests.begun == ["slow", "slow", "other"]
    requests.end("other")
    assert requests.begun == ["slow", "slow", "other", "third"]


def test_threads_work_at_most_so_many_at_a_time_and_all_get_their_turn() -> None:
    working = Working(2)
    guard = threading.Lock()
    at_work: list[int] = []
    seen: list[int] = []

    def work(number: int) -> None:
        working.begin("127.0.0.1", f"client {number % 3}")
        with guard:
            at_work.append(number)
            seen.append(len(at_work))
        time.sleep(0.005)
        with guard:
            at_work.remove(number)
        working.end()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert len(seen) == 12
    assert max(seen) <= 2


def test_a_request_is_under_way_from_its_coming_to_its_end() -> None:
    working = Working(1)
    working.begin("192.0.2.1", "client")
    assert working.busy("192.0.2.1", -1)
    assert not working.busy("192.0.2.2", -1)
    working.end()
    assert not working.busy("192.0.2.1", -1)


def test_nobody_waits_for_a_turn_while_there_is_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of those before him waits for it in vain: one after the other, that takes minutes."""
    monkeypatch.setattr("fhirserver.wire.turns._IN_VAIN", 0.0)
    away = threading.Event()
    working = Working(1, away.is_set)
    done: list[str] = []

    def work(client: str) -> None:
        try:
            working.begin("127.0.0.1", client)
        except Unavailable:
            done.append(client)

    working.begin("127.0.0.1", "first")
    waiting = [threading.Thread(target=work, args=(f"client {number % 2}",)) for number in range(4)]
    for each in waiting:
        each.start()
    away.set()
    for each in waiting:
        each.join(PATIENCE)
    assert sorted(done) == ["client 0", "client 0", "client 1", "client 1"]
    working.end()
    away.clear()
    working.begin("127.0.0.1", "next")
    working.end()
