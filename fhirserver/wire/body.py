"""A request's body, read within the size limit and never trusted about its length."""

from __future__ import annotations

import io
from typing import Any, BinaryIO, Final

from fhirserver.errors import BadRequest, TooLarge
from fhirserver.issues import Text

_CHUNK: Final = 1 << 16
_LARGE: Final = 1 << 20


def read(environ: dict[str, Any], limit: int) -> bytes:
    """Return the whole body.

    Raises:
        TooLarge: more than `limit` bytes, announced or sent.
        BadRequest: shorter than its Content-Length.
    """
    length = _announced(environ, limit)
    stream = environ["wsgi.input"]
    if length is not None:
        # filled in place, then copied once: never more than twice a body of many megabytes
        data, there = bytearray(length), 0
        while there < length and (piece := stream.read(min(length - there, _LARGE))):
            data[there : there + len(piece)] = piece
            there += len(piece)
        if there < length:
            raise _cut(length, there)
        return bytes(data)
    parts = []
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def stream(environ: dict[str, Any], limit: int) -> BinaryIO:
    """Return the body as a stream that raises TooLarge or BadRequest while it is read."""
    return io.BufferedReader(_Limited(environ, limit), _CHUNK)


class _Limited(io.RawIOBase):
    def __init__(self, environ: dict[str, Any], limit: int) -> None:
        self._length = _announced(environ, limit)
        self._stream = environ["wsgi.input"]
        self._limit = limit
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer) if self._length is None else min(len(buffer), self._length - self._size)
        data = self._stream.read(wanted) if wanted else b""
        self._size += len(data)
        if self._size > self._limit:
            raise _too_large(self._limit)
        if not data and self._length is not None and self._size < self._length:
            raise _cut(self._length, self._size)
        buffer[: len(data)] = data
        return len(data)


def _announced(environ: dict[str, Any], limit: int) -> int | None:
    text = environ.get("CONTENT_LENGTH")
    if not text:
        # neither a length nor chunks: there is no body
        return None if environ.get("HTTP_TRANSFER_ENCODING") else 0
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(Text("Content-Length illisible.", "Unreadable Content-Length."), rule="content-length")
    if int(text) > limit:
        raise _too_large(limit)
    return int(text)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        Text(
            f"Le corps dépasse la limite de {limit} octets (réglage FHIRSERVER_MAX_BODY).",
            f"The body exceeds the limit of {limit} bytes (setting FHIRSERVER_MAX_BODY).",
        ),
        rule="max-body",
        headers={"Connection": "close"},
    )


def _cut(announced: int, sent: int) -> BadRequest:
    return BadRequest(
        Text(
            f"Le corps annonçait {announced} octets et en compte {sent}.",
            f"The body announced {announced} bytes and has {sent}.",
        ),
        rule="content-length",
    )
