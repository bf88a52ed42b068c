"""Base64 text (RFC 4648; FHIR's base64Binary allows white space) decoded piece by piece, in kilobytes of memory."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

_WHITE: Final = re.compile(r"\s+")
_PIECE: Final = 1 << 16
"""Characters of one piece: whole quartets."""


def pieces(text: str) -> Iterator[bytes]:
    """Give the bytes that a base64 text stands for, in order.

    Raises:
        ValueError: no base64: another character, or a length or padding that cannot be.
    """
    whole = _WHITE.sub("", text) if _WHITE.search(text) else text
    if len(whole) % 4:
        raise ValueError("length")
    for start in range(0, len(whole), _PIECE):
        piece = whole[start : start + _PIECE]
        if "=" in piece[:-2] or ("=" in piece and start + _PIECE < len(whole)):
            raise ValueError("padding")
        try:
            yield binascii.a2b_base64(piece, strict_mode=True)
        except (binascii.Error, ValueError):
            raise ValueError("alphabet") from None
