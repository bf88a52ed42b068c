"""The printed code of a prescription: a QR code that holds the number alone."""

from __future__ import annotations

import io
from typing import Final

import segno

_SCALE: Final = 8
"""Pixels (PNG) or points (SVG) of one module."""
_QUIET_ZONE: Final = 4
"""Modules of white around the code, as ISO/IEC 18004 asks."""


def png(number: str) -> bytes:
    """Draw the code as a PNG image."""
    return _drawn(number, "png")


def svg(number: str) -> bytes:
    """Draw the code as an SVG image."""
    return _drawn(number, "svg")


def modules(number: str) -> list[bytes]:
    """Return the code's rows, without the quiet zone; a byte of 1 is a dark module.

    18 alphanumeric characters fit version 1 (21 × 21 modules) with error correction M: a quarter of an inch suffices.
    """
    return [bytes(row) for row in _code(number).matrix]


def _code(number: str) -> segno.QRCode:
    return segno.make_qr(number, version=1, error="m", boost_error=False)


def _drawn(number: str, kind: str) -> bytes:
    output = io.BytesIO()
    _code(number).save(output, kind=kind, scale=_SCALE, border=_QUIET_ZONE)
    return output.getvalue()
