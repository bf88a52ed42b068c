"""String parameters: names, addresses, descriptions (https://hl7.org/fhir/R4/search.html#string).

The folded value is kept in the parameter's own field and what was written in `:exact`. A value matches when a whole
element (each part of a name or address is one) begins with it; words inside an element are found by `:contains`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types.values import Collector, Condition, ValueFault, Values, add
from fhirserver.search.values import keys
from fhirserver.search.values.folding import fold
from fhirserver.search.values.keys import Bounds

EXACT: Final = ":exact"
_KEY_LENGTH: Final = 60
MAX_LENGTH: Final = 20_000
"""Characters of an element that are searched."""

_OPERATORS: Final[dict[str, Callable[[str], Condition]]] = {
    "eq": lambda text: {"$eq": text},
    "gt": lambda text: {"$gt": text},
    "lt": lambda text: {"$lt": text},
    "ge": lambda text: {"$gte": text},
    "le": lambda text: {"$lte": text},
    "sw": lambda text: {"$regex": f"^{re.escape(text)}"},
    "co": lambda text: {"$regex": re.escape(text)},
    "ew": lambda text: {"$regex": f"{re.escape(text)}\\z"},
}
_PRIMITIVES: Final = frozenset({"string", "markdown", "code", "uri", "url", "canonical", "id"})
_PARTS: Final = {
    "HumanName": ("text", "family", "given", "prefix", "suffix"),
    "Address": ("text", "line", "city", "district", "state", "postalCode", "country"),
    "CodeableConcept": ("text",),
    "Annotation": ("text",),
}


def collector(fhir_type: str, field: str) -> Collector | None:
    """Return what extracts strings from elements of a FHIR type; None if it has none."""
    if fhir_type in _PRIMITIVES:
        return lambda element, values: _add(element, field, values)
    parts = _PARTS.get(fhir_type)
    if parts is None:
        return None

    def composed(element: Any, values: Values) -> None:
        for part in parts:
            text = element.get(part)
            if type(text) is list:
                for item in text:
                    if item is not None:
                        _add(item, field, values)
            elif text is not None:
                _add(text, field, values)

    return composed


def _add(text: str, field: str, values: Values) -> None:
    text = text[:MAX_LENGTH]
    add(values, field, fold(text))
    add(values, field + EXACT, text)


def index_keys(field: str, found: list[str]) -> list[str]:
    """Return the keys of folded strings."""
    return [f"{field}={value[:_KEY_LENGTH]}" for value in found]


def read(text: str) -> str:
    """Read a string to be compared folded.

    Raises:
        ValueFault: nothing is left of it but white space and combining marks.
    """
    folded = fold(text)
    if not folded:
        raise ValueFault(Text("texte vide", "empty text"))
    return folded


def starts_with(path: str, folded: list[str]) -> Condition:
    """Return the condition that an element begins with one of these texts."""
    parts: list[Condition] = [{path: {"$elemMatch": {"$gte": text, "$lt": text + "\U0010ffff"}}} for text in folded]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def contains(path: str, folded: list[str]) -> Condition:
    """Return the condition that an element contains one of these texts."""
    parts: list[Condition] = [{path: {"$regex": re.escape(text)}} for text in folded]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def equals(path: str, texts: list[str]) -> Condition:
    """Return the condition that an element was written exactly so."""
    return {path + EXACT: texts[0] if len(texts) == 1 else {"$in": texts}}


def by_operator(path: str, operator: str, texts: list[str]) -> Condition:
    """Return the condition that a text compares so with one of these, as `_filter` does: by code points."""
    parts: list[Condition] = [{path: {"$elemMatch": _OPERATORS[operator](text)}} for text in texts]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def bounds(field: str, folded: list[str], rank: int = 4) -> Bounds:
    """Return where the elements that begin with these texts stand."""
    return Bounds("k", (), tuple(keys.starting(field, text[:_KEY_LENGTH]) for text in folded), rank)
