"""What was delivered of a prescription issued here appears in the patient's active DMP, with a PDF that reports it.

One document for each type of what one push records: medicines 60593-1, supplies DISP_AUT. A delivery taken back leaves
the record: its document is deleted, or replaced by one of what remains. Never for what is secret (termination of
pregnancy), nor where the patient opposes that prescribers see the execution: for this prescription, or in his record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver import jsontext
from fhirserver.dmp import issued
from fhirserver.dmp.issued import Author, Issued
from fhirserver.dmp.names import NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE
from fhirserver.dmp.records.record import Opposition
from fhirserver.dmp.visibility import DELETED
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.selecting import identities
from fhirserver.prescription import lines
from fhirserver.prescription.execution import executions
from fhirserver.prescription.print import people, printing
from fhirserver.prescription.print.printed import PrintedPrescriber
from fhirserver.prescription.report import dispensed, drawing
from fhirserver.prescription.report.dispensed import Delivery
from fhirserver.records import keeping
from fhirserver.records.after import documents
from fhirserver.store import Stored, Transaction
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts.expiring import server_request
from fhirserver.workflow.context import Work, Workflow, present
from fhirserver.workflow.marks import Mark, is_minors_secret, mark_of
from fhirserver.workflow.parties import Parties

_TAKEN_BACK = "entered-in-error"


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A delivery as stored, read with the line that it executes."""

    reference: str
    stored: Stored
    delivery: Delivery


def publish(workflow: Workflow, services: Services, lease: Lease) -> None:
    """Put the deliveries of one push into the record, with the outbox task marked as done in the same commit."""

    def attempt(transaction: Transaction) -> None:
        work = Work(workflow, services, server_request(), transaction, present())
        by_type: dict[str, list[str]] = {}
        for reference in lease.body["deliveries"]:
            by_type.setdefault(str(issued.type_of_execution(reference.partition("/")[0])), []).append(reference)
        for document_type, references in by_type.items():
            _publish(work, document_type, references)
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def withdraw(workflow: Workflow, services: Services, lease: Lease) -> None:
    """Take a delivery that was taken back out of the record."""

    def attempt(transaction: Transaction) -> None:
        work = Work(workflow, services, server_request(), transaction, present())
        for identity in documents.find(work, "related", str(lease.body["delivery"])):
            _revise(work, identity)
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def _revise(work: Work, identity: str) -> None:
    """End a document one of whose deliveries was taken back; what remains of it is told by another."""
    stored = work.transaction.read(documents.KIND, identity)
    document: dict[str, Any] = jsontext.read(stored.body) if stored is not None and not stored.deleted else {}
    if document.get("status") != "current" or stored is None or "dmp" not in stored.origin:
        return
    document_type = document["type"]["coding"][0]["code"]
    references = [each["reference"] for each in document["context"]["related"]]
    replaced = _publish(work, document_type, references, f"{documents.KIND}/{identity}")
    documents.end(work, identity, "superseded" if replaced else DELETED)


def _publish(work: Work, document_type: str, references: Sequence[str], replaces: str | None = None) -> bool:
    """Plan the document of what holds of some deliveries; tell whether there is one."""
    found = [each for reference in references if (each := _recorded(work, reference)) is not None]
    if not any(each.delivery.resource.get("status") == "completed" for each in found):
        return False
    mark = mark_of(found[0].stored)
    assert mark is not None, "what is recorded of an issued line bears its mark"
    subject = str(found[0].delivery.line.resource.get("subject", {}).get("reference", ""))
    patient = documents.patient_of(work.transaction, subject)
    place = documents.place_of(work, subject)
    if patient is None or place is None or not _may_stand(work, mark, place[0]):
        return False
    key, subject = place
    who: Mapping[str, Any] = found[0].stored.origin.get("who", {})
    author = Author(who.get("rpps"), who.get("structure"), str(who.get("name") or who.get("rpps") or ""))
    if not author.rpps and not author.structure:
        return False
    report = dispensed.report(
        mark.number,
        _prescriber(work, found[0].delivery),
        [each.delivery for each in found],
        _dispenser(work, author, who.get("profession")),
        printing.printed_patient(jsontext.read(patient.body)),
        work.today,
    )
    held = tuple(each.reference for each in found)
    secret = any(is_minors_secret(each.delivery.line) for each in found)
    unique_id = issued.unique_id(mark.number, document_type, *held)
    told = Issued(unique_id, document_type, subject, author, work.now, secret, held, replaces)
    types = {issued.type_of(each.delivery.line.kind.value) for each in found}
    prescribed = [documents.named(work, issued.unique_id(mark.number, each)) for each in sorted(types)]
    documents.store(work, key, told, drawing.draw(report), [each for each in prescribed if each is not None])
    return True


def _may_stand(work: Work, mark: Mark, key: str) -> bool:
    record = keeping.read(work.transaction, key)
    hidden = mark.secret or mark.opposed or Opposition.EXECUTION in record.oppositions
    return record.fed and not hidden


def _recorded(work: Work, reference: str) -> _Recorded | None:
    """Return a delivery that holds, with its line; None where it was taken back."""
    kind, _, identity = reference.partition("/")
    stored = work.transaction.read(kind, identity)
    if stored is None or stored.deleted:
        return None
    resource: dict[str, Any] = jsontext.read(stored.body)
    if resource.get("status") == _TAKEN_BACK:
        return None
    parties = Parties(work)
    found = ((line, parties.resolve(line)) for line in executions.lines_of(resource))
    line, prescribed = next((line, held) for line, held in found if held is not None)
    read = lines.read(prescribed, line, resolve=parties.resolve, kinds=work.workflow.tables.kinds)
    product = parties.of(resource, "medicationReference")
    return _Recorded(reference, stored, Delivery(resource, read, () if product is None else (product,)))


def _prescriber(work: Work, delivery: Delivery) -> str:
    resource = delivery.line.resource
    person, _ = Parties(work).prescriber(resource)
    return documents.called(person) or str(resource.get("requester", {}).get("display", ""))


def _dispenser(work: Work, author: Author, profession: str | None) -> PrintedPrescriber:
    """Return the mentions of who delivered: as the directory here knows him, else as his token does."""
    number = f"{NATIONAL_PROFESSIONAL}|8{author.rpps}" if author.rpps else None
    person = _by_identifier(work, "Practitioner", number) or {"name": [{"text": author.name}]}
    structure = {"system": NATIONAL_STRUCTURE, "value": author.structure} if author.structure else None
    house = None
    if structure is not None:
        house = _by_identifier(work, "Organization", "|".join(structure.values())) or {"identifier": [structure]}
    numbers = [*people.identifiers(person, house)]
    if author.rpps and not any(each.startswith("RPPS") for each in numbers):
        numbers.insert(0, f"RPPS {author.rpps}")
    return PrintedPrescriber(
        name=people.name(person, title=True) or author.name,
        quality=people.quality(person, None, profession),
        identifiers=tuple(numbers),
        address=tuple(people.address(person, house)),
        telecoms=tuple(people.telecoms(house, person)),
    )


def _by_identifier(work: Work, kind: str, identifier: str | None) -> dict[str, Any] | None:
    if identifier is None:
        return None
    found = identities(work.services, kind, [("identifier", identifier)], 1, work.transaction)
    stored = work.transaction.read(kind, found[0]) if found else None
    return None if stored is None or stored.deleted else jsontext.read(stored.body)
