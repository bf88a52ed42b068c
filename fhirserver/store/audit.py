"""Records of who read what, durable before the answer leaves.

Requests that finish at the same moment share one insert: the first one becomes the writer for all that wait, and
while it writes, the next ones gather. A request alone waits for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import ObjectId
from pymongo.database import Database

from fhirserver.store.connection import DURABLE, translated

_MOST: Final = 1000
"""Records of one insert."""


class _Batch:
    """Records that are written together, and how that went."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.written = threading.Event()
        self.error: Exception | None = None


class Audit:
    """The audit trail of reads, searches and refusals; writes carry theirs in their own document."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._collection = database["audit"].with_options(write_concern=DURABLE)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._gathering = _Batch()

    def record(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write records; return once a majority of the replica set has them on disk.

        Args:
            records: values that BSON knows; `_id` and `at` (now) are added where absent.

        Raises:
            Unavailable: they may not be there; the answer must not leave.
        """
        now = datetime.now(UTC)
        with self._lock:
            batch = self._gathering
            batch.records.extend({"_id": ObjectId(), "at": now, **record} for record in records)
        with self._writing:
            if not batch.written.is_set():
                self._write(batch)
        if batch.error is not None:
            raise batch.error

    def granted(self, to: str, now: datetime, most: int) -> list[str]:
        """Return what was opened to a caller by an access whose grant still holds, the longest first.

        A record grants by `grant: {to, of, until}`.
        """
        condition = {"grant.to": to, "grant.until": {"$gt": now}}
        with translated():
            found = self._collection.find(condition, {"_id": 0, "grant.of": 1}).hint("grants")
            records = list(found.sort("grant.until", -1).limit(most))
        return list(dict.fromkeys(record["grant"]["of"] for record in records))

    def grants(self, to: str, of: str, now: datetime) -> bool:
        """Tell whether one thing was opened to a caller by an access whose grant still holds."""
        condition = {"grant.to": to, "grant.of": of, "grant.until": {"$gt": now}}
        with translated():
            return self._collection.find_one(condition, {"_id": 1}, hint="grant") is not None

    def failures(self, key: str, since: datetime, most: int) -> list[datetime]:
        """Return when records were marked `failed` with that key, newest first."""
        with translated():
            found = self._collection.find({"failed": key, "at": {"$gte": since}}, {"_id": 0, "at": 1}).hint("failed")
            return [record["at"] for record in found.sort("at", -1).limit(most)]

    def _write(self, batch: _Batch) -> None:
        with self._lock:
            self._gathering = _Batch()
        try:
            with translated():
                for start in range(0, len(batch.records), _MOST):
                    self._collection.insert_many(batch.records[start : start + _MOST], ordered=False)
        except Exception as error:  # noqa: BLE001 - each of the waiting requests raises it
            batch.error = error
        finally:
            batch.written.set()
