"""A prescription issued here appears in the patient's active DMP: one document a type, with the PDF of its lines.

Done from the outbox: the documents and the end of the task are one commit, so that each appears exactly once. Never for
what is secret (termination of pregnancy), nor where the record is not active or its feeding is opposed. What is
cancelled leaves the record; what another prescription replaces is superseded, and its successor says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp import issued
from fhirserver.dmp.issued import Author, Issued
from fhirserver.dmp.visibility import DELETED
from fhirserver.interactions.services import Services
from fhirserver.prescription.states import State
from fhirserver.prescription.tasks import View
from fhirserver.records import keeping
from fhirserver.records.after import documents
from fhirserver.store import Stored, Transaction
from fhirserver.store.commits import claims
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts.expiring import server_request
from fhirserver.workflow.after import printing
from fhirserver.workflow.context import Work, Workflow, present
from fhirserver.workflow.marks import is_minors_secret, mark_of
from fhirserver.workflow.parties import Parties

_GONE: Final = frozenset({State.CANCELLED, State.REPLACED})


def publish(workflow: Workflow, services: Services, lease: Lease) -> None:
    """Put one prescription into its patient's record, with the outbox task marked as done in the same commit."""

    def attempt(transaction: Transaction) -> None:
        work = Work(workflow, services, server_request(), transaction, present())
        _publish(work, lease.body)
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def withdraw(workflow: Workflow, services: Services, lease: Lease) -> None:
    """Take the documents of what was cancelled or replaced out of the record, as deleted or superseded."""

    def attempt(transaction: Transaction) -> None:
        work = Work(workflow, services, server_request(), transaction, present())
        _withdraw(work, str(lease.body["number"]))
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def _withdraw(work: Work, number: str) -> None:
    by_type: dict[str, set[State]] = {}
    for view in _tasks(work, number):
        by_type.setdefault(issued.type_of(view.kind.value), set()).add(view.state)
    for document_type, states in by_type.items():
        if states - _GONE:
            continue
        identity = documents.named(work, issued.unique_id(number, document_type))
        if identity is not None:
            documents.end(work, identity, "superseded" if State.REPLACED in states else DELETED)


def _tasks(work: Work, number: str) -> list[View]:
    """Return the Tasks of a prescription as they stand."""
    claimed = work.transaction.claimed(claims.name("number", number)) or {}
    found = [work.transaction.read("Task", identity) for identity in claimed.get("tasks", ())]
    return [View(jsontext.read(stored.body)) for stored in found if stored is not None and not stored.deleted]


def _publish(work: Work, body: Mapping[str, Any]) -> None:
    task = work.transaction.read("Task", body["task"])
    mark = mark_of(task)
    if task is None or mark is None or mark.secret:
        return
    lines = printing.lines_of(work, body)
    first = lines[0].resource
    subject = str(first.get("subject", {}).get("reference", ""))
    place = documents.place_of(work, subject)
    if place is None or not keeping.read(work.transaction, place[0]).fed:
        return
    key, subject = place
    rpps = next((name.partition(":")[2] for name in mark.by if name.startswith("rpps:")), None)
    if rpps is None:
        return
    by_type: dict[str, list[str]] = {}
    secret: dict[str, bool] = {}
    gone = {view.kind for view in _tasks(work, mark.number) if view.state in _GONE}
    for reference, line in zip(body["lines"], lines, strict=True):
        if line.kind in gone:
            continue
        document_type = issued.type_of(line.kind.value)
        by_type.setdefault(document_type, []).append(reference)
        secret[document_type] = secret.get(document_type, False) or is_minors_secret(line)
    person, _ = Parties(work).prescriber(first)
    name = documents.called(person) or str(first.get("requester", {}).get("display", "")) or rpps
    for document_type, references in by_type.items():
        content = printing.drawn(work, task, {**body, "lines": references})
        told = Issued(
            issued.unique_id(mark.number, document_type),
            document_type,
            subject,
            Author(rpps, None, name),
            work.now,
            secret[document_type],
            replaces=_replaced(work, task, document_type),
        )
        documents.store(work, key, told, content)


def _replaced(work: Work, task: Stored, document_type: str) -> str | None:
    """Return the reference to the document of a type of the prescription that a new one replaces, superseding it."""
    for former in jsontext.read(task.body).get("basedOn", ()):
        stored = work.transaction.read("Task", str(former.get("reference", "")).removeprefix("Task/"))
        mark = mark_of(stored)
        identity = documents.named(work, issued.unique_id(mark.number, document_type)) if mark is not None else None
        if identity is not None:
            documents.end(work, identity, "superseded")
            return f"{documents.KIND}/{identity}"
    return None
