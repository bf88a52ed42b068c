"""HTTP byte by byte, for what no client library would send."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

from tests.http.conftest import FHIR, Server

JSON: str = f"Content-Type: {FHIR}"
PATIENT = b'{"resourceType":"Patient"}'


def connect(server: Server) -> socket.socket:
    address = urlsplit(server.root)
    return socket.create_connection((str(address.hostname), address.port or 80), timeout=30)


def request(
    server: Server, method: str, path: str, *headers: str | bytes, body: bytes = b"", token: bool = True
) -> bytes:
    """Return a request as bytes, with Host and a token; nothing is said about the body unless a header does."""
    lines: list[bytes] = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost"]
    if token:
        lines.append(b"Authorization: Bearer " + server.token("operator").encode())
    lines += [header if isinstance(header, bytes) else header.encode() for header in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def sized(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def chunked(*pieces: bytes, whole: bool = True) -> bytes:
    """Return a body in chunks; without its end where it is not whole."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if whole else b"")


def exchange(server: Server, sent: bytes | Iterable[bytes], *, ends: bool = False, answers: int = 1) -> bytes:
    """Send all of it, and only then read so many answers, or until the server ends the connection.

    Args:
        server: to which.
        sent: bytes, or pieces with a pause between them.
        ends: whether the client says that no more will come.
        answers: how many are waited for.

    Raises:
        OSError: the connection broke before all was sent or an answer read.
    """
    with connect(server) as connection:
        for piece in [sent] if isinstance(sent, bytes) else sent:
            connection.sendall(piece)
            time.sleep(0 if isinstance(sent, bytes) else 0.05)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while _complete(received) < answers and (piece := connection.recv(1 << 16)):
            received += piece
        return received


def statuses(received: bytes) -> list[int]:
    """Return the statuses of the answers, provisional ones included."""
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]


def _complete(received: bytes) -> int:
    """Count the answers that are there as a whole."""
    count = 0
    while received.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        if len(rest) < length:
            break
        received = rest[length:]
        count += not head.startswith(b"HTTP/1.1 100")
    return count
