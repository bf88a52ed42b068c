"""Tasks that a commit leaves to be done after it: durable, one worker at a time, in order for each key.

`outbox`: `{_id, kind, body, key, state: waiting | failed | done, due, tries, lease, error, done}`. `_id` begins with
the moment of the commit, so tasks of one key sort as their commits did.

A worker takes a task for the length of a lease; if it dies, another takes the task when the lease ends. So a task may
be begun more than once, and its effect must come with `Outbox.complete` in one transaction: then it happens exactly
once, since completing fails for a worker whose lease was lost. A task of which every worker died is set aside as one
that failed is: it would end the worker of all others again and again.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pymongo import ReturnDocument
from pymongo.database import Database

from fhirserver.store.connection import DURABLE, translated
from fhirserver.store.kept.values import Task

if TYPE_CHECKING:
    from fhirserver.store.commits.transaction import Transaction

LEASE: Final = 60.0
"""Seconds that a worker has for one task."""
TRIES: Final = 12
"""Attempts after which a task is set aside as failed (about 19 hours)."""
_FIRST_PAUSE: Final = 2.0
_LONGER: Final = 4.0
"""By what a pause is longer than the one before."""
_LONGEST_PAUSE: Final = 4 * 3600.0
_DIED: Final = "whoever did it died of it, or took longer than the lease, each time"
_CANDIDATES: Final = 20


class LeaseLost(Exception):  # noqa: N818 - what happened, as the other failures are named
    """Another worker has taken the task meanwhile: nothing of this attempt may be kept."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A task that a worker holds.

    Attributes:
        id: of the task.
        tries: how often it has been begun, this time included.
        token: proves that this worker holds it.
    """

    id: str
    kind: str
    body: Mapping[str, Any]
    key: str | None
    tries: int
    token: str


class Outbox:
    """The tasks of a database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._tasks = database["outbox"].with_options(write_concern=DURABLE)

    def planned(self, task: Task, moment: datetime, number: int) -> dict[str, Any]:
        """Return what a commit writes for a task.

        Args:
            task: what to do.
            moment: of the commit.
            number: which task of the commit it is.
        """
        return {
            "_id": f"{moment:%Y%m%dT%H%M%S%f}-{number:05d}-{secrets.token_hex(6)}",
            "kind": task.kind,
            "body": task.body,
            "key": task.key,
            "state": "waiting",
            "due": moment + timedelta(seconds=task.delay),
            "tries": 0,
        }

    def take(self, kinds: Sequence[str], *, lease: float = LEASE, now: datetime | None = None) -> Lease | None:
        """Take the task that is due longest; None if nothing is due.

        A task waits while an earlier one of its key is not done.
        """
        with translated():
            present = now or datetime.now(UTC)
            blocked: list[str] = []
            while True:
                due = {"state": "waiting", "due": {"$lte": present}, "kind": {"$in": list(kinds)}}
                candidates = list(self._tasks.find({**due, "key": {"$nin": blocked}}).sort("due", 1).limit(_CANDIDATES))
                for task in candidates:
                    if task["key"] is not None and self._has_earlier(task):
                        blocked.append(task["key"])
                        continue
                    # a task that its worker gave back, or an operator, has no token
                    if task["tries"] >= TRIES and "token" in task:
                        self._set_aside(task)
                        blocked.clear()
                        break
                    taken = self._lease(task, lease, present)
                    if taken is not None:
                        return taken
                else:
                    if len(candidates) < _CANDIDATES:
                        return None

    def complete(self, transaction: Transaction, lease: Lease) -> None:
        """Mark a task as done in the transaction that holds its effect.

        Raises:
            LeaseLost: another worker has it.
        """
        done = self._tasks.update_one(
            _held(lease),
            {"$set": {"state": "done", "done": datetime.now(UTC)}, "$unset": {"token": ""}},
            session=transaction.session,
        )
        if not done.matched_count:
            raise LeaseLost

    def renew(self, lease: Lease, *, seconds: float = LEASE) -> bool:
        """Hold a task that takes longer for as long again; False if another worker has it."""
        due = datetime.now(UTC) + timedelta(seconds=seconds)
        with translated():
            return bool(self._tasks.update_one(_held(lease), {"$set": {"due": due}}).matched_count)

    def fail(self, lease: Lease, error: str, *, now: datetime | None = None) -> None:
        """Give a task back after a failure: it is tried again later, and set aside after `TRIES` attempts."""
        pause = min(_FIRST_PAUSE * _LONGER ** (lease.tries - 1), _LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads, keeps no secret
        state = "failed" if lease.tries >= TRIES else "waiting"
        due = (now or datetime.now(UTC)) + timedelta(seconds=pause)
        with translated():
            self._tasks.update_one(
                _held(lease), {"$set": {"state": state, "due": due, "error": error[:2000]}, "$unset": {"token": ""}}
            )

    def failed(self) -> list[dict[str, Any]]:
        """Return the tasks that were set aside, oldest first."""
        with translated():
            return list(self._tasks.find({"state": "failed"}).sort("due", 1).limit(1000))

    def again(self) -> int:
        """Have the tasks that were set aside tried again, as if for the first time; return how many."""
        anew = {"$set": {"state": "waiting", "tries": 0, "due": datetime.now(UTC)}}
        with translated():
            return self._tasks.update_many({"state": "failed"}, anew).modified_count

    def _set_aside(self, task: Mapping[str, Any]) -> None:
        self._tasks.update_one(
            {"_id": task["_id"], "state": "waiting", "due": task["due"]},
            {"$set": {"state": "failed", "error": _DIED}, "$unset": {"token": ""}},
        )

    def _has_earlier(self, task: Mapping[str, Any]) -> bool:
        earlier = {"key": task["key"], "state": "waiting", "_id": {"$lt": task["_id"]}}
        return self._tasks.find_one(earlier, {"_id": True}) is not None

    def _lease(self, task: Mapping[str, Any], seconds: float, now: datetime) -> Lease | None:
        token = secrets.token_hex(8)
        taken = self._tasks.find_one_and_update(
            {"_id": task["_id"], "state": "waiting", "due": task["due"]},
            {"$set": {"due": now + timedelta(seconds=seconds), "token": token}, "$inc": {"tries": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if taken is None:
            return None
        return Lease(taken["_id"], taken["kind"], taken["body"], taken["key"], taken["tries"], token)


def _held(lease: Lease) -> dict[str, Any]:
    return {"_id": lease.id, "state": "waiting", "token": lease.token}
