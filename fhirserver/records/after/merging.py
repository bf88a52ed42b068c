"""Merged patients: what belongs to a record moves to the record of the identity that survives.

An operator's PUT of a Patient whose `link` says `replaced-by` another Patient begins it: the link alone decides whose
record a document is in, so nobody else's link has this effect. Oppositions and blocks of both hold in what remains;
documents, their contents and lots get a version that names the survivor, a few hundred at a time; the former record is
closed at last. A record that was closed keeps its documents: they stay unreadable.

A submission that was under way when the record closed may commit after it: what belongs to the former record is looked
for again, at last when no such commit can be open any longer.
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
AGAIN: Final = (5.0, 70.0)
"""Seconds after which a closed record is looked into again: most that was under way is committed soon, and nothing can
commit later (`transactionLifetimeLimitSeconds` is 60)."""
MOST: Final = 10
"""How many identities of a patient are followed, one merged into the next."""
_MARK: Final = "merge"
"""Under this name a Patient's version keeps the survivor to whom an operator linked him."""
_KINDS: Final = ("DocumentReference", "List", "Binary", "Bundle", "Communication")


def replaced(request: Request, found: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a push by which an operator says that a Patient was replaced."""
    if request.caller.role is not Role.OPERATOR:
        return []
    return [entry for entry in found if entry.method == "PUT" and survivor_of(entry.resource or {}) is not None]


def note(transaction: Transaction, entries: Sequence[Entry]) -> None:
    """Have the records of replaced Patients move after this commit.

    A link that somebody else had put there is no operator's for being in what he sends back.
    """
    for entry in entries:
        survivor = survivor_of(entry.resource or {})
        current = transaction.read("Patient", str(entry.identity))
        before = jsontext.read(current.body) if current is not None and not current.deleted else {}
        if current is not None and survivor_of(before) == survivor and current.origin.get(_MARK) != survivor:
            continue
        entry.marks[_MARK] = survivor
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
        again = _merge(services, transaction, lease)
        if again is not None:
            transaction.enqueue(again)
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def _merge(services: Services, transaction: Transaction, lease: Lease) -> Task | None:
    """Plan the next part of a move; return what remains to be done."""
    former = _patient(transaction, str(lease.body["patient"]))
    survivor = _last(transaction, former) if former is not None else None
    old, new = _key(former), _key(survivor)
    if survivor is None or old is None or new is None or old == new:
        return None
    record = keeping.read(transaction, old)
    if record.state is State.CLOSED and "again" not in lease.body:
        return None
    request = server_request()
    if record.state is not State.CLOSED:
        keeping.change(services, request, transaction, new, lambda kept: acts.absorb(kept, record))
    found = _belonging(services, transaction, old)
    for stored in found:
        transaction.update(_moved(services, stored, new, f"Patient/{survivor['id']}"))
    if len(found) == BATCH:
        return Task(MERGE, lease.body, lease.key)
    if record.state is State.ACTIVE:
        closure = Closure(datetime.now(UTC).date(), Motive.ADMINISTRATIVE, "identité remplacée")
        keeping.change(
            services, request, transaction, old, lambda kept: replace(kept, state=State.CLOSED, closure=closure)
        )
    times = int(lease.body.get("again", 0))
    if times == len(AGAIN):
        return None
    return Task(MERGE, {**lease.body, "again": times + 1}, delay=AGAIN[times])


def _last(transaction: Transaction, patient: dict[str, Any]) -> dict[str, Any] | None:
    """Return whom a replaced Patient lives on as: his survivor, or the one into whom that one was merged himself."""
    known, place = {patient["id"]}, patient
    for _ in range(MOST):
        following = _patient(transaction, survivor_of(place) or "")
        new = _key(following)
        if following is None or new is None:
            break
        # a link that no operator made has merged nothing
        if place is not patient and _key(place) not in keeping.read(transaction, new).former:
            break
        if following["id"] in known:
            return None
        known.add(following["id"])
        place = following
    return None if place is patient else place


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
