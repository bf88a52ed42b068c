"""A prescription issued here appears in the patient's active DMP: one document a type, with the PDF of its lines.

Done from the outbox: the documents and the end of the task are one commit, so that each appears exactly once. Never for
what is secret (termination of pregnancy), nor where the record is not active or its feeding is opposed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp import issued, marks
from fhirserver.dmp.issued import Issued
from fhirserver.dmp.names import URI
from fhirserver.dmp.visibility import DELETED
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.selecting import identities
from fhirserver.prescription.states import State
from fhirserver.prescription.tasks import View
from fhirserver.records import keeping
from fhirserver.store import Draft, Transaction
from fhirserver.store.commits import claims
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts.expiring import server_request
from fhirserver.workflow.after import printing
from fhirserver.workflow.context import Work, Workflow, present
from fhirserver.workflow.marks import mark_of
from fhirserver.workflow.parties import Parties

_KIND: Final = "DocumentReference"
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
        value = f"{URI}|{issued.unique_id(number, document_type)}"
        for identity in identities(work.services, _KIND, [("identifier", value)], 1, work.transaction):
            _end(work, identity, "superseded" if State.REPLACED in states else DELETED)


def _end(work: Work, identity: str, status: str) -> None:
    """Plan the version that says that a document holds no more, if it does."""
    current = work.transaction.read(_KIND, identity)
    if current is None or current.deleted or "dmp" not in current.origin:
        return
    document = jsontext.read(current.body)
    if document["status"] != "current":
        return
    kept = current.origin["dmp"]
    changed = {**document, "status": status}
    work.transaction.update(
        Draft(
            resource=changed,
            id=identity,
            index=work.services.indexer.extract(changed),
            origin={
                **work.request.provenance(),
                "dmp": marks.of_document(changed, kept["record"], kept["authors"]),
            },
            method="PATCH",
        )
    )


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
    key = _record(work, subject)
    if key is None or not keeping.read(work.transaction, key).fed:
        return
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
        secret[document_type] = secret.get(document_type, False) or issued.is_minors_secret(line.resource)
    person, _ = Parties(work).prescriber(first)
    name = _name(person) or str(first.get("requester", {}).get("display", "")) or rpps
    for document_type, references in by_type.items():
        content = printing.drawn(work, task, {**body, "lines": references})
        told = Issued(mark.number, document_type, subject, rpps, name, work.now, secret[document_type])
        _store(work, key, told, content)


def _store(work: Work, key: str, told: Issued, content: bytes) -> None:
    transaction = work.transaction
    patient = told.subject.partition("/")[2]
    identity = transaction.reserve(_KIND, None, patient)
    binary = transaction.reserve("Binary", None, identity)
    document = issued.document(told, content, f"Binary/{binary}")
    held = {
        "resourceType": "Binary",
        "contentType": "application/pdf",
        "securityContext": {"reference": f"{_KIND}/{identity}"},
    }
    _create(work, held, binary, marks.of_content(key, identity), transaction.put_file(content))
    _create(work, document, identity, marks.of_document(document, key))


def _create(work: Work, resource: dict[str, Any], identity: str, mark: dict[str, Any], *files: Any) -> None:
    work.transaction.create(
        Draft(
            resource=resource,
            id=identity,
            index=work.services.indexer.extract({**resource, "id": identity}),
            origin={**work.request.provenance(), "dmp": mark},
            files=files,
        )
    )


def _record(work: Work, subject: str) -> str | None:
    """Return the record of the patient whom a line names; None where he has no INS."""
    kind, _, identity = subject.partition("/")
    stored = work.transaction.read("Patient", identity) if kind == "Patient" else None
    keys = keeping.of_patient(jsontext.read(stored.body)) if stored is not None and not stored.deleted else []
    return keys[0] if keys else None


def _name(person: Mapping[str, Any] | None) -> str:
    """Return how a person is called, for display."""
    name: Mapping[str, Any] = next(iter((person or {}).get("name", ())), {})
    parts = [*name.get("prefix", ()), *name.get("given", ()), name.get("family", "")]
    return str(name.get("text") or " ".join(part for part in parts if part))
