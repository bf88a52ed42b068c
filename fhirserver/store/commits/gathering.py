"""Inserts of requests that run at the same moment, sent to MongoDB as one command.

An insert that waits for the journal costs MongoDB and the driver much the same for one document as for ten. The first
request to bring a document sends it; while it waits, those that come gather, and the first of them sends for all. A
request alone waits for nobody. Each hears of its own documents: a refused one leaves the others alone.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock
from collections.abc import Mapping, Sequence
from typing import Any, Final

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, WriteError

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one document (https://www.mongodb.com/docs/manual/reference/limits/)."""
_DUPLICATE_KEY: Final = 11000


class _Batch:
    """Documents that are sent together, who waits for them, and how it went."""

    __slots__ = ("documents", "failure", "followers", "refused")

    def __init__(self) -> None:
        self.documents: list[RawBSONDocument] = []
        self.followers: list[LockType] = []
        self.refused: dict[int, Mapping[str, Any]] = {}
        self.failure: BaseException | None = None

    def send(self, collection: Collection[Any]) -> None:
        try:
            if len(self.documents) == 1:
                collection.insert_one(self.documents[0])
            else:
                collection.insert_many(self.documents, ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            self.refused = {each["index"]: each for each in details.get("writeErrors", ())}
            if details.get("writeConcernErrors"):
                self.failure = error
        except BaseException as error:  # noqa: BLE001 - each of the waiting requests raises it
            self.failure = error

    def outcome(self, first: int, count: int) -> None:
        """Raise what became of some of the documents, unless they are stored."""
        if self.failure is not None:
            raise self.failure
        for number in range(first, first + count) if self.refused else ():
            refused = self.refused.get(number)
            if refused is not None:
                kind = DuplicateKeyError if refused.get("code") == _DUPLICATE_KEY else WriteError
                raise kind(str(refused.get("errmsg")), refused.get("code"), refused)


class Gathering:
    """Inserts into one collection; shared by the threads of a process.

    Args:
        collection: with the write concern that every insert has.
    """

    def __init__(self, collection: Collection[Any]) -> None:
        self._collection = collection
        self._lock = allocate_lock()
        self._sending = allocate_lock()
        self._batch = _Batch()

    def insert(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Insert documents; return once they are acknowledged.

        Args:
            documents: each with its `_id`; at least one.

        Raises:
            DuplicateKeyError: the `_id` of one of these documents is taken.
            PyMongoError, InvalidDocument, OverflowError: as the driver's own insert; what was sent with other
                requests' documents may or may not be there.
        """
        encoded = [_encoded(document) for document in documents]
        turn = allocate_lock()
        with self._lock:
            batch = self._batch
            first = len(batch.documents)
            batch.documents += encoded
            if first:
                turn.acquire()
                batch.followers.append(turn)
        if first:
            turn.acquire()
        else:
            self._send(batch)
        batch.outcome(first, len(encoded))

    def _send(self, batch: _Batch) -> None:
        with self._sending:
            with self._lock:
                self._batch = _Batch()
            batch.send(self._collection)
        for follower in batch.followers:
            follower.release()


def _encoded(document: Mapping[str, Any]) -> RawBSONDocument:
    data = bson.encode(document)
    if len(data) > _LARGEST:
        raise DocumentTooLarge(f"{len(data)} bytes")
    return RawBSONDocument(data)
