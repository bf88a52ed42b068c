"""A request's body, received within the size limit, never trusted about its length, before work on it begins.

gzip (`Content-Encoding`) is unpacked within the same limit. https://www.rfc-editor.org/rfc/rfc9110#section-8.4
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, cast

from fhirserver.errors import BadRequest, LengthRequired, TooLarge, UnsupportedMediaType
from fhirserver.issues import Text

_CHUNK: Final = 1 << 16
_IN_MEMORY: Final = 4 << 20
"""Bytes beyond which a body waits in a nameless file."""
_TAKEN: Final = "fhirserver.body"
_CODINGS: Final = ("gzip", "x-gzip")


def take(environ: dict[str, Any], limit: int) -> None:
    """Receive the whole body, unless that was done: `read` and `stream` give it from then on.

    Raises:
        TooLarge: more than `limit` bytes, announced, sent or unpacked.
        BadRequest: shorter than its Content-Length, or no gzip though it says so.
        UnsupportedMediaType: packed by another coding than gzip.
    """
    if _TAKEN in environ:
        return
    length = _announced(environ, limit)
    coding = environ.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if length == 0:
        environ[_TAKEN] = io.BytesIO()
        return
    if coding not in ("", "identity", *_CODINGS):
        raise UnsupportedMediaType(
            Text(
                f"Content-Encoding « {coding[:40]} » non lu ici ; envoyez gzip, ou rien.",
                f'Content-Encoding "{coding[:40]}" is not read here; send gzip, or none.',
            ),
            rule="content-encoding",
            headers={"Accept-Encoding": "gzip, identity"},
        )
    pieces = _pieces(environ["wsgi.input"], length, limit)
    if coding in _CODINGS:
        pieces = _unpacked(pieces, limit)
    small = length is not None and length <= _CHUNK
    kept = io.BytesIO() if small else cast("BinaryIO", SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed with the request
    for piece in pieces:
        kept.write(piece)
    environ[_TAKEN] = kept


def read(environ: dict[str, Any], limit: int) -> bytes:
    """Return the whole body; raises as `take`."""
    kept = _kept(environ, limit)
    return kept.read()


def stream(environ: dict[str, Any], limit: int) -> BinaryIO:
    """Return the body, as content that does not tell itself where it ends, to be read in pieces.

    Raises:
        LengthRequired: it came in chunks, of which a client that goes away leaves only some: nothing would tell.
    """
    if environ.get("HTTP_TRANSFER_ENCODING") and environ.get("HTTP_CONTENT_ENCODING", "").lower() not in _CODINGS:
        raise LengthRequired(
            Text(
                "Un contenu envoyé par morceaux (Transfer-Encoding: chunked) pourrait être coupé sans que rien ne le "
                "montre : envoyez-le avec Content-Length, ou comprimé par gzip.",
                "Content sent in chunks (Transfer-Encoding: chunked) could be cut without anything telling: "
                "send it with Content-Length, or packed by gzip.",
            ),
            rule="content-length",
        )
    return _kept(environ, limit)


def _kept(environ: dict[str, Any], limit: int) -> BinaryIO:
    take(environ, limit)
    kept: BinaryIO = environ[_TAKEN]
    kept.seek(0)
    return kept


def _pieces(source: Any, length: int | None, limit: int) -> Iterator[bytes]:
    size = 0
    while piece := source.read(_CHUNK if length is None else min(_CHUNK, length - size)):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        yield piece
        if size == length:
            return
    if length is not None:
        raise _cut(length, size)


def _unpacked(pieces: Iterator[bytes], limit: int) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    size = 0
    try:
        for packed in pieces:
            rest = packed
            while rest and not unpacking.eof:
                piece = unpacking.decompress(rest, _CHUNK)
                rest = unpacking.unconsumed_tail
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                yield piece
            if rest or unpacking.unused_data:
                break  # something follows
        else:
            if unpacking.eof:
                return
    except zlib.error:
        pass
    raise _no_gzip()


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


def _no_gzip() -> BadRequest:
    return BadRequest(
        Text(
            "Le corps n'est pas du gzip entier, comme son Content-Encoding l'annonce.",
            "The body is not whole gzip, as its Content-Encoding says.",
        ),
        rule="content-encoding",
    )
