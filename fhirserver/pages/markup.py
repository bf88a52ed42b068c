"""A resource as highlighted HTML: JSON as it is stored, each value escaped, what leads on to something made a link."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from fhirserver import jsontext

SHOWN: Final = 4_000
"""Characters of one string that are shown; documents in base64 are longer."""
_LINKING: Final = frozenset({"reference", "fullUrl", "url", "location", "content-location"})
_RELATIVE: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?(#.*)?")
_INDENT: Final = "  "


class Highlighter:
    """Writes resources as HTML for one base url.

    Args:
        base: the FHIR base url as the client sees it.
        types: the resource types offered: what begins with another word is no link.
    """

    def __init__(self, base: str, types: Collection[str]) -> None:
        self._base = base
        self._root = urlsplit(base).path
        self._types = types

    def write(self, resource: Any) -> Markup:
        """Return the lines of a resource, to stand in a `pre`."""
        return Markup("").join(self._value(resource, "", ""))

    def link(self, key: str, value: str) -> str | None:
        """Return the address on this server that the value of an element leads to; None when it leads nowhere here."""
        if key not in _LINKING:
            return None
        if value.startswith((f"{self._base}/", f"{self._base}?")):
            return self._root + value[len(self._base) :]
        found = _RELATIVE.fullmatch(value)
        if found and found[1] in self._types:
            return f"{self._root}/{value}"
        return None

    def _value(self, value: Any, key: str, margin: str) -> Iterator[Markup]:
        if isinstance(value, dict) and value:
            yield from self._object(value, margin)
        elif isinstance(value, list) and value:
            yield from self._array(value, key, margin)
        elif isinstance(value, str):
            yield self._string(value, key)
        elif isinstance(value, bool) or value is None:
            yield Markup('<span class="word">{}</span>').format(jsontext.write(value).decode())
        else:
            yield Markup('<span class="number">{}</span>').format(jsontext.write(value).decode())

    def _object(self, value: dict[str, Any], margin: str) -> Iterator[Markup]:
        inner = margin + _INDENT
        separator = "{\n"
        for name, item in value.items():
            yield Markup('{}{}<span class="key">"{}"</span>: ').format(separator, inner, name)
            yield from self._value(item, name, inner)
            separator = ",\n"
        yield escape(f"\n{margin}}}")

    def _array(self, value: list[Any], key: str, margin: str) -> Iterator[Markup]:
        inner = margin + _INDENT
        separator = "[\n"
        for item in value:
            yield escape(separator + inner)
            yield from self._value(item, key, inner)
            separator = ",\n"
        yield escape(f"\n{margin}]")

    def _string(self, value: str, key: str) -> Markup:
        shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}… ({len(value)})"
        written = jsontext.write(shown).decode()
        address = self.link(key, value)
        if address is None:
            return Markup('<span class="text">{}</span>').format(written)
        return Markup('<a href="{}">{}</a>').format(address, written)
