"""Search parameters of the operator: taken into force while the server runs, and indexed in the background.

A SearchParameter that is created, changed or deleted reaches every worker within `TICK` seconds. From then on writes
carry its values; searches by it are refused until all earlier resources of its types are indexed anew, which one worker
does, a batch at a time. Progress stands in `search_state`; a worker that dies is replaced when its lease ends.

    {_id: "reindex", state: running | done, types (what is left), urls, begins, after,
        done, total, owner, lease, finished}
    {_id: "parameter/" + url, of: fingerprint}      a parameter whose values are complete
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, InvalidOperation, PyMongoError

from fhirserver import jsontext
from fhirserver.errors import Failure
from fhirserver.search.indexing.indexes import TYPE_UPDATED
from fhirserver.search.mongo.run import STORED
from fhirserver.store.connection import translated

if TYPE_CHECKING:
    from fhirserver.search.declared.registry import Registry
    from fhirserver.search.indexing.extract import Indexer
    from fhirserver.store import Store

TICK: Final = 5.0
"""Seconds between two looks at the operator's parameters."""

BATCH: Final = 200
_LEASE: Final = timedelta(seconds=60)
_PARAMETERS: Final = {"$gte": "parameter/", "$lt": "parameter0"}
"""The range of the marks of parameters."""
_SETTLE: Final = timedelta(seconds=3 * TICK)
"""A reindex begins when every worker has had time to see the parameters: what is written later has the values."""


def request(store: Store, types: Sequence[str], urls: Sequence[str] = (), settle: timedelta = _SETTLE) -> bool:
    """Ask for all resources of these types to be indexed anew; return whether that was begun (False: one is under way).

    Args:
        store: whose resources.
        types: resource types.
        urls: parameters whose values are complete afterwards, each with its fingerprint (`url|fingerprint`).
        settle: how long to wait first.
    """
    now = datetime.now(UTC)
    with translated():
        total = sum(store.resources.count_documents({"t": each, "live": True}, hint=TYPE_UPDATED) for each in types)
    job = {
        "state": "running", "types": list(types), "urls": list(urls), "begins": now + settle, "after": None, "done": 0,
        "total": total, "owner": None, "lease": now, "finished": None,
    }  # fmt: skip
    idle: dict[str, Any] = {"_id": "reindex", "state": {"$ne": "running"}}
    if urls:  # another worker may have completed these very ones since they were looked at
        idle["urls"] = {"$ne": list(urls)}
    with translated():
        try:
            found = store.database["search_state"].update_one(idle, {"$set": job}, upsert=True)
        except DuplicateKeyError:
            return False
    return bool(found.upserted_id is not None or found.modified_count)


def progress(store: Store) -> Mapping[str, Any] | None:
    """Return the last reindex: state, types, done, total; None if there never was one."""
    with translated():
        return store.database["search_state"].find_one({"_id": "reindex"})


