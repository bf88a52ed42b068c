"""Doing a request that was accepted to be answered later: once, however often its worker is killed.

A transaction commits together with its answer and with its being done. Entries of a batch commit each with the note
that they are; a worker that takes over goes on after them. What only reads is read again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import Failure, Unavailable
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.later import kept
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.outcomes import INTERNAL, outcome
from fhirserver.interactions.writes import writing
from fhirserver.store import Transaction, jobs
from fhirserver.store.jobs import JobGone
from fhirserver.store.outbox import Lease, LeaseLost

TRIES: Final = 5
"""Attempts after which a request that meets faults of ours is answered with them."""
LEASE: Final = 30.0
_BEAT: Final = 2.0
"""Seconds between two signs of life."""

_log: Final = logging.getLogger("fhirserver")


def do(services: Services, lease: Lease) -> None:
    """Do one request: the handler of the outbox.

    Raises:
        LeaseLost: another worker does it.
        Exception: it is to be tried again.
    """
    job = jobs.find(lease.body["job"])
    if job is None:
        services.store.transact(lambda transaction: services.store.outbox.complete(transaction, lease))
        return
    data = services.store.files.read(job.body) if job.body else b""
    work = Work(services, lease, kept.read(job.request, data), services.store.horizon())
    try:
        with Pulse(work):
            work.run()
    except JobGone:
        services.store.transact(lambda transaction: services.store.outbox.complete(transaction, lease))


@dataclass
class Work:
    """One attempt at a request.

    Attributes:
        moment: what was written until then, a search finds.
        sealed: whether the result has been committed with the writes.
        entries: what earlier attempts at a batch have committed, by position.
        count: entries of a batch done so far.
    """

    services: Services
    lease: Lease
    request: Request
    moment: datetime
    sealed: bool = False
    entries: dict[int, dict[str, Any]] = field(default_factory=dict)
    count: int = 0
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def identity(self) -> str:
        """The job's id."""
        return str(self.lease.body["job"])

    @property
    def last(self) -> bool:
        """Whether there is no further attempt."""
        return self.lease.tries >= TRIES

    def run(self) -> None:
        """Perform the request and keep its answer, or its refusal."""
        if self.lease.tries > 1:
            self.entries = jobs.entries(self.services.store, self.identity)
        if self.lease.tries > TRIES:
            # whoever did it died of it, again and again
            self.refuse(500, outcome([INTERNAL], self.request.language))
            return
        try:
            answer = self.services.router.perform(replace(self.request, course=Whole(self)))
        except (LeaseLost, JobGone):
            raise
        except Failure as failure:
            if isinstance(failure, Unavailable) and not self.last:
                raise
            self.refuse(failure.status, outcome(failure.issues, self.request.language))
            return
        except Exception:
            # the outbox tries again; but whoever asked is answered in the end
            if not self.last:
                raise
            _log.exception("asynchronous request %s failed", self.identity)
            self.refuse(500, outcome([INTERNAL], self.request.language))
            return
        if not self.sealed:
            self.services.store.transact(lambda transaction: self.keep(transaction, answer, self.moment))

    def refuse(self, status: int, told: Mapping[str, Any]) -> None:
        """Keep a refusal as the answer."""
        answer = Answer(status, resource=dict(told))
        self.services.store.transact(lambda transaction: self.keep(transaction, answer, self.moment))

    def keep(self, transaction: Transaction, answer: Answer, moment: datetime) -> None:
        """Commit the answer, the audit of what it tells, and that the task is done."""
        data = jsontext.write(answer.resource) if answer.resource is not None else answer.json or b""
        expires = datetime.now(UTC) + timedelta(hours=self.services.settings.async_hours)
        values = {"status": answer.status, "moment": moment, "expires": expires}
        jobs.finish(transaction, self.identity, result=data, values=values)
        self.services.store.outbox.complete(transaction, self.lease)
        if self.request.trail:
            transaction.audit(self.request.trail)


@dataclass(frozen=True)
class Whole:
    """The course of a request that came alone."""

    work: Work

    @property
    def last(self) -> bool:
        """Whether there is no further attempt."""
        return self.work.last

    def seal(self, transaction: Transaction, answer: Answer) -> None:
        """Commit the answer with the writes."""
        self.work.keep(transaction, answer, transaction.moment)
        self.work.sealed = True

    def entry(self, position: int) -> Entry:
        """Return the course of one entry of a batch."""
        return Entry(self.work, position)

    def done(self) -> Answer | None:
        """Nothing: a request whose answer was committed is not begun again."""
        return None


@dataclass(frozen=True)
class Entry:
    """The course of one entry of a batch."""

    work: Work
    position: int

    @property
    def last(self) -> bool:
        """Whether there is no further attempt."""
        return self.work.last

    def seal(self, transaction: Transaction, answer: Answer) -> None:
        """Commit with the entry's writes what is needed to answer it again."""
        stored = answer.stored
        content: dict[str, Any] = {"status": answer.status, "located": answer.location is not None}
        if stored is not None:
            content |= {"type": stored.type, "id": stored.id, "version": stored.version}
        jobs.keep_entry(transaction, self.work.identity, self.position, content)

    def entry(self, position: int) -> Entry:
        """Return another entry's."""
        return Entry(self.work, position)

    def done(self) -> Answer | None:
        """Return what an earlier attempt was answered; raises JobGone when nobody waits for it any more."""
        work = self.work
        if work.gone.is_set():
            raise JobGone
        work.count += 1
        content = work.entries.get(self.position)
        if content is None:
            return None
        stored = None
        location = None
        if "type" in content:
            kind, identity, version = content["type"], content["id"], content["version"]
            stored = work.services.store.vread(kind, identity, version)
            location = writing.location(kind, identity, version) if content["located"] else None
        return Answer(content["status"], stored, location=location, written=True)


class Pulse:
    """Tells while the work goes on that its worker lives and how far it is; notes when it was withdrawn."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> None:
        self._tell()
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT):
            try:
                self._tell()
            except Failure:
                # MongoDB is away: the lease may be lost, and the commit will know
                continue

    def _tell(self) -> None:
        work = self._work
        there = jobs.note(work.identity, f"{work.count} entries done" if work.count else None)
        if not (there and work.services.store.outbox.renew(work.lease, seconds=LEASE)):
            work.gone.set()
