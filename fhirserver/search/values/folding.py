"""Folding of text for string search: case, accents, ligatures and runs of white space make no difference.

https://hl7.org/fhir/R4/search.html#string asks for matches that are insensitive to case and to combining characters.
Folding happens when a value is indexed and when a query is read, so that MongoDB compares plain binary strings.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

_WITHOUT_DECOMPOSITION: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "đ": "d", "ł": "l", "ı": "i"}
    | dict.fromkeys("’‘ʼ", "'")
    | dict.fromkeys("‐‑–", "-")
)  # fmt: skip


_SHORT: Final = 100
"""Longer texts are not remembered: they hardly come again, and would fill the memory."""


def fold(text: str) -> str:
    """Return the text in the form in which string values are compared."""
    return _remembered(text) if len(text) <= _SHORT else _fold(text)


def _fold(text: str) -> str:
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
        text = text.translate(_WITHOUT_DECOMPOSITION)
    return " ".join(text.lower().split())


_remembered: Final = lru_cache(maxsize=65_536)(_fold)