class Upkeep:
    """Keeps one process's registry up to date, and works on reindexing when it is its turn.

    Args:
        store: where resources and progress are.
        registry: to be kept up to date.
        indexer: makes index values.
    """

    def __init__(self, store: Store, registry: Registry, indexer: Indexer) -> None:
        self._store = store
        self._registry = registry
        self._indexer = indexer
        self._state = store.database["search_state"]
        self._me = secrets.token_hex(8)
        self._known: frozenset[str] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, tick: float = TICK) -> None:
        """Begin to look every so many seconds, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(tick,), name="search-upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5)

    def _run(self, tick: float) -> None:
        while not self._stop.wait(tick):
            try:
                self.look()
            except InvalidOperation:  # the store was closed
                return
            except (Failure, PyMongoError):  # MongoDB is away: the next look will tell
                continue

    def look(self) -> None:
        """Take the operator's parameters into force; reindex where that is due and no other worker does it."""
        found = self._parameters()
        marks = {f"{each['url']}|{_fingerprint(each)}": each for each in found}
        complete = self._complete({f"parameter/{each['url']}" for each in found})
        pending = {mark: each for mark, each in marks.items() if mark not in complete}
        state = frozenset({*marks, *(f"!{mark}" for mark in pending)})
        if state != (self._known if self._known is not None else frozenset()):
            self._registry.adopt(found, frozenset(each["url"] for each in pending.values()))
        self._known = state
        if pending:
            types = sorted({base for each in pending.values() for base in self._bases(each)})
            request(self._store, types, list(pending))
        self._work()

    def _complete(self, names: Collection[str]) -> set[str]:
        """Return the marks of parameters whose values are complete; what is not there any more loses its own.

        What is written while a parameter is away lacks its values: it is indexed anew when it comes back.
        """
        with translated():
            kept = list(self._state.find({"_id": _PARAMETERS}))
            gone = [each["_id"] for each in kept if each["_id"] not in names]
            if gone:
                self._state.update_one({"_id": "reindex", "state": {"$ne": "running"}}, {"$set": {"urls": []}})
                self._state.delete_many({"_id": {"$in": gone}})
        return {f"{each['_id'].removeprefix('parameter/')}|{each['of']}" for each in kept if each["_id"] in names}

    def _parameters(self) -> list[dict[str, Any]]:
        """Return the active SearchParameters that were stored, in the order of their ids."""
        documents = self._store.find(
            {"t": "SearchParameter", "live": True}, sort=(("_id", 1),), projection=STORED, hint=TYPE_UPDATED
        )
        found = [jsontext.read(self._store.stored(document).body) for document in documents]
        return [each for each in found if each.get("status") == "active" and each.get("url") and each.get("base")]

    def _bases(self, parameter: Mapping[str, Any]) -> list[str]:
        if {"Resource", "DomainResource"} & set(parameter["base"]):
            return sorted(self._registry.types)
        return [base for base in parameter["base"] if base in self._registry.types]

    def _work(self) -> None:
        """Reindex to the end, if there is something to do and nobody else does it."""
        while not self._stop.is_set():
            now = datetime.now(UTC)
            mine = {"$or": [{"owner": self._me}, {"lease": {"$lte": now}}]}
            with translated():
                job = self._state.find_one_and_update(
                    {"_id": "reindex", "state": "running", "begins": {"$lte": now}, **mine},
                    {"$set": {"owner": self._me, "lease": now + _LEASE}},
                    return_document=ReturnDocument.AFTER,
                )
            if job is None or not self._batch(job):
                return

    def _batch(self, job: Mapping[str, Any]) -> bool:
        """Index one batch; return whether there may be more."""
        if not job["types"]:
            return self._finish(job)
        current, *others = job["types"]
        condition: dict[str, Any] = {"t": current, "live": True}
        if job["after"]:  # each branch a range of the index: what one transaction wrote has one time
            last = job["after"]
            rest = {**condition, "u": last["u"], "_id": {"$gt": last["id"]}}
            condition = {"$or": [rest, {**condition, "u": {"$gt": last["u"]}}]}
        documents = self._store.find(
            condition, sort=(("u", 1), ("_id", 1)), limit=BATCH, projection={**STORED, "s.b": 1}, hint=TYPE_UPDATED
        )
        if documents:
            writes = [self._write(document) for document in documents]
            with translated():
                self._store.resources.bulk_write(writes, ordered=False)
            after = {"u": documents[-1]["u"], "id": documents[-1]["_id"]}
            step = {"after": after, "done": job["done"] + len(writes)}
        else:
            step = {"types": others, "after": None}
        with translated():
            self._state.update_one({"_id": "reindex", "owner": self._me}, {"$set": step})
        return True

    def _write(self, document: Mapping[str, Any]) -> UpdateOne:
        """Return the write of a document's index values; none if another version came meanwhile, which has them."""
        resource = jsontext.read(self._store.stored(document).body)
        same = {"_id": document["_id"], "v": document["v"]}
        base = document.get("s", {}).get("b", "")
        return UpdateOne(same, {"$set": {"s": self._indexer.extract(resource, base)}})

    def _finish(self, job: Mapping[str, Any]) -> bool:
        done = {"state": "done", "finished": datetime.now(UTC), "owner": None}
        # together: a parameter that is offered while its reindex still runs would look incomplete
        with translated(), self._store.client.start_session() as session, session.start_transaction():
            for mark in job["urls"]:
                url, _, fingerprint = mark.rpartition("|")
                self._state.update_one(
                    {"_id": f"parameter/{url}"}, {"$set": {"of": fingerprint}}, upsert=True, session=session
                )
            self._state.update_one({"_id": "reindex", "owner": self._me}, {"$set": done}, session=session)
        return False


def _fingerprint(parameter: Mapping[str, Any]) -> str:
    """Return what changes when other values would be extracted."""
    parts = {name: parameter.get(name) for name in ("code", "base", "type", "expression", "component", "target")}
    return hashlib.sha256(jsontext.canonical(parts)).hexdigest()[:32]
