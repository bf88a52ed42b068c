"""Realistic resources in any number: patients with valid INS keys, prescribers, prescriptions, dispenses, documents.

    scripts/generate COUNT [--seed 1] [--output FILE.ndjson]

Writes them as NDJSON, to be loaded by `fhirserver load`.

Seeded: the same seed and size give the same resources, in an order in which each comes after what it refers to. Skewed
as real data are: few patients have most of the lines and documents, few medicines make most of the prescriptions.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson

INS_TEST: Final = "urn:oid:1.2.250.1.213.1.4.10"
PROFESSIONALS: Final = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURES: Final = "urn:oid:1.2.250.1.71.4.2.2"
ORDONNANCES: Final = "urn:oid:1.2.250.1.999.42.1"
LINES: Final = "urn:oid:1.2.250.1.999.42.2"
CORE: Final = "https://hl7.fr/ig/fhir/core"
IDENTIFIER_TYPES: Final = f"{CORE}/CodeSystem/fr-core-cs-v2-0203"
PRESCRIPTION: Final = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medicationrequest"
PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
NOS: Final = "https://mos.esante.gouv.fr/NOS"
UCD: Final = "http://data.esante.gouv.fr/ansm/medicament/UCD"
UCUM: Final = "http://unitsofmeasure.org"
CLASSES: Final = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
FACILITIES: Final = f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
SETTINGS: Final = f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
FORMATS: Final = f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
TODAY: Final = date(2026, 6, 1)

_FAMILIES: Final = "MARTIN BERNARD THOMAS PETIT ROBERT RICHARD DURAND DUBOIS MOREAU LAURENT SIMON MICHEL LEFÈVRE LEROY ROUX DAVID BERTRAND MOREL FOURNIER GIRARD BONNET DUPONT LAMBERT FONTAINE ROUSSEAU VINCENT MÜLLER LEFEBVRE FAURE ANDRÉ".split()  # noqa: E501, SIM905 - one line
_GIVEN: Final = "Camille Louise Emma Jade Chloé Inès Léa Manon Zoé Éléonore Gabriel Léo Raphaël Louis Arthur Jules Hugo Noël François Théo".split()  # noqa: E501, SIM905 - one line
_CITIES: Final = ("Épinal", "Nancy", "Lyon", "Marseille", "Saint-Étienne", "Lille", "Brest", "Nîmes")
_MEDICINES: Final = (
    "PARACETAMOL 1000 mg comprimé", "PANTOPRAZOLE 40 mg comprimé", "AMLODIPINE 5 mg gélule", "METFORMINE 850 mg comprimé",  # noqa: E501 - data
    "ATORVASTATINE 20 mg comprimé", "AMOXICILLINE 1 g comprimé dispersible", "LEVOTHYROXINE 75 µg comprimé",
    "RAMIPRIL 5 mg comprimé", "BISOPROLOL 2,5 mg comprimé", "SALBUTAMOL 100 µg/dose suspension pour inhalation",
)  # fmt: skip
_TYPES: Final = (
    ("http://loinc.org", "11488-4", "CR ou fiche de consultation ou de visite", "10", "Compte rendu"),
    ("http://loinc.org", "11502-2", "CR d'examens biologiques", "10", "Compte rendu"),
    ("http://loinc.org", "18748-4", "CR d'imagerie médicale", "10", "Compte rendu"),
    ("http://loinc.org", "60591-5", "Synthèse médicale", "11", "Synthèse"),
)


class Generator:
    """Makes one set of resources.

    Args:
        count: about how many resources.
        seed: of the set.
    """

    def __init__(self, count: int, seed: int = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - test data
        self.count = count
        self.patients = max(1, count // 25)
        self._prescribers = max(1, count // 500)
        self._structures = max(1, count // 5_000)

    def resources(self) -> Iterator[dict[str, Any]]:
        """Yield the resources, each with its own id."""
        made = 0
        for maker, many in (
            (self._structure, self._structures), (self._prescriber, self._prescribers), (self._patient, self.patients),
        ):  # fmt: skip
            for number in range(many):
                yield maker(number)
                made += 1
        number = 0
        while made < self.count:
            chance = self._random.random()
            if chance < 0.65:  # noqa: PLR2004 - the share of documents
                yield self._document(number)
                made += 1
            else:
                for resource in self._ordonnance(number):
                    yield resource
                    made += 1
            number += 1

    def ins(self, number: int) -> str:
        """Return the INS of a patient: 13 digits and their key."""
        random = Random(number * 7919)  # noqa: S311 - test data
        year, month = random.randrange(100), random.randrange(1, 13)
        department, commune = random.randrange(1, 96), random.randrange(1, 990)
        digits = f"{1 + number % 2}{year:02d}{month:02d}{department:02d}{commune:03d}{number % 1000:03d}"
        return f"{digits}{97 - int(digits) % 97:02d}"

    def _few(self, many: int) -> int:
        """Return a number below `many`, the low ones far more often."""
        return int(many * self._random.random() ** 2.5)

    def _structure(self, number: int) -> dict[str, Any]:
        return {
            "resourceType": "Organization", "id": f"structure-{number}", "active": True,
            "identifier": [{"use": "official", "system": STRUCTURES, "value": f"1{880000000 + number}"}],
            "name": f"Pharmacie {self._random.choice(_FAMILIES).title()}",
        }  # fmt: skip

    def _prescriber(self, number: int) -> dict[str, Any]:
        return {
            "resourceType": "Practitioner", "id": f"prescripteur-{number}",
            "meta": {"profile": [f"{CORE}/StructureDefinition/fr-core-practitioner"]},
            "identifier": [{
                "use": "official", "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "IDNPS"}]},
                "system": PROFESSIONALS, "value": f"8{luhn(f'10{number:08d}')}",
            }],
            "name": [{"family": self._random.choice(_FAMILIES), "given": [self._random.choice(_GIVEN)], "prefix": ["Dr"]}],  # noqa: E501 - data
        }  # fmt: skip

    def _patient(self, number: int) -> dict[str, Any]:
        born = date(1930, 1, 1) + timedelta(days=self._random.randrange(34_000))
        return {
            "resourceType": "Patient", "id": f"patient-{number}",
            "meta": {"profile": [f"{CORE}/StructureDefinition/fr-core-patient"]},
            "identifier": [{
                "use": "official", "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "INS-NIR-TEST"}]},
                "system": INS_TEST, "value": self.ins(number),
            }],
            "active": True,
            "name": [{"use": "official", "family": self._random.choice(_FAMILIES), "given": [self._random.choice(_GIVEN)]}],  # noqa: E501 - data
            "gender": ("male", "female")[number % 2], "birthDate": born.isoformat(),
            "address": [{"use": "home", "line": ["12 rue des Tilleuls"], "city": self._random.choice(_CITIES)}],
        }  # fmt: skip

    def _moment(self) -> datetime:
        days = int(1_100 * self._random.random() ** 1.5)
        return datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(
            days=days, seconds=self._random.randrange(86_400)
        )

    def _ordonnance(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield the lines of one ordonnance, and the dispenses of some of them."""
        patient, prescriber = self._few(self.patients), self._few(self._prescribers)
        written = self._moment()
        for line in range(1 + self._few(6)):
            medicine = self._few(2_000)
            name = _MEDICINES[medicine % len(_MEDICINES)]
            request = self._line(f"ligne-{number}-{line}", number, patient, prescriber, written, medicine, name)
            yield request
            for delivery in range(self._few(3)):
                yield self._dispense(
                    f"delivrance-{number}-{line}-{delivery}", request, written + timedelta(days=28 * delivery + 1)
                )

    def _line(  # noqa: PLR0913, PLR0917 - what a line says
        self, identity: str, number: int, patient: int, prescriber: int, written: datetime, medicine: int, name: str
    ) -> dict[str, Any]:
        form = name.rpartition(" ")[2]
        days = self._random.choice((5, 7, 14, 28, 28, 28, 90))
        return {
            "resourceType": "MedicationRequest", "id": identity, "meta": {"profile": [PRESCRIPTION]},
            "identifier": [{"system": LINES, "value": identity}],
            "status": self._random.choice(("active", "active", "completed", "completed", "completed", "stopped")),
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": UCD, "code": f"34008{92000000 + medicine:08d}", "display": name}], "text": name,
            },
            "subject": {"reference": f"Patient/patient-{patient}", "type": "Patient"},
            "authoredOn": written.isoformat(timespec="seconds"),
            "requester": {"reference": f"Practitioner/prescripteur-{prescriber}", "type": "Practitioner"},
            "groupIdentifier": {"system": ORDONNANCES, "value": f"ORD-{number:09d}"},
            "note": [{"text": "Renouvellement du traitement habituel. " * self._random.randrange(1, 4)}],
            "dosageInstruction": [
                {
                    "sequence": dose + 1, "text": f"1 {form} {when[0]} pendant {days} jours",
                    "timing": {"repeat": {"boundsDuration": _days(days), "when": [when[1]]}},
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "comprimé", "system": UCUM, "code": "{tablet}"}}],  # noqa: E501 - data
                }
                for dose, when in enumerate((("le matin", "MORN"), ("le soir", "EVE"))[: self._random.randrange(1, 3)])
            ],
            "dispenseRequest": {"numberOfRepeatsAllowed": self._few(4), "expectedSupplyDuration": _days(days)},
        }  # fmt: skip

    def _dispense(self, identity: str, request: dict[str, Any], handed_over: datetime) -> dict[str, Any]:
        return {
            "resourceType": "MedicationDispense", "id": identity,
            "identifier": [{"system": LINES, "value": identity}], "status": "completed",
            "medicationCodeableConcept": request["medicationCodeableConcept"], "subject": request["subject"],
            "performer": [{"actor": {"reference": f"Organization/structure-{self._few(self._structures)}"}}],
            "authorizingPrescription": [{"reference": f"MedicationRequest/{request['id']}"}],
            "quantity": {"value": 28, "unit": "comprimé", "system": UCUM, "code": "{tablet}"},
            "whenHandedOver": handed_over.isoformat(timespec="seconds"),
        }  # fmt: skip

    def _source(self, number: int) -> dict[str, Any]:
        """Return the patient's identity as the document's author had it."""
        return {
            "resourceType": "Patient", "id": "patient-source",
            "identifier": [{"system": INS_TEST, "value": self.ins(number)}],
            "name": [{"use": "official", "family": _FAMILIES[number % len(_FAMILIES)]}],
        }  # fmt: skip

    def _document(self, number: int) -> dict[str, Any]:
        patient = self._few(self.patients)
        written = self._moment().isoformat(timespec="seconds")
        system, code, title, class_code, class_name = self._random.choice(_TYPES)
        content = f"document {number}".encode()
        return {
            "resourceType": "DocumentReference", "id": f"document-{number}",
            "contained": [_author(self._few(self._prescribers)), self._source(patient)],
            "masterIdentifier": {"use": "usual", "system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{10**30 + number}"},  # noqa: E501 - data
            "status": self._random.choice(("current",) * 9 + ("superseded",)),
            "type": _code(system, code, title),
            "category": [_code(CLASSES, class_code, class_name)],
            "subject": {"reference": f"Patient/patient-{patient}"}, "date": written,
            "author": [{"reference": "#auteur"}],
            "custodian": {"reference": f"Organization/structure-{self._few(self._structures)}"},
            "description": title,
            "securityLabel": [_code("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N", "normal")],
            "content": [{
                "attachment": {
                    "contentType": "application/pdf", "language": "fr-FR", "url": f"https://documents.example.fr/{number}",
                    "size": len(content), "title": title, "creation": written,
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                },
                "format": {
                    "system": FORMATS,
                    "code": "urn:ihe:iti:xds-sd:pdf:2008", "display": "Document à corps non structuré en Pdf/A-1",
                },
            }],
            "context": {
                "period": {"start": written},
                "facilityType": _code(FACILITIES, "SA01", "Etablissement public de santé"),
                "practiceSetting": _code(SETTINGS, "ETABLISSEMENT", "Etablissement de santé"),
                "sourcePatientInfo": {"reference": "#patient-source"},
            },
        }  # fmt: skip


def _author(prescriber: int) -> dict[str, Any]:
    identifier = {"system": PROFESSIONALS, "value": f"8{luhn(f'10{prescriber:08d}')}"}
    return {"resourceType": "PractitionerRole", "id": "auteur", "practitioner": {"identifier": identifier}}


def luhn(number: str) -> str:
    """Complete a number with its Luhn key."""
    total = 0
    for position, character in enumerate(reversed(number)):
        digit = int(character) * (2 if position % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit  # noqa: PLR2004 - a sum of digits
    return f"{number}{-total % 10}"


def _code(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _days(count: int) -> dict[str, Any]:
    return {"value": count, "unit": "jour", "system": UCUM, "code": "d"}


def main() -> None:
    """Write them."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("count", type=int, help="about how many resources")
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--output", type=Path, help="file to write; standard output otherwise")
    asked = reader.parse_args()
    output = asked.output.open("wb") if asked.output else sys.stdout.buffer
    with output:
        for resource in Generator(asked.count, asked.seed).resources():
            output.write(orjson.dumps(resource) + b"\n")


if __name__ == "__main__":
    main()
