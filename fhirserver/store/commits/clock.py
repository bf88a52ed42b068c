"""Time of writing, and the horizon before which nothing new can appear.

Whoever reads incrementally (`_lastUpdated=gt…`, `_since`) must miss nothing, although a write becomes visible a little
after the moment that it carries, on servers whose clocks differ. So all moments are taken from MongoDB's clock, and
one document says, for each writing process, the moment before which it has nothing in flight any more:

    {_id: "clock", horizon: Date, writers: [{id, low: Date, seen: Date}, …]}

A process announces itself before it takes its first moment (one update, which MongoDB answers with its time), renews
its `low` a few times a second while it writes, and leaves after a second of rest. The horizon is one millisecond
before the lowest `low`; it never goes back, and a newcomer's `low` is after it. Both are told once a majority of the
replica set has them. So whatever is not yet visible when a horizon is read carries a later moment. A process that died
is dropped once nothing of it can be in flight.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from fhirserver.errors import Failure
from fhirserver.store.connection import DURABLE, translated, unavailable

RENEW: Final = 0.2
"""Seconds between two announcements of a process that writes or searches."""
_REST: Final = 1.0
"""Seconds without a write after which a process leaves; without a question after which it asks no more horizons."""
_FRESH: Final = 2 * RENEW
"""Age up to which a horizon is given without waiting for a newer one."""
_TRUST: Final = 5.0
"""Seconds after which a process whose announcements did not get through announces itself anew before it writes."""
DROP_MS: Final = 75_000
"""Milliseconds of silence after which a process is taken for dead: MongoDB ends its transactions after 60 s."""
_MILLISECOND: Final = timedelta(milliseconds=1)
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the machine is suspended: a process that slept knows that it did, and announces itself anew."""


