"""Who takes part in the demonstration: invented people with well-formed identifiers.

The patient's INS stands under the test root, which no production base accepts.
"""

from __future__ import annotations

from typing import Any, Final

from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.patient import Patient
from fhir.resources.R4B.practitioner import Practitioner

INS_TEST: Final = "urn:oid:1.2.250.1.213.1.4.10"
NATIONAL_PROFESSIONAL_ID: Final = "urn:oid:1.2.250.1.71.4.2.1"
NATIONAL_STRUCTURE_ID: Final = "urn:oid:1.2.250.1.71.4.2.2"
CORE: Final = "https://hl7.fr/ig/fhir/core"
IDENTIFIER_TYPES: Final = f"{CORE}/CodeSystem/fr-core-cs-v2-0203"


def ins(number: str) -> str:
    """Complete the 13 characters of an INS with their key (97 minus the number modulo 97)."""
    digits = number.replace("2A", "19").replace("2B", "18")
    return f"{number}{97 - int(digits) % 97:02d}"


def rpps(number: str) -> str:
    """Complete the 10 digits of an RPPS number with their Luhn key."""
    total = 0
    for position, character in enumerate(reversed(number)):
        digit = int(character) * (2 if position % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit  # noqa: PLR2004 - a sum of digits
    return f"{number}{-total % 10}"


PATIENT_INS: Final = ins("2840588321025")
PRESCRIBER_RPPS: Final = rpps("1000042135")
PHARMACIST_RPPS: Final = rpps("1000058214")
DOCTOR_RPPS: Final = rpps("1000069307")
HOSPITAL_FINESS: Final = "880007059"
LABORATORY_FINESS: Final = "880780077"


def patient() -> dict[str, Any]:
    """Build the insured person, with a qualified INS: the number and the five traits (fr-core-patient-ins)."""
    return resource(
        Patient,
        meta={"profile": [f"{CORE}/StructureDefinition/fr-core-patient-ins"]},
        extension=[
            {
                "url": f"{CORE}/StructureDefinition/fr-core-identity-reliability",
                "extension": [
                    {
                        "url": "identityStatus",
                        "valueCoding": {"system": f"{CORE}/CodeSystem/fr-core-cs-v2-0445", "code": "VALI"},
                    }
                ],
            },
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                "valueAddress": {
                    "extension": [
                        {
                            "url": f"{CORE}/StructureDefinition/fr-core-address-insee-code",
                            "valueCoding": {
                                "system": "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM",
                                "code": "88321",
                            },
                        }
                    ],
                    "city": "Nayemont-les-Fosses",
                },
            },
        ],
        identifier=[
            {
                "use": "official",
                "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "INS-NIR-TEST"}]},
                "system": INS_TEST,
                "value": PATIENT_INS,
            }
        ],
        active=True,
        name=[
            {
                "extension": [
                    {
                        "url": f"{CORE}/StructureDefinition/fr-core-patient-birth-list-given-name",
                        "valueString": "Camille Louise",
                    }
                ],
                "use": "official",
                "family": "MOREL-DÉMO",
                "given": ["Camille"],
            }
        ],
        gender="female",
        birthDate="1984-05-17",
        address=[{"use": "home", "line": ["12 rue des Tilleuls"], "city": "Épinal", "postalCode": "88000"}],
    )


def practitioner(number: str, family: str, given: str) -> dict[str, Any]:
    """Build a professional known by the national identifier ("8" and the RPPS number)."""
    return resource(
        Practitioner,
        meta={"profile": [f"{CORE}/StructureDefinition/fr-core-practitioner"]},
        identifier=[
            {
                "use": "official",
                "type": {"coding": [{"system": IDENTIFIER_TYPES, "code": "IDNPS"}]},
                "system": NATIONAL_PROFESSIONAL_ID,
                "value": f"8{number}",
            }
        ],
        name=[{"family": family, "given": [given], "prefix": ["Dr"]}],
        telecom=[{"system": "phone", "value": "03 29 00 00 00", "use": "work"}],
        address=[{"line": ["3 place des Vosges"], "city": "Épinal", "postalCode": "88000"}],
    )


def hospital() -> dict[str, Any]:
    """Build the hospital, known by its FINESS number."""
    return resource(
        Organization,
        identifier=[{"use": "official", "system": NATIONAL_STRUCTURE_ID, "value": f"1{HOSPITAL_FINESS}"}],
        active=True,
        name="Centre hospitalier de démonstration",
    )


def resource(model: type[Any], **content: Any) -> dict[str, Any]:
    """Build a resource through its typed model, which refuses what R4 does not know; return it as plain JSON."""
    plain: dict[str, Any] = model(**content).model_dump(mode="json", exclude_none=True)
    return {"resourceType": model.__name__, **plain}
