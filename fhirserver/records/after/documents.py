"""Documents that the server itself puts into a record, and what becomes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp import issued, labels, marks
from fhirserver.dmp.issued import Issued
from fhirserver.dmp.names import URI
from fhirserver.dmp.submissions import derived
from fhirserver.interactions.shown.selecting import identities
from fhirserver.records import keeping
from fhirserver.records.after import merging, notices
from fhirserver.store import Draft, Stored, Transaction
from fhirserver.workflow.context import Work

KIND: Final = "DocumentReference"
_SENDER: Final = "fhirserver"
"""Who submits what the server makes itself: its sourceId comes from this name."""


def store(work: Work, key: str, told: Issued, content: bytes, same: Collection[str] = ()) -> None:
    """Plan a document with its content and its submission set in a record, and tell the patient of it.

    Args:
        work: the commit.
        key: of the record.
        told: what the document tells.
        content: its PDF.
        same: ids of documents that tell the same: who hid one of them, or what this one replaces, hid what it tells.
    """
    transaction = work.transaction
    patient = told.subject.partition("/")[2]
    identity = transaction.reserve(KIND, None, patient)
    binary = transaction.reserve("Binary", None, identity)
    alike = {*same, *((told.replaces.partition("/")[2],) if told.replaces else ())}
    hidden = {label for each in alike for label in _labels(transaction, each)}
    document = issued.document(told, content, f"Binary/{binary}", hidden)
    held = {
        "resourceType": "Binary",
        "contentType": "application/pdf",
        "securityContext": {"reference": f"{KIND}/{identity}"},
    }
    _create(work, held, binary, marks.of_content(key, identity), transaction.put_file(content))
    _create(work, document, identity, marks.of_document(document, key))
    made = derived.submission_set(document, f"{KIND}/{identity}", _SENDER, told.at)
    _create(work, made, transaction.reserve("List", None, identity), marks.of_list(key, [identity]))
    notices.of_document(transaction, key, identity, told.author.name)


def _labels(transaction: Transaction, identity: str) -> frozenset[str]:
    stored = transaction.read(KIND, identity)
    return frozenset() if stored is None or stored.deleted else labels.of(jsontext.read(stored.body))


def find(work: Work, parameter: str, value: str) -> list[str]:
    """Return the ids of the documents that a criterion selects, a few at most."""
    return identities(work.services, KIND, [(parameter, value)], 5, work.transaction)


def named(work: Work, unique_id: str) -> str | None:
    """Return the id of the document of a uniqueId."""
    return next(iter(find(work, "identifier", f"{URI}|{unique_id}")), None)


def end(work: Work, identity: str, status: str) -> None:
    """Plan the version that says that a document holds no more, if it does."""
    current = work.transaction.read(KIND, identity)
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


def place_of(work: Work, subject: str) -> tuple[str, str] | None:
    """Return the record that takes a patient's documents, and the reference to him.

    Of a patient who was merged into another, both are the survivor's. None where he is not here, or has no INS.
    """
    place: tuple[str, str] | None = None
    for _ in range(merging.MOST):
        stored = patient_of(work.transaction, subject)
        if stored is None:
            break
        patient = jsontext.read(stored.body)
        key = next(iter(keeping.of_patient(patient)), None)
        # a link that no operator made has merged nothing
        if key is None or (place is not None and place[0] not in keeping.read(work.transaction, key).former):
            break
        place, subject = (key, subject), f"Patient/{merging.survivor_of(patient)}"
    return place


def patient_of(transaction: Transaction, subject: str) -> Stored | None:
    """Return the Patient whom a reference names; None where he is not here."""
    kind, _, identity = subject.partition("/")
    stored = transaction.read("Patient", identity) if kind == "Patient" else None
    return None if stored is None or stored.deleted else stored


def called(person: Mapping[str, Any] | None) -> str:
    """Return how a person is called, for display."""
    name: Mapping[str, Any] = next(iter((person or {}).get("name", ())), {})
    parts = [*name.get("prefix", ()), *name.get("given", ()), name.get("family", "")]
    return str(name.get("text") or " ".join(part for part in parts if part))


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
