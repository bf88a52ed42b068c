"""Who writes next, among the threads of one process that want to write the same.

Transactions that meet in MongoDB cost each other an attempt. So the first that loses asks for turns: from then on, the
threads of this process that plan to write the same key come one after the other, until nobody waits any more.
Transactions that nobody meets never queue here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager


class _Turn:
    """The right to write one key, and how many hold it or wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0


class Turns:
    """The keys of one process that are contended at the moment."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    def contended(self, name: str) -> bool:
        """Whether somebody of this process writes that key in turns."""
        return name in self._turns

    @contextmanager
    def hold(self, names: Iterable[str], deadline: float) -> Iterator[bool]:
        """Wait for the turn of each key; False if it did not come before the deadline (monotonic)."""
        with ExitStack() as held:
            # always in the same order, so that no two threads wait for each other
            for name in sorted(names):
                held.enter_context(self._wanting(name))
                lock = self._turns[name].lock
                if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    yield False
                    return
                held.callback(lock.release)
            yield True

    @contextmanager
    def _wanting(self, name: str) -> Iterator[None]:
        with self._guard:
            turn = self._turns.setdefault(name, _Turn())
            turn.wanted += 1
        try:
            yield
        finally:
            with self._guard:
                turn.wanted -= 1
                if not turn.wanted:
                    del self._turns[name]
