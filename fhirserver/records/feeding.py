"""Feeding opens a record, or finds it closed: the part of a submission that is the record's own.

A record is created with its first document unless the patient opposes it (setting `dmp_creation`); a closed record, or
one whose feeding is opposed, takes none. Feeding asks for no authorisation (PSDm4DMP, rights before each transaction).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fhirserver.access.caller import Role
from fhirserver.dmp.records import record as acts
from fhirserver.dmp.records.record import Opposition, Record
from fhirserver.dmp.visibility import State
from fhirserver.errors import Forbidden, Unprocessable
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.records import callers, keeping
from fhirserver.records.after import notices
from fhirserver.records.sight import KIND
from fhirserver.store import Transaction

RELIABILITY = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"


def keys(found: Sequence[Entry]) -> list[str]:
    """Return the records that a submission's marks name."""
    return list(dict.fromkeys(entry.marks["dmp"]["record"] for entry in found if "dmp" in entry.marks))


def plan(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Create the record that a submission feeds, or refuse the submission.

    Raises:
        Unprocessable: the record is closed, opposed, or not there.
        Forbidden: a patient feeds another's record.
    """
    for key in keys(found):
        if request.caller.role is Role.PATIENT:
            _own(request, found, key)
        record = keeping.read(transaction, key)
        if record.state is State.ABSENT and services.settings.dmp_creation != "never":
            record = keeping.change(
                services, request, transaction, key, lambda record: acts.create(record, datetime.now(UTC))
            )
            notices.of_act(transaction, key, "create", sender(request))
        _require_fed(record)
        if request.caller.role is not Role.PATIENT and "document" in record.notified:
            for entry in found:
                if entry.marks.get("dmp", {}).get("record") == key and entry.kind == KIND:
                    notices.of_document(transaction, key, str(entry.identity), sender(request))


def identities(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Create the records of the qualified identities that a push stores, unless opposed."""
    for entry in found:
        for key in qualified(entry):
            record = keeping.read(transaction, key)
            if record.state is State.ABSENT and Opposition.CREATION not in record.oppositions:
                keeping.change(
                    services, request, transaction, key, lambda record: acts.create(record, datetime.now(UTC))
                )


def qualified(entry: Entry) -> list[str]:
    """Return the keys of a Patient entry whose identity is qualified (INS, and status VALI)."""
    resource = entry.resource
    if resource is None or resource.get("resourceType") != "Patient" or entry.method not in ("POST", "PUT"):
        return []
    return keeping.of_patient(resource) if is_qualified(resource) else []


def is_qualified(patient: dict[str, Any]) -> bool:
    """Tell whether a Patient's identity is stated as validated; it is asked of what is not validated yet."""
    return any(
        part.get("url") == "identityStatus" and _members(part.get("valueCoding")).get("code") == "VALI"
        for extension in _objects(patient.get("extension"))
        if extension.get("url") == RELIABILITY
        for part in _objects(extension.get("extension"))
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def sender(request: Request) -> str:
    """Return how who feeds a record is called, for display."""
    caller = request.caller
    return caller.name or caller.structure or caller.rpps or ""


def _own(request: Request, found: Sequence[Entry], key: str) -> None:
    """Hold a patient to his own record, and to documents of which he is the author."""
    if key != callers.key(request.caller) or request.caller.representative:
        raise Forbidden(
            Text("Un patient n'alimente que son propre DMP.", "A patient feeds his own DMP only."), rule="role"
        )
    signs = set(callers.signs(request.caller))
    for entry in found:
        mark = entry.marks.get("dmp", {})
        if "authors" in mark and not signs & set(mark["authors"]):
            raise Forbidden(
                Text(
                    "Un document déposé par le patient le nomme comme auteur (Patient, avec son INS).",
                    "A document that a patient adds names him as its author (Patient, with his INS).",
                ),
                expression=f"Bundle.entry[{entry.position}].resource.author",
                rule="patient-author",
            )


def _require_fed(record: Record) -> None:
    if record.fed:
        return
    if record.state is State.CLOSED:
        text = Text("Le DMP de ce patient est fermé.", "This patient's DMP is closed.")
    elif record.state is State.ABSENT:
        text = Text("Ce patient n'a pas de DMP : créez-le par $dmp.", "This patient has no DMP: create it by $dmp.")
    else:
        text = Text("Le patient s'oppose à l'alimentation de son DMP.", "The patient opposes the feeding of his DMP.")
    raise Unprocessable(text, code="business-rule", rule="dmp-not-fed")
