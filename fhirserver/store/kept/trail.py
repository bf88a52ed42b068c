"""The whole audit trail in the order of time: reads and refusals from the audit, writes from their versions."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bson import ObjectId
from pymongo.database import Database

from fhirserver.store.connection import translated

_WRITTEN: Final = {"_id": 0, "t": 1, "i": 1, "v": 1, "u": 1, "m": 1, "w": 1}
_SHOWN: Final = ("who", "why", "where", "found", "query", "record", "mode", "reason")
_ASKED: Final = ("version", "method", "rule", "tasks")
"""What of a read is shown as well: which version, what was refused and by which rule, which Tasks an act moved."""
_SLACK: Final = timedelta(minutes=5)
"""By which the ids of audit records, which bound the query, may differ from the times in them."""


def between(database: Database[dict[str, Any]], since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Yield every access from `since` to before `until`, the oldest first.

    Each has `at` (aware datetime), `action` (read, search, refused, … or the method of a write), `type`, `id`,
    `version` of a write, and of `who`, `why`, `where`, `found`, `query` … what was noted.

    Raises:
        Unavailable: MongoDB does not answer.
    """
    with translated():
        span = {"$gte": since, "$lt": until}
        writes = [
            database[name].find({"u": span}, _WRITTEN).hint("updated").sort([("u", 1), ("_id", 1)])
            for name in ("history", "resources")
        ]
        ids = {"$gte": ObjectId.from_datetime(since - _SLACK), "$lt": ObjectId.from_datetime(until + _SLACK)}
        reads = database["audit"].find({"_id": ids, "at": span}).sort("_id", 1)
        yield from heapq.merge(
            (_read(record) for record in reads),
            *((_write(document) for document in found) for found in writes),
            key=lambda access: access["at"],
        )


def _read(record: Mapping[str, Any]) -> dict[str, Any]:
    noted = {name: record[name] for name in (*_SHOWN, *_ASKED) if record.get(name)}
    told = {name: record.get(name) for name in ("action", "type", "id")}
    return {"at": record["at"], **told, **noted}


def _write(document: Mapping[str, Any]) -> dict[str, Any]:
    written = {"action": document["m"], "type": document["t"], "id": document["i"], "version": document["v"]}
    return {"at": document["u"], **written, **{name: document["w"][name] for name in _SHOWN if document["w"].get(name)}}


def concerns(access: Mapping[str, Any], resource: str | None, person: str | None) -> bool:
    """Tell whether an access is to a resource (`Type/id`), by a person or client (any identifier noted of them)."""
    if resource and resource != f"{access['type']}/{access['id']}":
        tasks = (f"Task/{identity}" for identity in access.get("tasks", ()))
        if resource not in (*access.get("found", ()), *tasks):
            return False
    return not person or person in map(str, access.get("who", {}).values())
