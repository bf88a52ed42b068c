"""Base64 text (RFC 4648; FHIR's base64Binary allows white space) decoded piece by piece, in kilobytes of memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pybase64

_WHITE: Final = re.compile(r"\s+")
_PIECE: Final = 1 << 16
"""Characters of one piece: whole quartets."""


def pieces(text: str) -> Iterator[bytes]:
    """Give the bytes that a base64 text stands for, in order.

    Raises:
        ValueError: no base64: another character, or a length or padding that cannot be.
    """
    for start in range(0, len(text), _PIECE):
        try:
            decoded = _quartets(text, start)
        except ValueError:
            # white space, if it is base64 at all: to look for it beforehand takes longer than to decode
            dense = _WHITE.sub("", text[start:])
            for position in range(0, len(dense), _PIECE):
                yield _quartets(dense, position)
            return
        yield decoded


def is_base64(text: str) -> bool:
    """Tell whether a text is base64, and not of nothing."""
    try:
        return sum(map(len, pieces(text))) > 0
    except ValueError:
        return False


def _quartets(text: str, start: int) -> bytes:
    piece = text[start : start + _PIECE]
    if piece.endswith("=") and start + _PIECE < len(text):
        raise ValueError("padding")
    decoded: bytes = pybase64.b64decode(piece, validate=True)
    return decoded
