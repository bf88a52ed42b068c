"""The patient's national health identity (INS) and the traits that go with it.

An INS has 13 characters and a key of two digits, 97 minus the number modulo 97, where the Corsican 2A and 2B count as
19 and 18. Traits are compared as the national identity rules (RNIV) write them: capitals, without accents, hyphens
and apostrophes as spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fhirserver.issues import Issue, Text

REAL_SYSTEMS: Final = frozenset({"urn:oid:1.2.250.1.213.1.4.8", "urn:oid:1.2.250.1.213.1.4.9"})
"""INS-NIR and INS-NIA."""
TEST_SYSTEMS: Final = frozenset({"urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.11"})
"""INS for tests and for demonstrations."""
SYSTEMS: Final = REAL_SYSTEMS | TEST_SYSTEMS

_NUMBER: Final = re.compile(r"\d{5}(?:\d{2}|2[AB])\d{8}", re.ASCII)
_BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
_INSEE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"
_BIRTH_GIVEN: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name"
_GENDERS: Final = {"m": "male", "f": "female", "un": "unknown"}


class Traits(NamedTuple):
    """The five traits, each as it was sent; None where it was not."""

    family: str | None = None
    given: str | None = None
    gender: str | None = None
    birth_date: str | None = None
    birth_place: str | None = None


_NAMES: Final = (
    Text("nom de naissance", "birth name"),
    Text("premier prénom de naissance", "first birth given name"),
    Text("sexe", "sex"),
    Text("date de naissance", "birth date"),
    Text("lieu de naissance (code INSEE)", "birth place (INSEE code)"),
)
_ELEMENTS: Final = ("name", "name", "gender", "birthDate", "extension")


def key_fits(number: str) -> bool:
    """Tell whether an INS is well formed: 15 characters whose key fits the 13 before."""
    if not _NUMBER.fullmatch(number):
        return False
    digits = number[:13].replace("2A", "19").replace("2B", "18")
    return int(number[13:]) == 97 - int(digits) % 97


def national(patient: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the INS identifiers of a Patient: systems and values."""
    found = patient.get("identifier")
    return [
        (item["system"], item["value"])
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict) and item.get("system") in SYSTEMS and isinstance(item.get("value"), str)
    ]


def traits(patient: Mapping[str, Any]) -> Traits:
    """Read the traits that a Patient resource states: of the official name, or of the only one."""
    names = [name for name in patient.get("name", []) if isinstance(name, dict)]
    official = [name for name in names if name.get("use") == "official"] or (names if len(names) == 1 else [])
    name = official[0] if official else {}
    given = name.get("given") or []
    births = [each.get("valueString") for each in name.get("extension", []) if each.get("url") == _BIRTH_GIVEN]
    first = given[0] if given else (str(births[0]).split(" ")[0] if births and births[0] else None)
    return Traits(name.get("family"), first, patient.get("gender"), patient.get("birthDate"), _birth_place(patient))


def _birth_place(patient: Mapping[str, Any]) -> str | None:
    for extension in patient.get("extension", []):
        if isinstance(extension, dict) and extension.get("url") == _BIRTH_PLACE:
            for inner in extension.get("valueAddress", {}).get("extension", []):
                if inner.get("url") == _INSEE:
                    code: str | None = inner.get("valueCoding", {}).get("code")
                    return code
    return None


def differences(sent: Traits, known: Traits, path: str, source: Text) -> Iterator[Issue]:
    """Give an error for each trait that was sent and is not the known one.

    Args:
        sent: what a request states.
        known: what the patient's record states; a trait that it does not know is not compared.
        path: FHIRPath of the Patient that states it, or of the element that holds the CDA.
        source: where it was stated, for the message.
    """
    for label, element, one, other in zip(_NAMES, _ELEMENTS, sent, known, strict=True):
        if one is None or other is None or _agree(element, one, other):
            continue
        assert isinstance(label, Text), "labels are texts in both languages"
        where = f"{path}.{element}" if path.rpartition(".")[2].startswith(("contained", "resource")) else path
        yield Issue(
            "error",
            "business-rule",
            Text(
                f"Le trait « {label.fr} » ({source.fr} : {one[:60]}) n'est pas celui du patient de cette INS ; "
                "vérifiez l'identité avant d'alimenter le dossier.",
                f'The trait "{label.en}" ({source.en}: {one[:60]}) is not that of the patient of this INS; '
                "verify the identity before feeding the record.",
            ),
            where,
            "identity-traits",
        )


def plain(name: str) -> str:
    """Write a name as RNIV does: capitals, without accents, one space in place of hyphens and apostrophes."""
    folded = "".join(
        character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character)
    )
    return re.sub(r"[\s'’\-]+", " ", folded).strip().upper()


def _agree(element: str, one: str, other: str) -> bool:
    if element == "name":
        return plain(one) == plain(other)
    if element == "birthDate":
        # a date of lesser precision agrees with what it leaves open
        return one.startswith(other) or other.startswith(one)
    one, other = one.lower(), other.lower()
    return _GENDERS.get(one, one) == _GENDERS.get(other, other)
