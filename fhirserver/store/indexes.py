"""The indexes of the store's own collections; the search room adds those of index values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

_EXISTS_ALREADY: Final = 48


@dataclass(frozen=True, slots=True)
class Index:
    """One index.

    Attributes:
        collection: name of the collection.
        name: names the index; one whose keys or options changed is built anew under its name at the next start.
        keys: pairs of field and direction (1, -1).
        options: as `IndexModel` takes them (`unique`, `partialFilterExpression`, `expireAfterSeconds`, `sparse`).
    """

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    options: Mapping[str, Any] = field(default_factory=dict)


COLLECTIONS: Final = (
    "resources",
    "history",
    "files",
    "uploads",
    "locks",
    "audit",
    "outbox",
    "clock",
    "claims",
    "clients",
    "jobs",
    "job_entries",
    "loads",
    "signing_keys",
)
_COMPARED: Final = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds")
_WEEK: Final = 7 * 24 * 3600
_COLD: Final = ("history", "audit")
"""Written once and seldom read: compressed by zstd, a third smaller than by snappy."""

OWN: Final = (
    # lists of a type by time: history of the type, and searches without any other criterion
    Index("resources", "type_updated", (("t", 1), ("live", 1), ("u", -1), ("_id", -1))),
    Index("resources", "updated", (("u", -1), ("_id", -1))),
    # which versions use a content
    Index("resources", "files", (("files", 1),), {"partialFilterExpression": {"files": {"$exists": True}}}),
    Index("history", "type_updated", (("t", 1), ("u", -1), ("_id", -1))),
    Index("history", "updated", (("u", -1), ("_id", -1))),
    Index("history", "files", (("files", 1),), {"partialFilterExpression": {"files": {"$exists": True}}}),
    Index("files", "touched", (("touched", 1),)),
    # GridFS's own, by its own name
    Index("content.chunks", "files_id_1_n_1", (("files_id", 1), ("n", 1)), {"unique": True}),
    Index("uploads", "at", (("at", 1),)),
    Index("locks", "touched", (("touched", 1),), {"expireAfterSeconds": 3600}),
    Index("jobs", "files", (("files", 1),)),
    Index("jobs", "owner", (("owner", 1), ("state", 1))),
    Index("jobs", "expires", (("expires", 1),), {"expireAfterSeconds": 0}),
    Index("job_entries", "job", (("job", 1),)),
    Index("job_entries", "at", (("at", 1),), {"expireAfterSeconds": _WEEK}),
    # what whom was shown by number, and who tried numbers that are none
    Index(
        "audit",
        "grants",
        (("grant.to", 1), ("grant.until", -1)),
        {"partialFilterExpression": {"grant.to": {"$exists": True}}},
    ),
    Index(
        "audit",
        "grant",
        (("grant.to", 1), ("grant.of", 1), ("grant.until", -1)),
        {"partialFilterExpression": {"grant.to": {"$exists": True}}},
    ),
    Index("audit", "failed", (("failed", 1), ("at", -1)), {"partialFilterExpression": {"failed": {"$exists": True}}}),
    Index("outbox", "waiting", (("state", 1), ("kind", 1), ("due", 1))),
    Index("outbox", "order", (("key", 1), ("state", 1), ("_id", 1))),
    Index("outbox", "done", (("done", 1),), {"expireAfterSeconds": _WEEK}),
)


def ensure(database: Database[dict[str, Any]], indexes: Iterable[Index]) -> None:
    """Make the collections and indexes that are missing; those that exist stay.

    MongoDB builds them without blocking reads and writes. Several servers may do this at once.
    """
    present = set(database.list_collection_names())
    for name in COLLECTIONS:
        if name not in present:
            _create_collection(database, name)
    grouped: dict[str, list[IndexModel]] = {}
    for index in indexes:
        grouped.setdefault(index.collection, []).append(IndexModel(list(index.keys), name=index.name, **index.options))
    for name, models in grouped.items():
        _drop_outdated(database[name], models)
        database[name].create_indexes(models)


def _drop_outdated(collection: Collection[dict[str, Any]], models: Iterable[IndexModel]) -> None:
    """Drop the indexes that an earlier release defined otherwise under the same name."""
    present = collection.index_information()
    for wanted in (model.document for model in models):
        found = present.get(wanted["name"])
        if found is None:
            continue
        same_keys = [*found["key"]] == [*wanted["key"].items()]
        if not same_keys or any(found.get(option) != wanted.get(option) for option in _COMPARED):
            collection.drop_index(wanted["name"])


def _create_collection(database: Database[dict[str, Any]], name: str) -> None:
    try:
        options: dict[str, Any] = {}
        if name in _COLD:
            options["storageEngine"] = {"wiredTiger": {"configString": "block_compressor=zstd"}}
        database.create_collection(name, check_exists=False, **options)
    except OperationFailure as error:
        if error.code != _EXISTS_ALREADY:
            raise
