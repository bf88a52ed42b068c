r"""Separators and escapes in search values: `\,` `\|` `\$` `\\` (https://hl7.org/fhir/R4/search.html#escaping)."""

from __future__ import annotations

from typing import Final

_ESCAPABLE: Final = "\\,|$"


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Split at each separator that is not escaped; escapes stay in the parts.

    Args:
        text: as it stands in the query.
        separator: one character.
        limit: most splits to make; -1: all.
    """
    if "\\" not in text:
        return text.split(separator, limit)
    parts: list[str] = []
    begin = position = 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == separator and limit != len(parts):
            parts.append(text[begin:position])
            begin = position + 1
        position += 1
    parts.append(text[begin:])
    return parts


def unescape(text: str) -> str:
    """Return the text with its escapes resolved; a backslash before any other character stands for itself."""
    if "\\" not in text:
        return text
    letters: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "\\" and position + 1 < len(text) and text[position + 1] in _ESCAPABLE:
            position += 1
        letters.append(text[position])
        position += 1
    return "".join(letters)
