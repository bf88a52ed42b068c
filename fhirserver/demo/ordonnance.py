"""The ordonnance of the demonstration: two medicines and one biology order under one number."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest

from fhirserver.demo.people import INS_TEST, NATIONAL_PROFESSIONAL_ID, patient, practitioner, resource

PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medicationrequest"
UCD: Final = "http://data.esante.gouv.fr/ansm/medicament/UCD"
VIRTUAL_MEDICINE: Final = "http://data.esante.gouv.fr/ansm/medicament/codeSMS"
EDITOR_GROUP: Final = "urn:oid:1.2.250.1.999.42.1"
MILLIGRAM: Final = {"unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}


def bundle(prescriber_rpps: str, now: datetime) -> dict[str, Any]:
    """Build what an editor's software pushes: a transaction of patient, prescriber and three lines."""
    group = {"system": EDITOR_GROUP, "value": f"ORD-{uuid.uuid4()}"}
    patient_url, prescriber_url = _urn(), _urn()
    people = patient()
    doctor = practitioner(prescriber_rpps, "LEFÈVRE", "Hélène")
    lines = [*_medicines(patient_url, prescriber_url, group, now), _biology(patient_url, prescriber_url, group, now)]
    entries = [
        _entry(patient_url, people, f"identifier={INS_TEST}|{people['identifier'][0]['value']}"),
        _entry(prescriber_url, doctor, f"identifier={NATIONAL_PROFESSIONAL_ID}|{doctor['identifier'][0]['value']}"),
        *(_entry(_urn(), line) for line in lines),
    ]
    return resource(Bundle, type="transaction", entry=entries)


def _medicines(patient_url: str, prescriber_url: str, group: dict[str, Any], now: datetime) -> list[dict[str, Any]]:
    shared = {
        "meta": {"profile": [PROFILE]},
        "status": "active",
        "intent": "order",
        "subject": {"reference": patient_url},
        "authoredOn": now.isoformat(timespec="seconds"),
        "requester": {"reference": prescriber_url},
        "groupIdentifier": group,
    }
    paracetamol = resource(
        MedicationRequest,
        **shared,
        medicationCodeableConcept=_medicine(UCD, "3400892169026", "DOLIPRANE 1000MG CPR EFFV"),
        dosageInstruction=[
            {
                "text": "1 comprimé matin, midi et soir pendant 5 jours, en cas de douleur",
                "asNeededBoolean": True,
                "timing": {
                    "repeat": {"boundsDuration": _days(5), "frequency": 3, "period": 1, "periodUnit": "d"},
                },
                "doseAndRate": [{"doseQuantity": {"value": 1000, **MILLIGRAM}}],
            }
        ],
        dispenseRequest={"numberOfRepeatsAllowed": 0, "expectedSupplyDuration": _days(5)},
    )
    pantoprazole = resource(
        MedicationRequest,
        **shared,
        medicationCodeableConcept=_medicine(VIRTUAL_MEDICINE, "MV00000792", "PANTOPRAZOLE 40 mg comprimé"),
        dosageInstruction=[
            {
                "text": "1 comprimé le soir pendant 28 jours",
                "timing": {"repeat": {"boundsDuration": _days(28), "when": ["EVE"]}},
                "doseAndRate": [{"doseQuantity": {"value": 40, **MILLIGRAM}}],
            }
        ],
        dispenseRequest={"numberOfRepeatsAllowed": 2, "expectedSupplyDuration": _days(28)},
    )
    return [paracetamol, pantoprazole]


def _biology(patient_url: str, prescriber_url: str, group: dict[str, Any], now: datetime) -> dict[str, Any]:
    return resource(
        ServiceRequest,
        status="active",
        intent="order",
        requisition=group,
        category=[
            {"coding": [{"system": "http://snomed.info/sct", "code": "108252007", "display": "Laboratory procedure"}]}
        ],
        code={
            "coding": [{"system": "http://loinc.org", "code": "58410-2"}],
            "text": "Numération formule sanguine (NFS), plaquettes",
        },
        subject={"reference": patient_url},
        occurrenceDateTime=now.date().isoformat(),
        authoredOn=now.isoformat(timespec="seconds"),
        requester={"reference": prescriber_url},
    )


def _medicine(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _days(count: int) -> dict[str, Any]:
    return {"value": count, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}


def _urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def _entry(full_url: str, content: dict[str, Any], condition: str | None = None) -> dict[str, Any]:
    request = {"method": "POST", "url": content["resourceType"]}
    if condition:
        request["ifNoneExist"] = condition
    return {"fullUrl": full_url, "resource": content, "request": request}
