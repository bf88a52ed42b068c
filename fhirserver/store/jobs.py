"""Requests that are answered later: accepted, done and kept in the commits that they belong to.

`jobs`: `administered.Job`. `job_entries`: `{_id: job-position, at, content}`, what entries of a batch have committed,
so that a batch whose worker was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fhirserver.store.administered import Job
from fhirserver.store.connection import translated
from fhirserver.store.outbox import LeaseLost

if TYPE_CHECKING:
    from fhirserver.store.commits.transaction import Transaction
    from fhirserver.store.store import Store


class JobGone(Exception):  # noqa: N818 - what happened, as the other failures are named
    """Who asked has withdrawn the request: nothing of it may be kept any more."""


def accept(transaction: Transaction, job: Job) -> None:
    """Keep a new job with this commit."""
    job.validate()
    transaction.store.database["jobs"].insert_one(job.to_mongo().to_dict(), session=transaction.session)


def find(identity: str, owner: str | None = None) -> Job | None:
    """Return a job, if it is there and, where an owner is named, of that owner."""
    asked = {"id": identity} if owner is None else {"id": identity, "owner": owner}
    with translated():
        found: Job | None = Job.objects(**asked).first()
    return found


def waiting(owner: str) -> int:
    """Count an owner's jobs that are not done."""
    with translated():
        return int(Job.objects(owner=owner, state__ne="done").hint("owner").count())


def forget(identity: str, owner: str) -> bool:
    """Remove a job, done or not; False if its owner has none of that id."""
    with translated():
        return bool(Job.objects(id=identity, owner=owner).delete())


def note(identity: str, progress: str | None) -> bool:
    """Say that a job is running, and how far it is; False if it was withdrawn."""
    change = {"state": "running", "progress": progress}
    with translated():
        return bool(Job.objects(id=identity).update_one(**change))


def finish(transaction: Transaction, identity: str, *, result: bytes, values: Mapping[str, Any]) -> None:
    """Keep the result of a job with this commit; its body is not needed any more.

    Args:
        transaction: the commit.
        identity: of the job.
        result: the content of the answer.
        values: `status`, `media`, `moment` and `expires` of the job.

    Raises:
        JobGone: it was withdrawn.
    """
    kept = transaction.put_file(result).hash
    changed = transaction.store.database["jobs"].update_one(
        {"_id": identity},
        {"$set": {**values, "state": "done", "result": kept, "files": [kept]}, "$unset": {"body": "", "progress": ""}},
        session=transaction.session,
    )
    if not changed.matched_count:
        raise JobGone


def keep_entry(transaction: Transaction, identity: str, position: int, content: Mapping[str, Any]) -> None:
    """Keep with this commit that it did one entry of a job.

    Raises:
        LeaseLost: another worker has done it.
    """
    entries = transaction.store.database["job_entries"]
    name = f"{identity}-{position}"
    if entries.find_one({"_id": name}, session=transaction.session) is not None:
        raise LeaseLost
    entries.insert_one(
        {"_id": name, "job": identity, "position": position, "at": datetime.now(UTC), "content": dict(content)},
        session=transaction.session,
    )


def entries(store: Store, identity: str) -> dict[int, dict[str, Any]]:
    """Return what entries of a job have committed, by position."""
    with translated():
        found = store.database["job_entries"].find({"job": identity}).hint("job")
        return {entry["position"]: entry["content"] for entry in found}
