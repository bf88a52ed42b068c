"""What a prescription that was issued here becomes in the DMP: documents of its lines, and of what was delivered of it.

Types of JDV_J07: 57833-6 and its kin, class 42, one for each type of a prescription's lines; 60593-1 and DISP_AUT,
class 43, one for each type of what was delivered at once. Their uniqueId is made from the prescription's number, the
type and what was delivered, so that nothing stands twice in a record.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhirserver.dmp import labels
from fhirserver.dmp.names import CLASSES, NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE, NOS, URI

CARE: Final = "57832-8"
_TYPES: Final = {
    "pharmacy": "57833-6",
    "device-supply": "57833-6",
    "optics": "57833-6",
    "hearing-aid": "57833-6",
    "orthosis": "57833-6",
    "laboratory": "PRESC-BIO",
    "imaging": "55115-0",
    "nursing": "PRESC-INF",
    "physiotherapy": "PRESC-KINE",
    "podiatry": "PRESC-PEDI",
    "speech-therapy": "PRESC-ORTHOPHO",
    "orthoptics": "PRESC-ORTHOPTIE",
    "medical-act": CARE,
}
_OTHER: Final = "57828-6"
_NAMES: Final = {
    "57833-6": "Prescription de produits de santé",
    CARE: "Prescription de soins",
    _OTHER: "Prescription (autre)",
    "55115-0": "Demande d'actes d'imagerie",
    "PRESC-BIO": "Prescription d'actes de biologie médicale",
    "PRESC-INF": "Prescription d'actes infirmiers",
    "PRESC-KINE": "Prescription d'actes de kinésithérapie",
    "PRESC-PEDI": "Prescription d'actes de pédicurie",
    "PRESC-ORTHOPHO": "Prescription d'actes d'orthophonie",
    "PRESC-ORTHOPTIE": "Prescription d'actes d'orthoptie",
    "60593-1": "Dispensation médicamenteuse",
    "DISP_AUT": "Dispensation (autre)",
}
_DISPENSES: Final = {"MedicationDispense": "60593-1", "SupplyDelivery": "DISP_AUT"}
DISPENSED: Final = frozenset(_DISPENSES.values())
_CLASSES: Final = {False: ("42", "Prescription"), True: ("43", "Dispensation")}
_LOINC: Final = "http://loinc.org"
_FRENCH: Final = f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
_FORMATS: Final = f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
_ROOT: Final = uuid.UUID("6f0f5a0e-1a3f-5c0c-9a53-7d0d8b6a7e42")


@dataclass(frozen=True, slots=True)
class Issued:
    """One document that the server makes itself.

    Attributes:
        unique_id: its masterIdentifier, a URI.
        type: code of the document's type, one of this module's.
        subject: reference to the patient.
        author: who is its author.
        at: when it was issued.
        secret: whether it is a minor's secret.
        related: references to what it tells of.
        replaces: reference to the document that it takes the place of.
    """

    unique_id: str
    type: str
    subject: str
    author: Author
    at: datetime
    secret: bool
    related: tuple[str, ...] = ()
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """An author: a professional, a structure, or one within the other.

    Attributes:
        rpps: 11 digits.
        structure: "1" + FINESS, "3" + SIRET.
        name: for display.
    """

    rpps: str | None
    structure: str | None
    name: str


def type_of(kind: str) -> str:
    """Return the type of document that lines of a kind of execution make."""
    return _TYPES.get(kind, _OTHER)


def type_of_execution(kind: str) -> str | None:
    """Return the type of document that a resource of a kind makes when it records a delivery; None: none."""
    return _DISPENSES.get(kind)


def unique_id(number: str, document_type: str, *parts: str) -> str:
    """Return the uniqueId of a prescription's document.

    Args:
        number: of the prescription.
        document_type: code.
        parts: of a dispensing: references to what was delivered.
    """
    return f"urn:oid:2.25.{uuid.uuid5(_ROOT, '/'.join((number, document_type, *sorted(parts)))).int}"


def document(issued: Issued, content: bytes, binary: str, hidden: Collection[str] = ()) -> dict[str, Any]:
    """Return the DocumentReference of a document that the server makes.

    Args:
        issued: what it tells.
        content: its PDF.
        binary: reference to the Binary that keeps it.
        hidden: visibility labels of documents that tell the same: they hold for it as well.
    """
    moment = issued.at.isoformat(timespec="seconds")
    title = _NAMES[issued.type]
    system = _LOINC if issued.type[0].isdigit() else _FRENCH
    held = sorted({*hidden, *((labels.HIDDEN_FROM_REPRESENTATIVES,) if issued.secret else ())})
    shown = [(labels.SYSTEM, label) for label in held] or [(labels.CONFIDENTIALITY, "N")]
    context: dict[str, Any] = {"period": {"start": moment}}
    if issued.related:
        context["related"] = [{"reference": reference} for reference in issued.related]
    replaced = {"relatesTo": [{"code": "replaces", "target": {"reference": issued.replaces}}]}
    return {
        "resourceType": "DocumentReference",
        "contained": [_role(issued.author)],
        "masterIdentifier": {"use": "usual", "system": URI, "value": issued.unique_id},
        "status": "current",
        "type": _concept(system, issued.type, title),
        "category": [_concept(CLASSES, *_CLASSES[issued.type in DISPENSED])],
        "subject": {"reference": issued.subject},
        "date": moment,
        "author": [{"reference": "#auteur"}],
        **(replaced if issued.replaces else {}),
        "description": title,
        "securityLabel": [{"coding": [{"system": system, "code": code}]} for system, code in shown],
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "fr-FR",
                    "url": binary,
                    "size": len(content),
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                    "title": title,
                    "creation": moment,
                },
                "format": {"system": _FORMATS, "code": "urn:ihe:iti:xds-sd:pdf:2008"},
            }
        ],
        "context": context,
    }


def _role(author: Author) -> dict[str, Any]:
    role: dict[str, Any] = {"resourceType": "PractitionerRole", "id": "auteur"}
    if author.rpps:
        number = {"system": NATIONAL_PROFESSIONAL, "value": f"8{author.rpps}"}
        role["practitioner"] = {"identifier": number, "display": author.name}
    if author.structure:
        role["organization"] = {"identifier": {"system": NATIONAL_STRUCTURE, "value": author.structure}}
        if not author.rpps:
            role["organization"]["display"] = author.name
    return role


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}
