"""Three more ordonnances of the demonstration, which together carry every mention and flag of `docs/prescription.md`.

A bizone form of a locum, a narcotic for a scheduled surgery, and the secret of a minor.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from fhirserver.demo import people
from fhirserver.demo.people import INS_TEST, NATIONAL_PROFESSIONAL_ID
from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.professions import SYSTEM as PROFESSIONS

Json = dict[str, Any]
_ATC: Final = "http://www.whocc.no/atc"
_SMS: Final = "http://data.esante.gouv.fr/ansm/medicament/codeSMS"
_UCUM: Final = "http://unitsofmeasure.org"
_DAILY: Final = {"frequency": 1, "period": 1, "periodUnit": "d"}
_MINOR: Final = "2110588321034"


def ordonnances(rpps: str, now: datetime) -> list[tuple[str, Json]]:
    """Return what each is, and the push of it."""
    return [
        ("bizone, d'un remplaçant", _pushed(rpps, now, people.patient(), _bizone(now), _measures(now))),
        ("sécurisée, avant une chirurgie", _pushed(rpps, now, people.patient(), _secured(now))),
        ("d'une mineure, au secret", _pushed(rpps, now, _minor(now), _secret())),
    ]


def _bizone(now: datetime) -> list[Json]:
    """A long-term illness, and what has nothing to do with it; prescribed by a locum, its execution hidden."""
    fluindione = _medicine((_SMS, "MV00001070"), "FLUINDIONE 20 mg comprimé quadrisécable", 1, "comprimé", 28)
    fluindione["substitution"] = {"allowedBoolean": False, "reason": {"text": "MTE"}}
    semaglutide = _medicine(
        (_ATC, "A10BJ06"), "SÉMAGLUTIDE 0,5 mg solution injectable en stylo", 1, "injection", 28, weekly=True
    )
    elements.set_value(semaglutide, "accompaniment-form", "Identifier", {"value": "FA-2026-004711"})
    elements.set_flag(semaglutide, Flag.EXCEPTION_MEDICINE)
    melatonin = _medicine(None, "MÉLATONINE LP 2 mg comprimé", 1, "comprimé", 21)
    elements.set_flag(melatonin, Flag.OFF_LABEL)
    elements.set_flag(melatonin, Flag.NOT_REIMBURSED)
    vaccine = _medicine(None, "VACCIN GRIPPAL suspension injectable", 1, "seringue", 1)
    elements.set_flag(vaccine, Flag.PREVENTION)
    elements.set_flag(vaccine, Flag.NOT_RENEWABLE)
    vaccine["dispenseRequest"]["numberOfRepeatsAllowed"] = 0
    vaccine["dispenseRequest"]["validityPeriod"] = {"end": (now + timedelta(days=60)).date().isoformat()}
    pansement = _nursing("Pansement de plaie chronique, une fois par jour pendant dix jours")
    elements.set_flag(pansement, Flag.HOME)
    elements.set_flag(pansement, Flag.URGENT)
    lines = [fluindione, semaglutide, melatonin, vaccine, pansement, _chair()]
    for line in lines:
        elements.set_flag(line, Flag.BIZONE)
        elements.set_flag(line, Flag.LONG_TERM_ILLNESS, holds=line in (fluindione, semaglutide, lines[-1]))
        elements.set_flag(line, Flag.OPPOSITION)
        elements.set_flag(line, Flag.LOCUM)
        replaced = {"identifier": {"system": NATIONAL_PROFESSIONAL_ID, "value": f"8{people.DOCTOR_RPPS}"}}
        elements.set_value(line, "replaced-prescriber", "Reference", {**replaced, "display": "Dr Antoine MARCHAND"})
    return lines


def _secured(now: datetime) -> list[Json]:
    """Morphine for a scheduled surgery after a work accident, and a line for a military affection."""
    morphine = _medicine((_SMS, "MV00001636"), "MORPHINE LP 10 mg gélule", 1, "gélule", 14)
    words = {"strength": "dix milligrammes", "dose": "une gélule", "intakes": "une fois par jour"}
    parts = [{"url": part, "valueString": text} for part, text in words.items()]
    morphine["extension"] = [{"url": elements.url("in-words"), "extension": parts}]
    surgery = {"start": now.date().isoformat(), "end": (now + timedelta(days=4)).date().isoformat()}
    elements.set_value(morphine, "scheduled-surgery", "Period", surgery)
    for flag in (Flag.SECURED, Flag.OVERLAP, Flag.SINGLE_DELIVERY, Flag.WORK_ACCIDENT):
        elements.set_flag(morphine, flag)
    morphine["dispenseRequest"]["numberOfRepeatsAllowed"] = 0
    morphine["dispenseRequest"]["performer"] = {"display": "Pharmacie du Lac, Épinal"}
    hearing = _medicine(None, "BÉTAHISTINE 24 mg comprimé", 2, "comprimé", 30)
    elements.set_flag(hearing, Flag.MILITARY)
    return [morphine, hearing]


def _secret() -> list[Json]:
    """The abortion of a minor, which only the prescriber and who executes it see."""
    mifepristone = _medicine((_ATC, "G03XB01"), "MIFÉPRISTONE 200 mg comprimé", 1, "comprimé", 1)
    mifepristone["dispenseRequest"]["numberOfRepeatsAllowed"] = 0
    elements.set_flag(mifepristone, Flag.PREGNANCY_TERMINATION)
    elements.set_flag(mifepristone, Flag.MINOR_SECRET)
    return [mifepristone]


def _medicine(  # noqa: PLR0913 - what a line says
    code: tuple[str, str] | None, name: str, dose: int, unit: str, days: int, *, weekly: bool = False
) -> Json:
    repeat = {**_DAILY, "periodUnit": "wk"} if weekly else _DAILY
    coded: Json = {"coding": [{"system": code[0], "code": code[1]}]} if code else {}
    coded["text"] = name
    medicine: Json = {"medicationCodeableConcept": coded}
    if code is None or code[0] != _SMS:
        # the profile wants a code of the national list or a Medication, which may have any code, or a name alone
        contained = {"resourceType": "Medication", "id": "medicament", "code": coded}
        medicine = {"contained": [contained], "medicationReference": {"reference": "#medicament", "display": name}}
    lasting = {"value": days, "unit": "jour", "system": _UCUM, "code": "d"}
    return {
        "resourceType": "MedicationRequest",
        **medicine,
        "dosageInstruction": [
            {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}]}
        ],
        "dispenseRequest": {"expectedSupplyDuration": lasting, "numberOfRepeatsAllowed": 1 if days > 1 else 0},
    }


def _nursing(text: str) -> Json:
    line = {
        "resourceType": "ServiceRequest",
        "code": {"text": text},
        "performerType": {"coding": [{"system": PROFESSIONS, "code": "60"}]},
    }
    elements.set_value(line, "execution-setting", "Code", "city")
    elements.set_value(line, "line-renewals", "UnsignedInt", 2)
    return line


def _chair() -> Json:
    line = {"resourceType": "DeviceRequest", "codeCodeableConcept": {"text": "Fauteuil roulant manuel sur mesure"}}
    elements.set_flag(line, Flag.LARGE_EQUIPMENT)
    elements.set_value(line, "line-quantity", "Quantity", {"value": 1, "unit": "fauteuil"})
    elements.set_value(line, "line-renewals", "UnsignedInt", 0)
    elements.set_value(line, "prior-approval", "Identifier", {"value": "DAP-2026-0815"})
    return line


def _measures(now: datetime) -> list[Json]:
    return [
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": text},
            "effectiveDateTime": now.isoformat(timespec="seconds"),
            "valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit},
        }
        for code, text, value, unit in (("29463-7", "Poids", 92, "kg"), ("8302-2", "Taille", 168, "cm"))
    ]


def _minor(now: datetime) -> Json:
    patient = people.patient()
    patient["identifier"][0]["value"] = people.ins(_MINOR)
    patient["name"][0]["given"] = ["Lila"]
    patient["name"][0]["extension"][0]["valueString"] = "Lila"
    patient["birthDate"] = f"{now.year - 15}-05-17"
    return patient


def _pushed(rpps: str, now: datetime, patient: Json, lines: Sequence[Json], others: Sequence[Json] = ()) -> Json:
    """Return the transaction: patient, prescriber, what is measured, lines."""
    doctor = people.practitioner(rpps, "LEFÈVRE", "Hélène")
    entries = [_known(patient, INS_TEST), _known(doctor, NATIONAL_PROFESSIONAL_ID)]
    subject, requester = ({"reference": entry["fullUrl"]} for entry in entries)
    entries += [_entry({**other, "subject": subject}) for other in others]
    measured = [{"reference": entry["fullUrl"]} for entry in entries[2:]]
    group = {"system": "urn:oid:1.2.250.1.999.42.1", "value": f"ORD-{uuid.uuid4()}"}
    for line in lines:
        grouped = "requisition" if line["resourceType"] == "ServiceRequest" else "groupIdentifier"
        information = "supportingInformation" if line["resourceType"] == "MedicationRequest" else "supportingInfo"
        said = {"status": "active", "intent": "order", "subject": subject, "requester": requester, grouped: group}
        line.update(said, authoredOn=now.isoformat(timespec="seconds"))
        if measured:
            line[information] = measured
        entries.append(_entry(line))
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _entry(resource: Json) -> Json:
    request = {"method": "POST", "url": resource["resourceType"]}
    return {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": request}


def _known(resource: Json, system: str) -> Json:
    entry = _entry(resource)
    entry["request"]["ifNoneExist"] = f"identifier={system}|{resource['identifier'][0]['value']}"
    return entry
