"""Page cursors: where a page ended, in a text that only this server's key can make or read.

A cursor carries the whole query, so that a `next` link shows nothing of it (an INS, a prescription number sent by POST
stay out of urls and logs), and the sort values of the last entry. Encrypted and authenticated (AES-GCM, nonce first);
any process with the key reads it, before and after a restart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhirserver.errors import BadRequest
from fhirserver.issues import Text

_NONCE: Final = 12
_MAX_LENGTH: Final = 200_000
_MAX_CONTENT: Final = 1_000_000
_SHORT: Final = 500
"""Bytes up to which compressing takes time and saves nothing."""
_COMPRESSED: Final = b"\x78"
"""First byte of what zlib makes; no MessagePack array begins so."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next page begins.

    Attributes:
        path: what was searched: `Patient`, `Patient/1/Observation`, empty for the whole system.
        pairs: the parameters that took part, as given.
        after: sort values of the last entry, and its key.
    """

    path: str
    pairs: tuple[tuple[str, str], ...]
    after: tuple[Any, ...]


class Cursors:
    """Makes and reads cursors.

    Args:
        secret: the same in every process and after every restart.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(hashlib.sha256(b"fhirserver search cursor 1\0" + secret).digest())

    def seal(self, path: str, pairs: Sequence[tuple[str, str]], after: Sequence[Any]) -> str:
        """Return the cursor of a position."""
        nonce = secrets.token_bytes(_NONCE)
        content = msgspec.msgpack.encode([path, list(pairs), list(after)])
        if len(content) > _SHORT:
            content = zlib.compress(content)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, None)).decode().rstrip("=")

    def open(self, cursor: str) -> Position:
        """Read a cursor.

        Raises:
            BadRequest: this server did not make it.
        """
        try:
            if len(cursor) > _MAX_LENGTH or not cursor.isascii():
                raise _forged()
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
            if content[:1] == _COMPRESSED:
                content = zlib.decompressobj().decompress(content, _MAX_CONTENT)
            path, pairs, after = msgspec.msgpack.decode(content)
        except (binascii.Error, ValueError, InvalidTag, zlib.error, msgspec.DecodeError):
            raise _forged() from None
        return Position(path, tuple((name, value) for name, value in pairs), tuple(after))


def _forged() -> BadRequest:
    return BadRequest(
        Text(
            "Paramètre « _cursor » : ce curseur n'a pas été émis par ce serveur ; suivez le lien `next` tel quel, ou "
            "reprenez la recherche au début.",
            'Parameter "_cursor": this server did not issue this cursor; follow the `next` link as it is, or start the '
            "search anew.",
        ),
        expression="http._cursor",
        rule="search-cursor",
    )
