"""Clients that stop in the middle of a body: their connections are ended, so that no thread waits for ever.

The HTTP server hands over neither a time limit nor the connection, so it is looked for among those of the process: by
the client's address, and by how long nothing has come or gone (`TCP_INFO`, Linux; elsewhere nothing is cut).
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

_SLOWEST: Final = 4096
"""Bytes a second below which a client, beyond its patience, counts as stopped."""
_LAST: Final = struct.Struct("44x I 4x I")
"""`tcpi_last_data_sent` and `tcpi_last_data_recv` of `struct tcp_info`, milliseconds ago."""
_log: Final = logging.getLogger("fhirserver")


class Sender(Protocol):
    """A client in the middle of its body (`intake.Incoming`)."""

    address: str
    port: int
    began: float
    since: float
    received: int


class Stalls:
    """The clients of one process that a body is awaited from."""

    def __init__(self, patience: float, busy: Callable[[str, float], bool]) -> None:
        """Begin without any.

        Args:
            patience: seconds that a client may pause; 0: for ever.
            busy: tells whether a request from an address has been worked on for so many seconds: its connection is
                as quiet as a stalled one, and must not be taken for it.
        """
        self._patience = patience
        self._busy = busy
        self._awaited: set[Sender] = set()
        self._watching = False
        self._guard = threading.Lock()

    def admit(self, sender: Sender, most: int) -> bool:
        """Await a piece of a body; False if as many are awaited already."""
        if len(self._awaited) >= most:
            return False
        self._awaited.add(sender)
        if not self._watching and self._patience:
            self._watch()
        return True

    def release(self, sender: Sender) -> None:
        """Note that the piece has come, or that the body has ended."""
        self._awaited.discard(sender)

    def _watch(self) -> None:
        with self._guard:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._look, name="stalls", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(min(1.0, self._patience / 2))
            for address, port in {(late.address, late.port) for late in self._late()}:
                if not self._busy(address, self._patience):
                    _cut(address, port, self._patience)

    def _late(self) -> Iterator[Sender]:
        now = time.monotonic()
        for sender in tuple(self._awaited):
            allowed = self._patience + sender.received / _SLOWEST
            if now - sender.since > self._patience or now - sender.began > allowed:
                yield sender


def _cut(address: str, port: int, quiet: float) -> None:
    """End the connections from an address on which nothing has come or gone for so many seconds."""
    for connection in _connections():
        with connection, suppress(OSError):
            if connection.getsockname()[1] != port or connection.getpeername()[0] != address:
                continue
            sent, received = _LAST.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))
            if min(sent, received) >= quiet * 1000:
                connection.shutdown(socket.SHUT_RDWR)
                _log.warning("a client at %s stopped in the middle of its body: connection ended", address)


def _connections() -> Iterator[socket.socket]:
    """Give a second handle on each TCP connection of this process."""
    with suppress(FileNotFoundError):
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if str(link.readlink()).startswith("socket:"):
                    handle = socket.socket(fileno=os.dup(int(link.name)))
                    if handle.family in (socket.AF_INET, socket.AF_INET6) and handle.type == socket.SOCK_STREAM:
                        yield handle
                    else:
                        handle.close()
