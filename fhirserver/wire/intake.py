"""Requests as they come in.

A client that sends slowly, or goes away without a word, holds one of the many threads that receive, and none of the
few that work (`turns.py`); one that pauses for too long is cut off (`stalls.py`). A body that nobody read is received
all the same, so that a client that is still sending can read its answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from fhirserver.errors import Failure, Unavailable
from fhirserver.issues import Text
from fhirserver.wire.stalls import Stalls
from fhirserver.wire.turns import Working

RECEIVING: Final = 128
"""Threads of a process: as many clients may be sending, or waiting for their turn, at a time."""
_MOST_SENDING: Final = 96
"""Bodies received at a time, so that threads are left for requests without one."""
_CHUNK: Final = 1 << 16
_UNREAD: Final = 64 << 20
"""Bytes beyond the size limit that are received of a body that is refused, before its connection is closed."""


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
