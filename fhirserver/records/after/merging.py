"""Merged patients: what belongs to a record moves to the record of the identity that survives.

An operator's PUT of a Patient whose `link` says `replaced-by` another Patient begins it: the link alone decides whose
record a document is in, so nobody else's link has this effect. Oppositions and blocks of both hold in what remains;
documents, their contents and lots get a version that names the survivor, a few hundred at a time; the former record is
closed at last. A record that was closed keeps its documents: they stay unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.dmp import marks
from fhirserver.dmp.records import record as acts
from fhirserver.dmp.records.record import Closure, Motive
from fhirserver.dmp.visibility import State
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.records import keeping
from fhirserver.records.indexes import OF_RECORD
from fhirserver.store import Draft, FileRef, Stored, Task, Transaction
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts.expiring import server_request

MERGE: Final = "dmp-merge"
"""Kind of the outbox task that moves a record."""
BATCH: Final = 200
_KINDS: Final = ("DocumentReference", "List", "Binary", "Bundle", "Communication")


def replaced(request: Request, found: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a push by which an operator says that a Patient was replaced."""
    if request.caller.role is not Role.OPERATOR:
        return []
    return [entry for entry in found if entry.method == "PUT" and survivor_of(entry.resource or {}) is not None]


def note(transaction: Transaction, entries: Sequence[Entry]) -> None:
    """Have the records of replaced Patients move after this commit."""
    for entry in entries:
        transaction.enqueue(Task(MERGE, {"patient": str(entry.identity)}, f"{MERGE} {entry.identity}"))


def survivor_of(patient: Mapping[str, Any]) -> str | None:
    """Return the id of the Patient by whom one is replaced; None if he is not."""
    if patient.get("resourceType") != "Patient":
        return None
    links = patient.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("type") == "replaced-by" and isinstance(link.get("other"), Mapping):
            kind, _, identity = str(link["other"].get("reference", "")).rpartition("/")
            if kind.endswith("Patient") and identity:
                return identity
    return None


def merge(services: Services, lease: Lease) -> None:
    """Move a record, or a part of it, with the outbox task marked as done in the same commit."""

    def attempt(transaction: Transaction) -> None:
        if _merge(services, transaction, str(lease.body["patient"])):
            transaction.enqueue(Task(MERGE, lease.body, lease.key))
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def _merge(services: Services, transaction: Transaction, identity: str) -> bool:
    """Plan the next part of a move; tell whether more remains."""
    former = _patient(transaction, identity)
    survivor = _patient(transaction, survivor_of(former or {}) or "")
    old, new = _key(former), _key(survivor)
    if survivor is None or old is None or new is None or old == new:
        return False
    record = keeping.read(transaction, old)
    if record.state is State.CLOSED:
        return False
    request = server_request()
    keeping.change(services, request, transaction, new, lambda kept: acts.absorb(kept, record))
    found = _belonging(services, transaction, old)
    for stored in found:
        transaction.update(_moved(services, stored, new, f"Patient/{survivor['id']}"))
    if len(found) == BATCH:
        return True
    if record.state is State.ACTIVE:
        closure = Closure(datetime.now(UTC).date(), Motive.ADMINISTRATIVE, "identité remplacée")
        keeping.change(
            services, request, transaction, old, lambda kept: replace(kept, state=State.CLOSED, closure=closure)
        )
    return False


def _belonging(services: Services, transaction: Transaction, key: str) -> list[Stored]:
    condition = {"w.dmp.record": key, "t": {"$in": list(_KINDS)}, "live": True}
    return [services.store.stored(each) for each in transaction.find(condition, limit=BATCH, hint=OF_RECORD)]


def _moved(services: Services, stored: Stored, key: str, survivor: str) -> Draft:
    """Return the version of a resource that belongs to another record."""
    resource: dict[str, Any] = jsontext.read(stored.body)
    if "subject" in resource:
        resource["subject"] = {"reference": survivor}
    if "recipient" in resource:
        resource["recipient"] = [{"reference": survivor}]
    kept = stored.origin["dmp"]
    told = {**kept, "record": key}
    if stored.type == "DocumentReference":
        told = marks.of_document(resource, key, _authors(kept, key))
    return Draft(
        resource=resource,
        id=stored.id,
        index=services.indexer.extract(resource),
        origin={**server_request().provenance(), "dmp": told},
        method="PUT",
        files=tuple(FileRef(name, 0) for name in stored.files),
    )


def _authors(kept: Mapping[str, Any], key: str) -> list[str]:
    """Return a document's authors; what the patient wrote under his former identity stays his own."""
    old, new = (f"ins:{record.partition('|')[2]}" for record in (kept["record"], key))
    return [*kept["authors"], *([new] if old in kept["authors"] else ())]


def _patient(transaction: Transaction, identity: str) -> dict[str, Any] | None:
    stored = transaction.read("Patient", identity) if identity else None
    return None if stored is None or stored.deleted else jsontext.read(stored.body)


def _key(patient: dict[str, Any] | None) -> str | None:
    return next(iter(keeping.of_patient(patient)), None) if patient is not None else None
