"""References inside a resource: found, and rewritten where a transaction says so.

https://hl7.org/fhir/R4/http.html#trules: what equals an entry's fullUrl becomes the place that the entry gets, in
references, uris, attachment urls and the links of narratives; only whole values are compared, a `#fragment` and a
`/_history/n` suffix being kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import is_
from typing import Any, Final

Rewrite = Callable[[str], str | None]

_ADDRESSES: Final = frozenset(
    """
    reference div url uri valueUri valueUrl system fullUrl implicitRules address endpoint source sourceUri target
    targetUri link policy authority authorizationUrl contentReference defaultValueUri defaultValueUrl definitionUri
    derivedFromUri eventUri fixedUri fixedUrl instantiatesUri issuer jurisdiction moduleUri nameUrl onlineInformation
    patternUri patternUrl protocol relativePath rendering
    """.split()  # noqa: SIM905 - shorter
)
"""Names of the elements of type uri or url, references and narratives.

All others hold text, which may well be equal to a fullUrl (an identifier's value), or canonicals, which the
specification leaves alone; so is what can be nothing but a UUID or OID, which no address is.
"""
_NESTED: Final = frozenset({dict, list})
_LINK: Final = re.compile(
    r"""(<(?:a|img)\b[^>]*?\s(?:href|src)\s*=\s*)("([^"]*)"|'([^']*)')""", re.IGNORECASE | re.DOTALL
)
_WRITTEN: Final = re.compile(rb'"reference":"([^"\\]*)"')
_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?(?:#.*)?")


def literals(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (FHIRPath, text) of each `reference` of a resource, contained ones included."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "reference" and isinstance(item, str):
                yield f"{path}.reference", item
            elif isinstance(item, dict | list):
                yield from literals(item, f"{path}.{name}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from literals(item, f"{path}[{position}]")


def written(body: bytes) -> Iterator[str]:
    """Yield the text of each `reference` of a resource as the store keeps it, without reading all of it."""
    # a quotation mark within a string has a backslash before it: what matches is a member
    for found in _WRITTEN.findall(body):
        yield found.decode()


def local(reference: str, base: str) -> tuple[str, str] | None:
    """Return the type and id that a literal reference names on this server; None for any other reference."""
    text = reference.removeprefix(base + "/")
    match = _LITERAL.fullmatch(text)
    return (match[1], match[2]) if match else None


def rewrite(value: Any, change: Rewrite) -> Any:
    """Return a value with every whole string that `change` knows replaced, and narrative links as well.

    Args:
        value: a resource or a part of it; it is not changed, parts without a change are shared.
        change: gives the new text of an url, or None to leave it.
    """
    kind = type(value)
    if kind is dict:
        changed: dict[str, Any] | None = None
        for name, item in value.items():
            if type(item) is str:
                if name not in _ADDRESSES or (":" not in item[:10] and name != "div"):
                    continue
                new: Any = _narrative(item, change) if name == "div" else _url(item, change)
            elif type(item) is dict or (type(item) is list and (name in _ADDRESSES or _is_deep(item))):
                new = rewrite(item, change)
            else:
                continue
            if new is not item:
                changed = dict(value) if changed is None else changed
                changed[name] = new
        return value if changed is None else changed
    if kind is list:
        items = [rewrite(item, change) for item in value]
        return value if all(map(is_, items, value)) else items
    if kind is str and ":" in value[:10]:
        return _url(value, change)
    return value


def _is_deep(values: list[Any]) -> bool:
    """Tell whether a list holds elements, no texts."""
    return bool(values) and type(values[0]) is not str


def _url(value: str, change: Rewrite) -> str:
    new = change(value)
    if new is not None:
        return new
    stem, mark, fragment = value.partition("#")
    if mark and (new := change(stem)) is not None:
        return f"{new}#{fragment}"
    stem, mark, version = value.partition("/_history/")
    if mark and (new := change(stem)) is not None:
        return f"{new}/_history/{version}"
    return value


def _narrative(xhtml: str, change: Rewrite) -> str:
    def replace(match: re.Match[str]) -> str:
        quote = match[2][0]
        return f"{match[1]}{quote}{_url(match[2][1:-1], change)}{quote}"

    new = _LINK.sub(replace, xhtml)
    return xhtml if new == xhtml else new
