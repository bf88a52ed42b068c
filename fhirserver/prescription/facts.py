"""What the rules know besides the lines: the patient, the prescriber, the day, the server's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhirserver.prescription.execution.quantities import Amount, read_amount
from fhirserver.prescription.lines import day
from fhirserver.prescription.professions import SYSTEM as PROFESSIONS

Resource = Mapping[str, Any]

PROFESSION_SYSTEMS: Final = frozenset({PROFESSIONS, "urn:oid:1.2.250.1.71.1.2.7"})
WEIGHT: Final = frozenset({"29463-7", "3141-9", "8335-2"})
HEIGHT: Final = frozenset({"8302-2", "8306-3", "8308-9"})
NATIONAL_IDENTIFIERS: Final = frozenset({"urn:oid:1.2.250.1.71.4.2.1", "https://rpps.esante.gouv.fr"})


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """The traits that the rules ask for.

    Attributes:
        named: whether a family name and a given name are known.
        sex: FHIR `gender`.
        birth_date: the day; None where only a year or nothing is known.
        birth_known: whether anything of the birth date is known.
        weight: the latest, with its unit.
        height: the latest, with its unit.
    """

    named: bool = False
    sex: str | None = None
    birth_date: date | None = None
    birth_known: bool = False
    weight: Amount | None = None
    height: Amount | None = None


@dataclass(frozen=True, slots=True)
class PrescriberFacts:
    """The prescriber, as a prescription must name him.

    Attributes:
        profession: code of TRE_G15; None where unknown.
        named: whether his name is known.
        identified: whether his national identifier is known.
        address: whether an address is known, his own or his structure's.
        phone: whether a phone is known.
        email: whether an e-mail address is known.
    """

    profession: str | None = None
    named: bool = False
    identified: bool = False
    address: bool = False
    phone: bool = False
    email: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that `checking.check` needs besides the lines; None where it is not known and is not judged.

    Attributes:
        on: the day of the check in Paris.
        patient: the patient.
        prescriber: the prescriber.
        code_is_secured: whether a prescription with a code counts as secured without secured paper (a setting).
    """

    on: date
    patient: PatientFacts | None = None
    prescriber: PrescriberFacts | None = None
    code_is_secured: bool = False


def patient_facts(patient: Resource, observations: Iterable[Resource] = ()) -> PatientFacts:
    """Read the traits from a Patient, and weight and height from Observations (the latest of each)."""
    names = patient.get("name", ())
    measured = sorted(observations, key=lambda observation: str(observation.get("effectiveDateTime", "")))
    return PatientFacts(
        named=any(name.get("family") and name.get("given") for name in names),
        sex=patient.get("gender"),
        birth_date=day(patient.get("birthDate")),
        birth_known=bool(patient.get("birthDate")),
        weight=_measure(measured, WEIGHT),
        height=_measure(measured, HEIGHT),
    )


def prescriber_facts(
    practitioner: Resource,
    role: Resource | None = None,
    organization: Resource | None = None,
    *,
    profession: str | None = None,
) -> PrescriberFacts:
    """Read the prescriber from his Practitioner, PractitionerRole and Organization.

    Args:
        practitioner: the person.
        role: his role, whose contacts come first.
        organization: where he practises.
        profession: code of TRE_G15 that his token states; it decides over what the resources say.
    """
    sources = [source for source in (role, practitioner, organization) if source]
    telecoms = {contact.get("system") for source in sources for contact in source.get("telecom", ())}
    return PrescriberFacts(
        profession=profession or _profession(practitioner, role),
        named=any(name.get("family") or name.get("text") for name in practitioner.get("name", ())),
        identified=any(
            identifier.get("system") in NATIONAL_IDENTIFIERS and identifier.get("value")
            for source in sources[:2]
            for identifier in source.get("identifier", ())
        ),
        address=any(source.get("address") for source in (practitioner, organization) if source),
        phone="phone" in telecoms,
        email="email" in telecoms,
    )


def _profession(practitioner: Resource, role: Resource | None) -> str | None:
    concepts = [qualification.get("code", {}) for qualification in practitioner.get("qualification", ())]
    concepts += list((role or {}).get("code", ()))
    for concept in concepts:
        for coding in concept.get("coding", ()):
            if coding.get("system") in PROFESSION_SYSTEMS:
                return str(coding.get("code"))
    return None


def _measure(observations: list[Resource], codes: frozenset[str]) -> Amount | None:
    found = None
    for observation in observations:
        coded = {coding.get("code") for coding in observation.get("code", {}).get("coding", ())}
        if coded & codes and observation.get("status") not in ("entered-in-error", "cancelled"):
            found = read_amount(observation.get("valueQuantity")) or found
    return found
