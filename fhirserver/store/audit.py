"""Records of who read what, durable before the answer leaves; requests that end together share one insert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database

from fhirserver.store.commits.gathering import Gathering
from fhirserver.store.connection import DURABLE, translated


class Audit:
    """The audit trail of reads, searches and refusals; writes carry theirs in their own document."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._collection = database["audit"].with_options(write_concern=DURABLE)
        self._gathering = Gathering(self._collection)

    def record(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write records; return once a majority of the replica set has them on disk.

        Args:
            records: values that BSON knows; `_id` and `at` (now) are added where absent.

        Raises:
            Unavailable: they may not be there; the answer must not leave.
        """
        now = datetime.now(UTC)
        if records:
            with translated():
                self._gathering.insert([{"_id": ObjectId(), "at": now, **record} for record in records])

    def granted(self, to: Sequence[str], now: datetime, most: int) -> list[str]:
        """Return what was opened to a caller by an access whose grant still holds, the longest first.

        A record grants by `grant: {to, of, until}`; `to` are all names of whom it may be granted to.
        """
        condition = {"grant.to": {"$in": list(to)}, "grant.until": {"$gt": now}}
        with translated():
            found = self._collection.find(condition, {"_id": 0, "grant.of": 1}).hint("grants")
            records = list(found.sort("grant.until", -1).limit(most))
        return list(dict.fromkeys(record["grant"]["of"] for record in records))

    def grants(self, to: Sequence[str], of: str, now: datetime) -> bool:
        """Tell whether one thing was opened to a caller by an access whose grant still holds."""
        condition = {"grant.to": {"$in": list(to)}, "grant.of": of, "grant.until": {"$gt": now}}
        with translated():
            return self._collection.find_one(condition, {"_id": 1}, hint="grant") is not None

    def of_records(
        self, records: Sequence[str], since: datetime | None, until: datetime | None, most: int
    ) -> list[dict[str, Any]]:
        """Return accesses that were marked with one of a patient's records, newest first.

        Args:
            records: as they were marked.
            since: first moment; None: from the beginning.
            until: first moment after; None: until now.
            most: how many at most.
        """
        span = {"$gte": since} if since else {}
        span |= {"$lt": until} if until else {}
        with translated():
            found = self._collection.find({"record": {"$in": list(records)}, **({"at": span} if span else {})})
            return list(found.hint("dmp_record").sort("at", -1).limit(most))

    def failures(self, key: str, since: datetime, most: int) -> list[datetime]:
        """Return when records were marked `failed` with that key, newest first."""
        with translated():
            found = self._collection.find({"failed": key, "at": {"$gte": since}}, {"_id": 0, "at": 1}).hint("failed")
            return [record["at"] for record in found.sort("at", -1).limit(most)]
