"""The store as the rest of the server sees it."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, TypeVar

from pymongo import timeout
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from fhirserver.store import indexes
from fhirserver.store.audit import Audit
from fhirserver.store.commits import commit
from fhirserver.store.commits.clock import Clock
from fhirserver.store.commits.gathering import Gathering
from fhirserver.store.commits.transaction import Transaction, id_taken
from fhirserver.store.commits.turns import Turns
from fhirserver.store.connection import DURABLE, LONGEST, admitted, connect, require_replica_set, translated
from fhirserver.store.indexes import Index
from fhirserver.store.kept import documents, versions
from fhirserver.store.kept.files import Files
from fhirserver.store.kept.ids import id_beside, key, new_id, version_key
from fhirserver.store.kept.values import Draft, HistoryPage, Stored
from fhirserver.store.kept.versions import HistoryQuery
from fhirserver.store.outbox import Outbox

T = TypeVar("T")

_ANSWER: Final = 5.0
"""Seconds in which MongoDB answers; beyond, it is not there."""


class Store:
    """One database of a MongoDB replica set; shared by the threads of a process, made after forking.

    Attributes:
        client, database: for `search/mongo*` and `store` alone.
        collection: gives a collection by its name, made once.
        resources, history_collection: the collections of current and of superseded versions (see `documents`).
        audit: records of reads.
        files: content by hash.
        outbox: tasks to be done after a commit.
        clock: moments of writes, and the horizon.
        turns: which keys the threads of this process write one after the other.
    """

    def __init__(self, uri: str, database: str = "fhirserver", *, longest: float = LONGEST) -> None:
        """Open it.

        Args:
            uri: of MongoDB.
            database: its name.
            longest: seconds that one query may take.
        """
        self._uri = uri
        self.client = connect(uri, longest)
        self.database = self.client.get_database(database, write_concern=DURABLE)
        self.collection = cache(self.database.__getitem__)
        self.resources = self.database["resources"]
        self.history_collection = self.database["history"]
        self._creating = Gathering(self.resources)
        self.audit = Audit(self.database)
        self.files = Files(self.database)
        self.outbox = Outbox(self.database)
        self.turns = Turns()
        self.clock = Clock(self.database["clock"])
        atexit.register(self.close)

    def prepare(self, more: Iterable[Index] = ()) -> None:
        """Make the collections and indexes that are missing: ours, and those of other rooms.

        Raises:
            SettingError: the MongoDB of the settings is no replica set, or does not let us in.
            Unavailable: it does not answer.
        """
        # an index of a large collection is built for hours
        with translated(), admitted(), connect(self._uri, longest=None) as client:
            require_replica_set(client)
            database = client.get_database(self.database.name, write_concern=DURABLE)
            indexes.ensure(database, [*indexes.OWN, *more])

    def close(self) -> None:
        """Let go of all connections; a process that ends without it holds the horizon back for a while."""
        atexit.unregister(self.close)
        self.clock.close()
        self.client.close()

    def ping(self) -> None:
        """Ask MongoDB whether it is there.

        Raises:
            Unavailable: no primary answers, or it does not let us in.
        """
        with translated(), timeout(_ANSWER):
            self.database["clock"].find_one({"_id": "clock"}, {"_id": True})

    @property
    def away(self) -> bool:
        """Whether no primary is known at the moment; asks nobody."""
        return not self.client.topology_description.has_writable_server()

    # Writing

    def create(self, draft: Draft) -> Stored:
        """Write one new resource, in one insert, which those that are created at the same moment share.

        Raises:
            Conflict: the draft's own id is taken.
            TooLarge, Unavailable.
        """
        if draft.files:
            return self.transact(lambda transaction: transaction.create(draft)).stored
        identity = draft.id
        if identity is None:
            identity = id_beside(draft.beside) if draft.beside and not draft.partition else new_id(draft.partition)
        with self.clock.moment() as updated:
            body = documents.stamp(draft.resource, identity, 1, updated)
            if len(body) <= documents.BODY_INLINE:
                document = documents.live(draft, identity, 1, updated, body)
                try:
                    with translated():
                        self._creating.insert([document])
                except DuplicateKeyError:
                    raise id_taken(draft.type, identity) from None
                return self.stored(document)
        return self.transact(lambda transaction: transaction.create(draft)).stored

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """Commit several writes together, or what depends on what was read.

        Args:
            work: reads and plans on the transaction that it is given; called again, on a fresh view, when another
                commit came first. It must have no other effects.

        Returns:
            What `work` returned.

        Raises:
            Unavailable: others kept coming first for 30 s, or MongoDB does not answer.
            Failure: what `work` raised; nothing is written.
        """
        return commit.run(self, work)

    # Reading

    def read(self, resource_type: str, identity: str) -> Stored | None:
        """Return the current version of a resource, or its tombstone; None if there never was one."""
        with translated():
            document = self.resources.find_one({"_id": key(resource_type, identity)}, documents.WITHOUT_INDEX)
        return None if document is None else self.stored(document)

    def read_many(self, references: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        """Return the current versions (or tombstones) of those resources, named by type and id, that are there."""
        keys = [key(resource_type, identity) for resource_type, identity in references]
        found = self.find({"_id": {"$in": keys}}) if keys else []
        return {(document["t"], document["i"]): self.stored(document) for document in found}

    def vread(self, resource_type: str, identity: str, version: int) -> Stored | None:
        """Return one version of a resource; None if there is no such version."""
        current = self.read(resource_type, identity)
        if current is None or current.version == version:
            return current
        if not 0 < version < current.version:
            return None
        with translated():
            document = self.history_collection.find_one({"_id": version_key(resource_type, identity, version)})
        return None if document is None else self.stored(document)

    def history(self, query: HistoryQuery) -> HistoryPage:
        """Return a page of versions, newest first."""
        with translated():
            return versions.page(self, query)

    def history_total(self, query: HistoryQuery, limit: int = 10_000) -> int:
        """Count the versions of a history; counting stops at `limit`."""
        with translated():
            return min(limit, versions.total(self, query, limit))

    def find(  # noqa: PLR0913 - what a MongoDB query is made of, each by its name
        self,
        condition: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
        projection: Mapping[str, Any] | None = None,
        max_time: float | None = None,
        hint: str | None = None,
        session: ClientSession | None = None,
    ) -> list[dict[str, Any]]:
        """Return documents of `resources` (fields: see `documents`), without their index values by default.

        Args:
            condition: a MongoDB filter.
            sort: fields and directions.
            limit: most documents; 0: all.
            projection: fields to return.
            max_time: seconds that MongoDB may spend.
            hint: name of the index to use.
            session: of a transaction.

        Raises:
            Unavailable: out of time, or MongoDB does not answer.
        """
        cursor = self.resources.find(condition, projection or documents.WITHOUT_INDEX, session=session, limit=limit)
        if sort:
            cursor = cursor.sort(list(sort))
        if max_time is not None:
            cursor = cursor.max_time_ms(max(1, int(max_time * 1000)))
        if hint is not None:
            cursor = cursor.hint(hint)
        if session is not None:
            return cursor.to_list()  # the transaction tells errors that pass from those that do not
        with translated():
            return cursor.to_list()

    def count(
        self,
        condition: Mapping[str, Any],
        *,
        limit: int = 0,
        max_time: float | None = None,
        session: ClientSession | None = None,
    ) -> int:
        """Count documents of `resources`; counting stops at `limit`, unless 0."""
        options: dict[str, Any] = {"session": session}
        if limit:
            options["limit"] = limit
        if max_time is not None:
            options["maxTimeMS"] = max(1, int(max_time * 1000))
        if session is not None:
            return self.resources.count_documents(condition, **options)
        with translated():
            return self.resources.count_documents(condition, **options)

    def stored(self, document: Mapping[str, Any]) -> Stored:
        """Return the version that a document of `resources` or `history` keeps."""
        return documents.stored(document, self.files.read)

    def horizon(self) -> datetime:
        """Return a moment such that whatever is not visible yet will carry a later one.

        Ask before reading: an answer that states it as `meta.lastUpdated` lets its reader go on from there by
        `_lastUpdated=gt…` or `_since`, and miss nothing.
        """
        return self.clock.horizon()
