"""How people and structures are named on paper: names, identifiers, addresses, telephones."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhirserver.prescription.executor import STRUCTURE_SYSTEM
from fhirserver.prescription.facts import NATIONAL_IDENTIFIERS, PROFESSION_SYSTEMS

Resource = Mapping[str, Any]

INS_SYSTEMS: Final = {
    "urn:oid:1.2.250.1.213.1.4.8": "",
    "urn:oid:1.2.250.1.213.1.4.9": "",
    "urn:oid:1.2.250.1.213.1.4.10": " (test)",
    "urn:oid:1.2.250.1.213.1.4.11": " (démonstration)",
}
_STRUCTURES: Final = {"1": "FINESS", "3": "SIRET"}
_RPPS_WITH_PREFIX: Final = 12
_PRIVATE: Final = frozenset({"home", "old"})
"""Uses of an address or telephone that have no place on what patients are handed."""
_CHANNELS: Final = (("phone", "Tél. "), ("email", ""))
_PROFESSIONS: Final = {
    "10": "Médecin",
    "21": "Pharmacien",
    "40": "Chirurgien-dentiste",
    "50": "Sage-femme",
    "60": "Infirmier",
    "69": "Infirmier psychiatrique",
    "70": "Masseur-kinésithérapeute",
    "80": "Pédicure-podologue",
    "91": "Orthophoniste",
    "92": "Orthoptiste",
    "94": "Ergothérapeute",
}
BIRTH_GIVEN: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-patient-birth-list-given-name"


def name(person: Resource, *, title: bool = False, official: bool = False) -> str:
    """Write a name: `Dr Hélène LEFÈVRE`; a patient's family name first: `MOREL Camille`.

    Args:
        person: Patient or Practitioner.
        title: whether to write the prefix.
        official: whether the birth name (use `official`) comes first, with the used name after it.
    """
    names = person.get("name", ())
    if not names:
        return ""
    chosen = next((each for each in names if each.get("use") == "official"), names[0]) if official else names[0]
    family, given = str(chosen.get("family", "")).upper(), " ".join(chosen.get("given", ()))
    if not family and not given:
        return str(chosen.get("text", ""))
    if official:
        used = next((each.get("family") for each in names if each.get("use") in ("usual", "nickname")), None)
        written = f"{family} {given}".strip()
        return f"{written} (nom utilisé : {str(used).upper()})" if used and str(used).upper() != family else written
    prefix = " ".join(chosen.get("prefix", ())) if title else ""
    return " ".join(part for part in (prefix, given, family) if part)


def quality(practitioner: Resource, role: Resource | None, profession: str | None = None) -> str:
    """Write the profession and the speciality: `Médecin, Cardiologie`.

    Args:
        practitioner: the person, whose qualifications are read.
        role: his role, whose code and specialty are read.
        profession: code of TRE_G15 for him if the resources name none.
    """
    codes = [each.get("code", {}) for each in practitioner.get("qualification", ())]
    codes += [*(role or {}).get("code", ()), *(role or {}).get("specialty", ())]
    professions, others = [], []
    for concept in codes:
        for coding in concept.get("coding", ()):
            if coding.get("system") in PROFESSION_SYSTEMS:
                professions.append(coding.get("display") or _PROFESSIONS.get(str(coding.get("code")), ""))
            elif coding.get("display"):
                others.append(str(coding["display"]))
        if concept.get("text") and not concept.get("coding"):
            others.append(str(concept["text"]))
    if not professions and profession:
        professions.append(_PROFESSIONS.get(profession, ""))
    return ", ".join(dict.fromkeys(part for part in (*professions, *others) if part))


def identifiers(practitioner: Resource, organization: Resource | None) -> Iterator[str]:
    """Each national identifier: `RPPS 10000421350`, `FINESS 880007059`."""
    for identifier in practitioner.get("identifier", ()):
        number = str(identifier.get("value", ""))
        if identifier.get("system") in NATIONAL_IDENTIFIERS and number:
            yield f"RPPS {number[1:] if len(number) == _RPPS_WITH_PREFIX and number[0] == '8' else number}"
    for identifier in (organization or {}).get("identifier", ()):
        number = str(identifier.get("value", ""))
        if identifier.get("system") == STRUCTURE_SYSTEM and number[:1] in _STRUCTURES:
            yield f"{_STRUCTURES[number[0]]} {number[1:]}"


def address(practitioner: Resource, organization: Resource | None) -> Iterator[str]:
    """The structure's name and the lines of the first address at work."""
    if organization and organization.get("name"):
        yield str(organization["name"])
    held = [
        each
        for each in (*practitioner.get("address", ()), *(organization or {}).get("address", ()))
        if each.get("use") not in _PRIVATE
    ]
    if not held:
        return
    first = held[0]
    lines = [str(line) for line in first.get("line", ())]
    city = f"{first.get('postalCode', '')} {first.get('city', '')}".strip()
    yield from lines
    if city:
        yield city
    if not lines and not city and first.get("text"):
        yield str(first["text"])


def telecoms(*sources: Resource | None) -> Iterator[str]:
    """The first phone and the first e-mail address, of the first source that has one."""
    for system, label in _CHANNELS:
        values = (
            contact.get("value")
            for source in sources
            if source
            for contact in source.get("telecom", ())
            if contact.get("system") == system and contact.get("use") not in _PRIVATE
        )
        found = next((value for value in values if value), None)
        if found:
            yield f"{label}{found}"


def ins(patient: Resource) -> str | None:
    """The national health identity, grouped as on paper, with a mark where it is none of production."""
    for identifier in patient.get("identifier", ()):
        system, number = identifier.get("system"), str(identifier.get("value", ""))
        if system in INS_SYSTEMS and number:
            cuts = (0, 1, 3, 5, 7, 10, 13, 15)
            parts = [number[start:end] for start, end in itertools.pairwise(cuts)]
            return " ".join(part for part in parts if part) + INS_SYSTEMS[system]
    return None


def referred(reference: Resource) -> str:
    """What a Reference shows: its display, else its identifier."""
    identifier = reference.get("identifier", {})
    return str(reference.get("display") or identifier.get("value") or reference.get("reference") or "")
