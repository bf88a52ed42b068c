"""Histories: of an instance, a type, or everything (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pymongo import DESCENDING

from fhirserver.store.kept import documents
from fhirserver.store.kept.ids import key
from fhirserver.store.kept.values import HistoryPage, Stored

if TYPE_CHECKING:
    from fhirserver.store.store import Store

_BUDGET_MS: Final = 10_000
"""What MongoDB may spend on a page: `_at` of a type long ago reads much of what came after."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which versions to list.

    Attributes:
        type: of one type; None: of all.
        id: of one resource of that type.
        since: only versions written at this moment or later.
        at: only versions that were current at some moment from the first to the second.
        count: most versions of a page.
        after: where the page before ended.
    """

    type: str | None = None
    id: str | None = None
    since: datetime | None = None
    at: tuple[datetime, datetime] | None = None
    count: int = 100
    after: tuple[datetime, str] | None = None


def page(store: Store, query: HistoryQuery) -> HistoryPage:
    """Return a page of versions, newest first.

    Current versions are read before superseded ones: one that is superseded between the two reads is seen twice, and
    told apart by its version, rather than not at all.
    """
    current = _find(store, "resources", query)
    before = _find(store, "history", query)
    versions: dict[tuple[str, str, int], Mapping[str, Any]] = {}
    for document in merge(current, before, key=_order, reverse=True):
        versions.setdefault((document["t"], document["i"], document["v"]), document)
    kept = list(islice(versions.values(), query.count + 1))
    more = len(kept) > query.count
    shown = tuple(store.stored(document) for document in kept[: query.count])
    return HistoryPage(shown, position(shown[-1]) if more and shown else None)


def position(version: Stored) -> tuple[datetime, str]:
    """Return where a page that ends with a version ends."""
    return version.updated, key(version.type, version.id)


def total(store: Store, query: HistoryQuery, limit: int) -> int:
    """Count the versions of all pages together, at most `limit` in each of the two collections."""
    collections = (store.resources, store.history_collection)
    if not _condition("history", query):
        return sum(collection.estimated_document_count() for collection in collections)
    return sum(
        collection.count_documents(_condition(collection.name, query), limit=limit, maxTimeMS=_BUDGET_MS)
        for collection in collections
    )


def _order(document: Mapping[str, Any]) -> tuple[datetime, str]:
    return document["u"], key(document["t"], document["i"])


def _find(store: Store, collection: str, query: HistoryQuery) -> list[dict[str, Any]]:
    found = store.database[collection].find(_condition(collection, query, query.after), documents.WITHOUT_INDEX)
    # versions of one resource lie side by side under their keys; all others are found by time
    order = "_id" if query.id is not None else "u"
    found = found.sort([(order, DESCENDING)] if order == "_id" else [("u", DESCENDING), ("_id", DESCENDING)])
    return list(found.limit(query.count + 1).max_time_ms(_BUDGET_MS))


def _condition(collection: str, query: HistoryQuery, after: tuple[datetime, str] | None = None) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if query.id is not None and query.type is not None:
        name = key(query.type, query.id)
        parts.append({"_id": name} if collection == "resources" else {"_id": {"$gt": f"{name}#", "$lt": f"{name}$"}})
    elif query.type is not None:
        parts.append({"t": query.type})
        if collection == "resources":
            parts.append({"live": {"$in": [True, False]}})
    if query.since is not None:
        parts.append({"u": {"$gte": query.since}})
    if query.at is not None:
        begin, end = query.at
        parts.append({"u": {"$lte": end}})
        if collection == "history":
            parts.append({"until": {"$gt": begin}})
    if after is not None:
        moment, name = after
        earlier = {"$and": [*parts, {"u": {"$lt": moment}}]}
        if query.id is not None:
            return earlier
        # each branch a range of the index: what one transaction wrote has one time
        return {"$or": [{"$and": [*parts, {"u": moment}, {"_id": {"$lt": name}}]}, earlier]}
    return {"$and": parts} if parts else {}
