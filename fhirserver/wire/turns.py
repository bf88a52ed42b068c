"""Turns at working: whoever sends much waits behind his own requests, not others behind him."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from fhirserver.store.connection import unavailable

_SLOW: Final = 1.0
"""Seconds of work from which on a request takes long."""
_PAUSE: Final = 0.5
"""Seconds after which one who waits looks again how long the others take."""
_IN_VAIN: Final = 10.0
"""Seconds that a request waits for its turn while there is no database."""
_REMEMBERED: Final = 60.0
"""Seconds for which a client is remembered for that."""


class Turns:
    """Who may work: at most `most` at a time, clients one after the other, each in the order of its requests.

    A client of whom some request takes long, or took long a moment ago, leaves the last turn to others; where all turns
    are at what takes long, one more is given to others. Nobody waits until one client's slow requests are done.

    Requests are told apart by numbers of the caller. Not safe for threads: `Working` is.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many turns; `clock` gives seconds."""
        self._most = self._free = most
        self._clock = clock
        self._at_work: dict[int, tuple[str, float]] = {}
        self._waiting: dict[str, deque[int]] = {}
        self._slow: dict[str, float] = {}

    def ask(self, request: int, client: str) -> bool:
        """Tell whether a client's request may begin; one that may not waits."""
        if client not in self._waiting and self._may(client):
            self._admit(request, client)
            return True
        self._waiting.setdefault(client, deque()).append(request)
        return False

    def end(self, request: int) -> list[int]:
        """Give the turn of a request on, and return those that begin."""
        client, began = self._at_work.pop(request)
        if self._clock() - began > _SLOW:
            self._slow[client] = self._clock()
        self._free += 1
        return self.go_on()

    def go_on(self) -> list[int]:
        """Return those that may begin by now; a client's further requests wait until all other clients had a turn."""
        begun = []
        while (client := next((each for each in self._waiting if self._may(each)), None)) is not None:
            waiting = self._waiting.pop(client)
            begun.append(waiting.popleft())
            self._admit(begun[-1], client)
            if waiting:
                self._waiting[client] = waiting
        return begun

    def leave(self, request: int, client: str) -> bool:
        """Forget a request that waits; False: it may begin by now."""
        waiting = self._waiting.get(client, ())
        if request not in waiting:
            return False
        self._waiting[client].remove(request)
        if not waiting:
            del self._waiting[client]
        return True

    def _admit(self, request: int, client: str) -> None:
        self._free -= 1
        self._at_work[request] = client, self._clock()

    def _may(self, client: str) -> bool:
        """Tell whether a client may have a turn now."""
        if self._free > 1 or (self._free == 1 and self._most == 1):
            return True
        if self._free < 0 or self._takes_long(client):
            return False
        since = self._clock() - _SLOW
        return self._free == 1 or all(began < since for _, began in self._at_work.values())

    def _takes_long(self, client: str) -> bool:
        now = self._clock()
        if client in self._slow and now - self._slow[client] > _REMEMBERED:
            del self._slow[client]
        began = (since for whose, since in self._at_work.values() if whose == client)
        return client in self._slow or any(now - since > _SLOW for since in began)


class Working:
    """The turns of the threads of a process: each works at one request at a time."""

    def __init__(self, most: int, away: Callable[[], bool] = lambda: False) -> None:
        """Allow so many at a time; `away` tells that there is no database to work with."""
        self._turns = Turns(most)
        self._away = away
        self._guard = threading.Lock()
        self._gates: dict[int, threading.Lock] = {}
        self._under_way: dict[int, tuple[str, float]] = {}

    def begin(self, address: str, client: str) -> None:
        """Wait for a turn.

        Args:
            address: where the request comes from.
            client: whose it is.

        Raises:
            Unavailable: there is no database, and it waited as long as those wait for it whose turn it is.
        """
        own = threading.get_ident()
        began = time.monotonic()
        self._under_way[own] = address, began
        with self._guard:
            if self._turns.ask(own, client):
                return
            gate = self._gates[own] = threading.Lock()
            gate.acquire()
        while not gate.acquire(timeout=_PAUSE):
            with self._guard:
                self._open(self._turns.go_on())
                in_vain = time.monotonic() - began > _IN_VAIN and self._away()
                if in_vain and self._turns.leave(own, client):
                    del self._gates[own], self._under_way[own]
                    raise unavailable()

    def end(self) -> None:
        """Give the turn to the next."""
        own = threading.get_ident()
        del self._under_way[own]
        with self._guard:
            self._open(self._turns.end(own))

    def busy(self, address: str, seconds: float) -> bool:
        """Tell whether a request from an address is under way for so long."""
        since = time.monotonic() - seconds
        return any(where == address and began < since for where, began in list(self._under_way.values()))

    def _open(self, begun: Iterable[int]) -> None:
        for request in begun:
            self._gates.pop(request).release()
