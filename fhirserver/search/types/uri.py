"""Uri parameters: exact, and by path segments with `:below` and `:above` (https://hl7.org/fhir/R4/search.html#uri)."""

from __future__ import annotations

import re
from typing import Any, Final

from fhirserver.search.types.values import Collector, Condition, Values, add
from fhirserver.search.values import keys
from fhirserver.search.values.keys import Bounds

_TYPES: Final = frozenset({"uri", "url", "canonical", "oid", "uuid", "string", "id", "code"})


def collector(fhir_type: str, field: str) -> Collector | None:
    """Return what extracts uris from elements of a FHIR type; None if it has none."""
    if fhir_type not in _TYPES:
        return None

    def uri(element: Any, values: Values) -> None:
        add(values, field, str(element))

    return uri


def index_keys(field: str, found: list[str]) -> list[str]:
    """Return the keys of uris."""
    return [keys.point(field, value) for value in found]


def above(uri: str) -> list[str]:
    """Return the uri and every shorter one of which it is part, segment by segment."""
    found = [uri]
    scheme, separator, rest = uri.partition("://")
    start = len(scheme) + len(separator) if separator else 0
    path = uri.rstrip("/")
    while "/" in path[start:]:
        path = path[: path.rindex("/")]
        found += (path, path + "/")
    if not separator and ":" in uri:  # urn:oid:1.2.3 has no segments
        return found[:1]
    return found if rest or not separator else found[:1]


def condition(path: str, uris: list[str]) -> Condition:
    """Return the condition that one of the uris is there, letter by letter."""
    return {path: uris[0] if len(uris) == 1 else {"$in": uris}}


def condition_below(path: str, uris: list[str]) -> Condition:
    """Return the condition that a uri equals one of these or continues it with a further segment."""
    parts: list[Condition] = [{path: {"$regex": f"^{re.escape(uri.rstrip('/'))}(/|\\z)"}} for uri in uris]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def bounds(field: str, uris: list[str], rank: int = 3) -> Bounds:
    """Return where these uris stand."""
    return Bounds("k", tuple(keys.point(field, uri) for uri in uris), (), rank)


def bounds_below(field: str, uris: list[str], rank: int = 4) -> Bounds:
    """Return where the uris that begin so stand."""
    return Bounds("k", (), tuple(keys.starting(field, uri.rstrip("/")) for uri in uris), rank)
