"""Requests as they come in, and how many are worked on at a time.

A client that sends slowly, or goes away without a word, holds one of the many threads that receive, and none of the
few that work (`Working`); one that pauses for too long is cut off (`stalls.py`). A body that nobody read is received
all the same, so that a client that is still sending can read its answer.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fhirserver.errors import Failure, Unavailable
from fhirserver.issues import Text
from fhirserver.wire.stalls import Stalls

RECEIVING: Final = 128
"""Threads of a process: as many clients may be sending, or waiting for their turn, at a time."""
_MOST_SENDING: Final = 96
"""Bodies received at a time, so that threads are left for requests without one."""
_CHUNK: Final = 1 << 16
_SLOW: Final = 1.0
"""Seconds of work from which on a request takes long."""
_PAUSE: Final = 0.5
"""Seconds after which one who waits looks again how long the others take."""
_REMEMBERED: Final = 60.0
"""Seconds for which a client is remembered for that."""
_UNREAD: Final = 64 << 20
"""Bytes beyond the size limit that are received of a body that is refused, before its connection is closed."""


class Working:
    """Turns at working: at most `most` at a time, clients one after the other, each in the order of its requests.

    A client of whom some request takes long, or took long a moment ago, leaves the last turn to others; where all turns
    are at what takes long, one more is given to others. Nobody waits until one client's slow requests are done.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many turns; `clock` gives seconds."""
        self._most = self._free = most
        self._clock = clock
        self._guard = threading.Lock()
        self._under_way: dict[int, tuple[str, float]] = {}
        self._at_work: dict[int, tuple[str, float]] = {}
        self._waiting: dict[str, deque[tuple[int, threading.Lock]]] = {}
        self._slow: dict[str, float] = {}

    def begin(self, address: str, client: str) -> None:
        """Wait for a turn.

        Args:
            address: where the request comes from.
            client: whose it is.
        """
        own = threading.get_ident()
        self._under_way[own] = address, self._clock()
        gate = None
        with self._guard:
            if client not in self._waiting and self._may(client):
                self._admit(own, client)
            else:
                gate = threading.Lock()
                gate.acquire()
                self._waiting.setdefault(client, deque()).append((own, gate))
        while gate is not None and not gate.acquire(timeout=_PAUSE):
            with self._guard:
                self._go_on()

    def end(self) -> None:
        """Give the turn to the next."""
        own = threading.get_ident()
        del self._under_way[own]
        with self._guard:
            client, began = self._at_work.pop(own)
            if self._clock() - began > _SLOW:
                self._slow[client] = self._clock()
            self._free += 1
            self._go_on()

    def busy(self, address: str, seconds: float) -> bool:
        """Tell whether a request from an address is under way for so long."""
        since = self._clock() - seconds
        return any(where == address and began < since for where, began in list(self._under_way.values()))

    def _go_on(self) -> None:
        """Let those begin who may; a client's further requests wait until all other clients had a turn."""
        while (client := next((each for each in self._waiting if self._may(each)), None)) is not None:
            waiting = self._waiting.pop(client)
            own, gate = waiting.popleft()
            self._admit(own, client)
            gate.release()
            if waiting:
                self._waiting[client] = waiting

    def _admit(self, own: int, client: str) -> None:
        self._free -= 1
        self._at_work[own] = client, self._clock()

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


class Intake:
    """WSGI middleware: receives the bodies of requests."""

    def __init__(self, app: WSGIApplication, working: Working, patience: float, limit: int) -> None:
        """Wrap an application.

        Args:
            app: what answers.
            working: the turns at working.
            patience: seconds that a client may pause while it sends.
            limit: size limit of bodies, in bytes.
        """
        self._app = app
        self._stalls = Stalls(patience, working.busy)
        self._most = limit + _UNREAD

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ.get("CONTENT_LENGTH", "0") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return self._app(environ, start_response)
        incoming = Incoming(environ, self._stalls)
        environ["wsgi.input"] = incoming
        try:
            return self._app(environ, start_response)
        finally:
            incoming.drain(self._most)


class Incoming:
    """A body as it comes in.

    Attributes:
        address, port: of the client; of this server.
        began: when the first byte was waited for.
        since: when the piece that is waited for was first waited for.
        received: bytes so far.
    """

    def __init__(self, environ: WSGIEnvironment, stalls: Stalls) -> None:
        self.address: str = environ.get("REMOTE_ADDR", "")
        self.port = int(environ["SERVER_PORT"])
        self.began = self.since = time.monotonic()
        self.received = 0
        self._stream: Any = environ["wsgi.input"]
        self._stalls = stalls
        self._ended = False
        self._waits_to_send = environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        length = environ.get("CONTENT_LENGTH", "")
        self._length = int(length) if length.isascii() and length.isdigit() else None

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer where the body ends; all of them for -1.

        Raises:
            Unavailable: too many clients are sending.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        if not self._stalls.admit(self, _MOST_SENDING):
            raise _crowded()
        self.since = time.monotonic()
        try:
            piece: bytes = self._stream.read(size)
        finally:
            self._stalls.release(self)
        self.received += len(piece)
        self._ended = self._ended or len(piece) < size or self.received == self._length
        return piece

    def drain(self, most: int) -> None:
        """Receive what nobody read, up to so many bytes; nothing of a client that waits for leave to send."""
        if self._waits_to_send and not self.received:
            return
        try:
            while not self._ended and self.received < most:
                self.read(_CHUNK)
        except Failure:
            return


def _crowded() -> Unavailable:
    return Unavailable(
        Text(
            "Trop de clients envoient en même temps ; réessayez dans quelques secondes.",
            "Too many clients are sending at a time; try again in a few seconds.",
        ),
        headers={"Retry-After": "5", "Connection": "close"},
    )
