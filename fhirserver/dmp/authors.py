"""Who wrote a document, by national identifiers, and whether a caller is one of them.

A document is its author's and his structure's (PDSm4DMP: author only for deletion; the project decides the same for
replacement): the RPPS number of an author, or the identifier of the organisation that an author acted for, or that
keeps the document, or on whose behalf it was sent in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhirserver.dmp.names import NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE, RPPS

_SYSTEMS: Final = frozenset({NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE, RPPS})
_RPPS_DIGITS: Final = 11


def national_ids(document: Mapping[str, Any], resolved: Mapping[str, Mapping[str, Any]] | None = None) -> set[str]:
    """Return the national identifiers of a document's authors, their organisations and its custodian.

    Args:
        document: a DocumentReference.
        resolved: the resources that its references outside of itself lead to, by reference.
    """
    found: set[str] = set()
    seen: set[str] = set()
    for item in [*_items(document.get("author")), document.get("custodian")]:
        _collect(document, item, resolved or {}, found, seen)
    return found


def outside(document: Mapping[str, Any]) -> list[str]:
    """Return the references of authors and custodian that lead out of the document."""
    texts = (
        item.get("reference")
        for item in [*_items(document.get("author")), document.get("custodian")]
        if isinstance(item, dict)
    )
    return [text for text in texts if isinstance(text, str) and not text.startswith("#")]


def wrote(
    document: Mapping[str, Any],
    sender: Mapping[str, Any],
    caller: tuple[str | None, str | None],
    resolved: Mapping[str, Mapping[str, Any]] | None = None,
) -> bool:
    """Tell whether a caller is an author of a document, or acts for an author's structure.

    Args:
        document: a DocumentReference.
        sender: who fed it: `rpps` and `structure` of the audit of its first version.
        caller: RPPS number and structure identifier.
        resolved: see `national_ids`.
    """
    rpps, structure = caller
    known = national_ids(document, resolved)
    known |= {str(sender[key]) for key in ("rpps", "structure") if sender.get(key)}
    own = {structure} if structure else set()
    if rpps:
        own |= {rpps, f"8{rpps}"}
    return bool(own & known)


def _collect(
    document: Mapping[str, Any],
    item: Any,
    resolved: Mapping[str, Mapping[str, Any]],
    found: set[str],
    seen: set[str],
) -> None:
    if not isinstance(item, dict):
        return
    found.update(_values([item.get("identifier")]))
    text = item.get("reference")
    if not isinstance(text, str) or text in seen:
        return
    seen.add(text)
    resource = _contained(document, text) if text.startswith("#") else resolved.get(text)
    if resource is None:
        return
    found.update(_values(_items(resource.get("identifier"))))
    for element in ("practitioner", "organization"):
        _collect(document, resource.get(element), resolved, found, seen)


def _contained(document: Mapping[str, Any], text: str) -> Mapping[str, Any] | None:
    for item in _items(document.get("contained")):
        if isinstance(item, dict) and item.get("id") == text[1:]:
            return item
    return None


def _values(identifiers: list[Any]) -> Iterator[str]:
    for identifier in identifiers:
        if isinstance(identifier, dict) and identifier.get("system") in _SYSTEMS:
            value = identifier.get("value")
            if isinstance(value, str):
                yield value
                if identifier.get("system") == NATIONAL_PROFESSIONAL and len(value) == _RPPS_DIGITS + 1:
                    yield value[1:]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
