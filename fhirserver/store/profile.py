"""Which queries of a database read more than they return: MongoDB's profiler, switched on for tests and diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import takewhile
from typing import Any, Final

from pymongo import DESCENDING
from pymongo.database import Database

from fhirserver.store.connection import APPLICATION

KEYS_PER_RESULT: Final = 3
KEYS_ALLOWED: Final = 100
"""A query may examine `KEYS_PER_RESULT` index keys or documents for each result, and `KEYS_ALLOWED` more."""
_PROFILE_BYTES: Final = 64 * 1024 * 1024


@contextmanager
def profiled(database: Database[dict[str, Any]]) -> Iterator[None]:
    """Note every operation on a database in its `system.profile` until the context is left."""
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=_PROFILE_BYTES)
    database.command("profile", 2)
    try:
        yield
    finally:
        database.command("profile", 0)


def wasteful(database: Database[dict[str, Any]], since: datetime | None = None) -> list[str]:
    """Return a description of each noted operation of ours that scanned a collection or examined too much.

    Args:
        database: whose operations were `profiled`.
        since: leave out what was noted before, by MongoDB's clock.
    """
    ours = {"appName": APPLICATION, "ns": {"$not": {"$regex": r"\.system\."}}}
    # small batches: a second one of the usual size would bring all that was noted before
    noted = database["system.profile"].find(ours, batch_size=100).sort("$natural", DESCENDING)
    recent = takewhile(lambda entry: since is None or entry["ts"] >= since, noted)
    found = (_fault(entry) for entry in recent)
    return sorted({fault for fault in found if fault})


def _fault(entry: dict[str, Any]) -> str | None:
    plan = entry.get("planSummary", "")
    command = entry.get("command", {})
    shown = f"{entry['ns']} {entry['op']} {plan}: {_shorten(command)}"
    if "COLLSCAN" in plan and not _looks_for_anything(command):
        return f"scans the collection: {shown}"
    if _counts(command):
        return None  # what was counted is not told, so it cannot be weighed against what was examined
    results = max(entry.get("nreturned", 0), entry.get("nMatched", 0), entry.get("ndeleted", 0))
    examined = max(entry.get("keysExamined", 0), entry.get("docsExamined", 0))
    if examined > KEYS_PER_RESULT * results + KEYS_ALLOWED:
        return f"examines {examined} for {results} results: {shown}"
    return None


def _counts(command: dict[str, Any]) -> bool:
    return "count" in command or any("$group" in stage or "$count" in stage for stage in command.get("pipeline", ()))


def _looks_for_anything(command: dict[str, Any]) -> bool:
    """Whether it asks for any one document: GridFS does, to know whether its indexes are to be made."""
    return "find" in command and not command.get("filter") and command.get("limit") == 1


def _shorten(command: dict[str, Any]) -> str:
    parts = ("find", "aggregate", "filter", "q", "query", "pipeline", "sort", "limit", "hint")
    return str({name: command[name] for name in parts if name in command})[:1500]
