"""What a prescription that was issued here becomes in the DMP: one document for each type of its lines.

Types of JDV_J07 (57833-6 and its kin), class 42. Its uniqueId is made from the prescription's number and the type, so
that one prescription never stands twice in a record.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhirserver.dmp import labels
from fhirserver.dmp.names import CLASSES, NATIONAL_PROFESSIONAL, NOS, URI

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
}
_LOINC: Final = "http://loinc.org"
_FRENCH: Final = f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
_FORMATS: Final = f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
_ROOT: Final = uuid.UUID("6f0f5a0e-1a3f-5c0c-9a53-7d0d8b6a7e42")


@dataclass(frozen=True, slots=True)
class Issued:
    """One document's prescription.

    Attributes:
        number: of the prescription.
        type: code of the document's type.
        subject: reference to the patient.
        rpps: of the prescriber.
        prescriber: his name, for display.
        at: when it was issued.
        secret: whether it is a minor's secret.
    """

    number: str
    type: str
    subject: str
    rpps: str
    prescriber: str
    at: datetime
    secret: bool


def type_of(kind: str) -> str:
    """Return the type of document that lines of a kind of execution make."""
    return _TYPES.get(kind, _OTHER)


def unique_id(number: str, document_type: str) -> str:
    """Return the uniqueId of a prescription's document."""
    return f"urn:oid:2.25.{uuid.uuid5(_ROOT, f'{number}/{document_type}').int}"


def document(issued: Issued, content: bytes, binary: str) -> dict[str, Any]:
    """Return the DocumentReference of a prescription.

    Args:
        issued: the prescription.
        content: its PDF.
        binary: reference to the Binary that keeps it.
    """
    moment = issued.at.isoformat(timespec="seconds")
    title = _NAMES[issued.type]
    system = _FRENCH if issued.type.startswith("PRESC-") else _LOINC
    hidden = labels.HIDDEN_FROM_REPRESENTATIVES
    label = (labels.SYSTEM, hidden) if issued.secret else (labels.CONFIDENTIALITY, "N")
    return {
        "resourceType": "DocumentReference",
        "contained": [
            {
                "resourceType": "PractitionerRole",
                "id": "auteur",
                "practitioner": {
                    "identifier": {"system": NATIONAL_PROFESSIONAL, "value": f"8{issued.rpps}"},
                    "display": issued.prescriber,
                },
            }
        ],
        "masterIdentifier": {"use": "usual", "system": URI, "value": unique_id(issued.number, issued.type)},
        "status": "current",
        "type": _concept(system, issued.type, title),
        "category": [_concept(CLASSES, "42", "Prescription")],
        "subject": {"reference": issued.subject},
        "date": moment,
        "author": [{"reference": "#auteur"}],
        "description": title,
        "securityLabel": [{"coding": [{"system": label[0], "code": label[1]}]}],
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
        "context": {"period": {"start": moment}},
    }


def is_minors_secret(line: Mapping[str, Any]) -> bool:
    """Tell whether a line of a prescription is labelled as a minor's secret."""
    return any(
        label.get("code") == labels.HIDDEN_FROM_REPRESENTATIVES for label in line.get("meta", {}).get("security", ())
    )


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}