class Clock:
    """Moments for writes, and the horizon.

    Args:
        collection: where the clock's document is kept.
    """

    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        # a primary that is cut off from the majority does not know it at first, nor who writes elsewhere meanwhile: the
        # horizon that it would give alone would pass moments that others still write
        self._collection = collection.with_options(write_concern=DURABLE)
        self._id = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._announcing = threading.Lock()
        self._failed_at = float("-inf")  # guarded by _announcing
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        # guarded by _lock
        self._in_flight: Counter[datetime] = Counter()
        self._active = False  # moments are given without announcing first
        self._announced = False  # the document names this process
        self._base = datetime.min.replace(tzinfo=UTC)  # MongoDB's time when `_ticking` told _base_at
        self._base_at = 0.0
        self._floor = self._base  # no moment before this one is given any more
        self._last_moment_at = 0.0
        self._horizon = self._base
        self._horizon_at = float("-inf")
        self._asked_at = float("-inf")

    @contextmanager
    def moment(self) -> Iterator[datetime]:
        """Give the moment of a write; leave the context when the write is visible, or will never be."""
        taken = self.take()
        try:
            yield taken
        finally:
            self.give_back(taken)

    def take(self) -> datetime:
        """Give a moment; `give_back` must follow when the write is visible, or will never be."""
        while True:
            with self._lock:
                now = _ticking()
                if self._active and now - self._base_at < _TRUST:
                    taken = max(self._floor, _whole(self._estimate(now)))
                    self._in_flight[taken] += 1
                    self._last_moment_at = now
                    return taken
            self._announce_first()

    def give_back(self, taken: datetime) -> None:
        """Say that the write of that moment is visible, or will never be."""
        with self._lock:
            self._in_flight[taken] -= 1
            if not self._in_flight[taken]:
                del self._in_flight[taken]

    def horizon(self) -> datetime:
        """Return a moment such that whatever is not visible yet will carry a later one.

        Call it before reading what it is said of. It is less than half a second old, more while a write takes long.
        """
        now = _ticking()
        self._asked_at = now
        if self._closed or now - self._horizon_at < _FRESH:
            return self._horizon
        with self._alone():
            if _ticking() - self._horizon_at >= RENEW:
                self._announce()
            self._keep_renewing()
        return self._horizon

    def close(self) -> None:
        """Stop announcing; the process leaves the clock's document."""
        self._closed = True
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=2)
        if self._announced:
            with suppress(Failure, PyMongoError):
                self._announce()

    def _estimate(self, now: float) -> datetime:
        return self._base + timedelta(seconds=now - self._base_at)

    def _announce_first(self) -> None:
        with self._alone():
            with self._lock:
                if self._active and _ticking() - self._base_at < _TRUST:
                    return
            self._announce(entering=True)
            self._keep_renewing()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Announce for all who wait meanwhile: while MongoDB is away, they do not wait for it one after the other.

        Raises:
            Unavailable: whoever announced last while this one waited had no answer.
        """
        asked = _ticking()
        with self._announcing:
            if self._failed_at > asked:
                raise unavailable()
            try:
                yield
            except Failure:
                self._failed_at = _ticking()
                raise

    def _keep_renewing(self) -> None:
        """Announce in the background while there are writes, or questions for the horizon, which then need not wait."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._renew, name="store-clock", daemon=True)
            self._thread.start()
        self._wake.set()

    def _renew(self) -> None:
        while not self._closed:
            self._wake.wait()
            time.sleep(RENEW)
            with self._lock:
                if not self._announced and _ticking() - self._asked_at > _REST:
                    self._wake.clear()
                    continue
            # while MongoDB is away, `take` announces anew before it gives a moment
            with suppress(Failure, PyMongoError), self._alone():
                self._announce()

    def _announce(self, *, entering: bool = False) -> None:
        """Tell MongoDB our lowest moment in flight; learn its time and the horizon.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        with self._lock:
            now = _ticking()
            if not entering and (self._closed or now - self._last_moment_at > _REST):
                self._active = False
            low = min(self._in_flight, default=None)
            if self._active and low is None and not entering:
                low = max(self._floor, _whole(self._estimate(now)))
            if low is not None:
                self._floor = max(self._floor, low)
        with translated():
            document = self._collection.find_one_and_update(
                {"_id": "clock"},
                _announcement(self._id, low, entering=entering),
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        assert document is not None, "an upsert that returns the document after it returns one"
        answered = _ticking()
        with self._lock:
            self._base, self._base_at = document["now"], answered
            self._horizon, self._horizon_at = max(self._horizon, document["horizon"]), answered
            self._announced = entering or low is not None
            if entering:
                self._active = True
                self._floor = max(self._floor, document["now"], document["horizon"] + _MILLISECOND)
                self._last_moment_at = answered


def _ticking() -> float:
    return time.clock_gettime(_CLOCK)


def _whole(moment: datetime) -> datetime:
    """Cut a moment to milliseconds, as BSON and FHIR instants keep it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _announcement(writer: str, low: datetime | None, *, entering: bool) -> list[dict[str, Any]]:
    """Return the update of the clock's document: one writer's `low` (None: it leaves), and the horizon after it."""
    others = {
        "$filter": {
            "input": {"$ifNull": ["$writers", []]},
            "cond": {
                "$and": [
                    {"$ne": ["$$this.id", writer]},
                    {"$gt": ["$$this.seen", {"$subtract": ["$$NOW", DROP_MS]}]},
                ]
            },
        }
    }
    after_horizon = {"$max": ["$$NOW", {"$add": ["$horizon", 1]}]}
    own: Any = low
    if entering:
        own = {"$min": [low, after_horizon]} if low else after_horizon
    writers = others if own is None else {"$concatArrays": [others, [{"id": writer, "low": own, "seen": "$$NOW"}]]}
    lowest = {"$min": [{"$min": "$writers.low"}, "$$NOW"]}
    return [
        {"$set": {"now": "$$NOW", "writers": writers}},
        {"$set": {"horizon": {"$max": ["$horizon", {"$subtract": [lowest, 1]}]}}},
    ]
