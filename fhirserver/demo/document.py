"""The DMP document of the demonstration: a one-page PDF in an ITI-65 submission (PDSm, comprehensive metadata)."""

from __future__ import annotations

import base64
import hashlib
import io
import uuid
from datetime import datetime
from typing import Any, Final

from fhir.resources.R4B.binary import Binary
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.list import List as SubmissionSet
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from fhirserver.demo.people import INS_TEST, NATIONAL_PROFESSIONAL_ID, PATIENT_INS, resource

PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
MHD: Final = "https://profiles.ihe.net/ITI/MHD"
NOS: Final = "https://mos.esante.gouv.fr/NOS"
TITLE: Final = "Compte rendu de consultation de cardiologie"


def pdf(now: datetime) -> bytes:
    """Draw the consultation report on one A4 page."""
    output = io.BytesIO()
    page = Canvas(output, pagesize=A4, invariant=True)
    page.setTitle(TITLE)
    page.setFont("Helvetica-Bold", 15)
    page.drawString(25 * mm, 265 * mm, TITLE)
    page.setFont("Helvetica", 11)
    for row, line in enumerate(
        (
            "Centre hospitalier de démonstration",
            f"Patiente : Camille MOREL-DÉMO, née le 17/05/1984 - INS {PATIENT_INS} (démonstration)",
            f"Consultation du {now:%d/%m/%Y}",
            "",
            "Motif : palpitations à l'effort.",
            "Examen : tension artérielle 122/78 mmHg, pouls régulier à 72/min.",
            "Électrocardiogramme : rythme sinusal, sans anomalie.",
            "Conclusion : pas d'argument pour une cardiopathie ; contrôle dans un an.",
            "",
            "Dr Antoine MARCHAND, cardiologue",
        )
    ):
        page.drawString(25 * mm, (250 - 7 * row) * mm, line)
    page.showPage()
    page.save()
    return output.getvalue()


def bundle(author_rpps: str, patient_reference: str, custodian_reference: str, now: datetime) -> dict[str, Any]:
    """Build the submission: one List, one DocumentReference, one Binary (ITI-65, profile of PDSm)."""
    content = pdf(now)
    set_url, document_url, binary_url = (f"urn:uuid:{uuid.uuid4()}" for _ in range(3))
    binary = resource(Binary, contentType="application/pdf", data=base64.b64encode(content).decode())
    entries = [
        (set_url, _submission_set(author_rpps, patient_reference, document_url, now)),
        (document_url, _document(author_rpps, patient_reference, custodian_reference, binary_url, content, now)),
        (binary_url, binary),
    ]
    return resource(
        Bundle,
        meta={"profile": [f"{PDSM}/pdsm-comprehensive-provide-document-bundle"]},
        type="transaction",
        timestamp=now.isoformat(timespec="seconds"),
        entry=[
            {"fullUrl": url, "resource": item, "request": {"method": "POST", "url": item["resourceType"]}}
            for url, item in entries
        ],
    )


def _author(rpps: str, name: str = "auteur") -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": name,
        "practitioner": {
            "identifier": {"system": NATIONAL_PROFESSIONAL_ID, "value": f"8{rpps}"},
            "display": "Dr Antoine MARCHAND",
        },
    }


def _submission_set(rpps: str, patient_reference: str, document_url: str, now: datetime) -> dict[str, Any]:
    return resource(
        SubmissionSet,
        meta={"profile": [f"{PDSM}/pdsm-submissionset-comprehensive"]},
        contained=[_author(rpps)],
        extension=[
            {
                "url": f"{MHD}/StructureDefinition/ihe-designationType",
                "valueCodeableConcept": {
                    "coding": [
                        {
                            "system": f"{NOS}/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite",
                            "code": "07",
                            "display": "Consultations soins externes",
                        }
                    ]
                },
            },
            {
                "url": f"{MHD}/StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"value": "urn:oid:1.2.250.1.999.42"},
            },
        ],
        identifier=[
            {"use": "official", "system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
            {"use": "usual", "system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{uuid.uuid4().int}"},
        ],
        status="current",
        mode="working",
        title="Lot de soumission de démonstration",
        code={"coding": [{"system": f"{MHD}/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
        subject={"reference": patient_reference},
        date=now.isoformat(timespec="seconds"),
        source={"reference": "#auteur"},
        entry=[{"item": {"reference": document_url}}],
    )


def _document(  # noqa: PLR0913, PLR0917 - the parties of one document
    rpps: str, patient_reference: str, custodian: str, binary_url: str, content: bytes, now: datetime
) -> dict[str, Any]:
    moment = now.isoformat(timespec="seconds")
    return resource(
        DocumentReference,
        meta={"profile": [f"{PDSM}/pdsm-comprehensive-document-reference"]},
        contained=[_author(rpps), _source_patient()],
        masterIdentifier={
            "use": "usual",
            "system": "urn:ietf:rfc:3986",
            "value": f"urn:oid:2.25.{uuid.uuid4().int}",
        },
        status="current",
        type=_code("http://loinc.org", "11488-4", "CR ou fiche de consultation ou de visite"),
        category=[_code(f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "10", "Compte rendu")],
        subject={"reference": patient_reference},
        date=moment,
        author=[{"reference": "#auteur"}],
        custodian={"reference": custodian},
        description=TITLE,
        securityLabel=[_code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N", "normal")],
        content=[
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "fr-FR",
                    "url": binary_url,
                    "size": len(content),
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                    "title": TITLE,
                    "creation": moment,
                },
                "format": {
                    "system": f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
                    "code": "urn:ihe:iti:xds-sd:pdf:2008",
                    "display": "Document à corps non structuré en Pdf/A-1",
                },
            }
        ],
        context={
            "period": {"start": moment},
            "facilityType": _code(
                f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "SA01", "Etablissement public de santé"
            ),
            "practiceSetting": _code(
                f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "ETABLISSEMENT", "Etablissement de santé"
            ),
            "sourcePatientInfo": {"reference": "#patient-source"},
        },
    )


def _source_patient() -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "patient-source",
        "identifier": [{"system": INS_TEST, "value": PATIENT_INS}],
        "name": [{"use": "official", "family": "MOREL-DÉMO", "given": ["Camille"]}],
        "gender": "female",
        "birthDate": "1984-05-17",
    }


def _code(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}
