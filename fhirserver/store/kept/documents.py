"""Versions as MongoDB documents.

Fields of `resources` and `history` (short, since they are repeated in every document):

| field | holds |
|---|---|
| `_id` | `bucket/Type/id`; in `history` followed by `#version` |
| `t` `i` `v` | type, id, version |
| `u` | lastUpdated (Date, milliseconds) |
| `until` | only in `history`: lastUpdated of the version that came after |
| `live` | true; false for a tombstone |
| `m` | how it was written: POST, PUT, PATCH, DELETE |
| `body` | the JSON text, as bytes; absent from a tombstone |
| `large` | in place of `body` when it exceeds `BODY_INLINE`: the hash of the content in `files` |
| `files` | hashes of the contents that this version uses, if any |
| `s` | index values; only in `resources`, only when live |
| `w` | who wrote it, when, why and from where |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.store.kept.ids import key, version_key
from fhirserver.store.kept.values import Draft, Stored

BODY_INLINE: Final = 8 * 1024 * 1024
"""Bodies beyond this many bytes are kept as content: index values share the 16 MB of a document with the body."""


def instant(moment: datetime) -> str:
    """Write an aware datetime as a FHIR instant in UTC with milliseconds."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def stamp(resource: Mapping[str, Any], identity: str, version: int, updated: datetime) -> bytes:
    """Write a resource as it is kept: with its id, version and time; the order of all else is kept."""
    meta = {key: value for key, value in resource.get("meta", {}).items() if key not in ("versionId", "lastUpdated")}
    head = {
        "resourceType": resource["resourceType"],
        "id": identity,
        "meta": {"versionId": str(version), "lastUpdated": instant(updated), **meta},
    }
    return jsontext.write({**head, **{name: value for name, value in resource.items() if name not in head}})


def live(draft: Draft, identity: str, version: int, updated: datetime, body: bytes) -> dict[str, Any]:
    """Return the document of a draft's version."""
    document: dict[str, Any] = {
        "_id": key(draft.type, identity),
        "t": draft.type,
        "i": identity,
        "v": version,
        "u": updated,
        "live": True,
        "m": draft.method,
        "body": body,
        "s": draft.index,
        "w": draft.origin,
    }
    if draft.files:
        document["files"] = [file.hash for file in draft.files]
    return document


def tombstone(
    resource_type: str, identity: str, version: int, updated: datetime, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a version that says: deleted."""
    return {
        "_id": key(resource_type, identity),
        "t": resource_type,
        "i": identity,
        "v": version,
        "u": updated,
        "live": False,
        "m": "DELETE",
        "w": origin,
    }


def superseded(document: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """Return the document that `history` keeps of a version: without index values."""
    kept = {name: value for name, value in document.items() if name != "s"}
    kept["_id"] = version_key(document["t"], document["i"], document["v"])
    kept["until"] = until
    return kept


def move_body(document: dict[str, Any], content: str) -> None:
    """Let a document refer to its body, kept as content, in place of holding it."""
    del document["body"]
    document["large"] = content
    document["files"] = [*document.get("files", ()), content]


def stored(document: Mapping[str, Any], content: Callable[[str], bytes]) -> Stored:
    """Return the version that a document keeps.

    Args:
        document: of `resources` or `history`.
        content: reads content by hash, for a body that is kept outside.
    """
    body = document.get("body", b"")
    if "large" in document:
        body = content(document["large"])
    return Stored(
        type=document["t"],
        id=document["i"],
        version=document["v"],
        updated=document["u"],
        body=body,
        deleted=not document["live"],
        method=document["m"],
        origin=document["w"],
        files=tuple(document.get("files", ())),
    )


WITHOUT_INDEX: Final = {"s": False}
"""Projection of everything that `stored` needs."""
