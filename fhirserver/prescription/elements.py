"""Where each mention and flag of an ordonnance stands in FHIR R4: a standard element, or an extension of the project.

The whole map, with the reason for each place, is `docs/prescription.md`; each extension is stated as a
StructureDefinition in `profiles/`. Sources: Code de la santé publique R5132-3 and following; subtypes of a
prescription: value set 1.2.250.1.213.1.1.4.322.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final

Resource = Mapping[str, Any]

EXTENSION: Final = "urn:fhirserver:StructureDefinition:"
NOT_COVERED: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-not-covered"
OFF_LABEL: Final = "https://profiles.ihe.net/PHARM/MPD/StructureDefinition/ihe-ext-offLabel"
SUBTYPE_SYSTEM: Final = "urn:oid:1.2.250.1.213.1.1.4.322"
SUBTYPE_SYSTEMS: Final = frozenset({SUBTYPE_SYSTEM, "https://smt.esante.gouv.fr/terminologie-cisis"})
CATEGORY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
NO_SUBSTITUTION_SYSTEM: Final = "urn:fhirserver:CodeSystem:no-substitution-reason"
SUBSTITUTION_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution"
OUTCOME_SYSTEM: Final = "urn:fhirserver:CodeSystem:delivery-outcome"
NOT_DELIVERED_SYSTEM: Final = "urn:fhirserver:CodeSystem:not-delivered-reason"


class Flag(StrEnum):
    """What may be said of a line by a word or a tick."""

    LONG_TERM_ILLNESS = "long-term-illness"
    WORK_ACCIDENT = "work-accident"
    PREVENTION = "prevention"
    NOT_REIMBURSED = "not-reimbursed"
    OFF_LABEL = "off-label"
    OVERLAP = "overlap"
    SINGLE_DELIVERY = "single-delivery"
    NOT_RENEWABLE = "not-renewable"
    OPPOSITION = "execution-hidden-from-prescriber"
    PREGNANCY_TERMINATION = "pregnancy-termination"
    MINOR_SECRET = "minor-secret"  # noqa: S105 - a minor's right to secrecy, no password
    LOCUM = "locum"
    BIZONE = "bizone"
    EXCEPTION_MEDICINE = "exception-medicine"
    SECURED = "secured"
    LARGE_EQUIPMENT = "large-equipment"
    HOME = "home"
    URGENT = "urgent"
    MILITARY = "military"


BY_EXTENSION: Final = (
    Flag.LONG_TERM_ILLNESS,
    Flag.WORK_ACCIDENT,
    Flag.PREVENTION,
    Flag.NOT_REIMBURSED,
    Flag.OVERLAP,
    Flag.NOT_RENEWABLE,
    Flag.OPPOSITION,
    Flag.PREGNANCY_TERMINATION,
    Flag.MINOR_SECRET,
    Flag.LOCUM,
)
"""Flags that an extension with a boolean says, at the root of the line."""

SUBTYPES: Final[dict[Flag, tuple[str, str]]] = {
    Flag.BIZONE: ("MED-1096", "Prescription sur ordonnance bizone"),
    Flag.EXCEPTION_MEDICINE: ("MED-1097", "Prescription de médicaments d'exception"),
    Flag.SECURED: ("MED-1098", "Prescription sécurisée"),
    Flag.LARGE_EQUIPMENT: ("MED-1132", "Prescription de grand appareillage"),
    Flag.HOME: ("MED-1094", "Prescription à exécuter à domicile"),
    Flag.URGENT: ("MED-1095", "Prescription à exécuter en urgence"),
    Flag.MILITARY: ("MED-1159", "Prescription en rapport avec une affection militaire"),
}
"""Flags that a subtype says: a coding in `category` of MedicationRequest and ServiceRequest, or in the extension
`prescription-subtype`, since DeviceRequest has no category in R4."""

_FLAG_OF_SUBTYPE: Final = {code: flag for flag, (code, _) in SUBTYPES.items()}
_FLAG_OF_URL: Final = {f"{EXTENSION}{flag}": flag for flag in BY_EXTENSION} | {NOT_COVERED: Flag.NOT_REIMBURSED}
_URGENT: Final = frozenset({"urgent", "asap", "stat"})


class Setting(StrEnum):
    """Where a hospital's prescription is executed."""

    HOSPITAL = "hospital"
    CITY = "city"


class InWords(StrEnum):
    """What may have to be written in words; the parts of the extension `in-words`."""

    STRENGTH = "strength"
    DOSE = "dose"
    INTAKES = "intakes"
    POSOLOGY = "posology"
    DURATION = "duration"


def url(name: str) -> str:
    """Return the canonical url of one of the project's extensions."""
    return f"{EXTENSION}{name}"


def extensions(element: Resource, address: str) -> Iterator[Resource]:
    """Each extension of an element with this url."""
    for extension in element.get("extension", ()):
        if extension.get("url") == address:
            yield extension


def words(concept: Resource) -> str:
    """Return what a CodeableConcept says to people: its text, else the first name of a code; empty where neither."""
    names = (coding.get("display") for coding in concept.get("coding", ()))
    return str(concept.get("text") or next((name for name in names if name), ""))


def value(element: Resource, name: str) -> Any:
    """Return the value of the project's extension of that name; None if absent."""
    for extension in extensions(element, url(name)):
        for key, content in extension.items():
            if key.startswith("value"):
                return content
    return None


def part(extension: Resource, name: str) -> Any:
    """Return the value of one part of a complex extension; None if absent."""
    for inner in extensions(extension, name):
        for key, content in inner.items():
            if key.startswith("value"):
                return content
    return None


def stated(resource: Resource) -> dict[Flag, bool]:
    """Every flag that a line states, true or false; what it does not state is absent.

    The long-term illness flag must be stated on each line of a bizone form: there, absent is not false.
    """
    found: dict[Flag, bool] = {}
    for extension in resource.get("extension", ()):
        flag = _FLAG_OF_URL.get(extension.get("url", ""))
        if flag is not None and isinstance(extension.get("valueBoolean"), bool):
            found[flag] = extension["valueBoolean"]
        elif extension.get("url") == OFF_LABEL:
            found[Flag.OFF_LABEL] = part(extension, "isOffLabelUse") is True
    for coding in _subtypes(resource):
        flag = _FLAG_OF_SUBTYPE.get(coding.get("code", ""))
        if flag is not None and coding.get("system") in SUBTYPE_SYSTEMS:
            found[flag] = True
    if resource.get("priority") in _URGENT:
        found[Flag.URGENT] = True
    if value(resource.get("dispenseRequest", {}), Flag.SINGLE_DELIVERY) is True:
        found[Flag.SINGLE_DELIVERY] = True
    return found


def flags(resource: Resource) -> frozenset[Flag]:
    """The flags that hold of a line."""
    return frozenset(flag for flag, holds in stated(resource).items() if holds)


def _subtypes(resource: Resource) -> Iterator[Resource]:
    for concept in resource.get("category", ()):
        yield from concept.get("coding", ())
    for extension in extensions(resource, url("prescription-subtype")):
        yield from extension.get("valueCodeableConcept", {}).get("coding", ())


def set_flag(resource: dict[str, Any], flag: Flag, *, holds: bool = True) -> None:
    """State a flag on a line, in its place, once."""
    if flag in BY_EXTENSION:
        _replace(resource, {"url": url(flag), "valueBoolean": holds})
    elif flag is Flag.OFF_LABEL:
        _replace(resource, {"url": OFF_LABEL, "extension": [{"url": "isOffLabelUse", "valueBoolean": holds}]})
    elif flag is Flag.SINGLE_DELIVERY:
        _replace(resource.setdefault("dispenseRequest", {}), {"url": url(flag), "valueBoolean": holds})
    elif holds and flag not in flags(resource):
        code, display = SUBTYPES[flag]
        concept = {"coding": [{"system": SUBTYPE_SYSTEM, "code": code, "display": display}]}
        if resource["resourceType"] == "DeviceRequest":
            resource.setdefault("extension", []).append(
                {"url": url("prescription-subtype"), "valueCodeableConcept": concept}
            )
        else:
            resource.setdefault("category", []).append(concept)


def set_value(element: dict[str, Any], name: str, kind: str, content: Any) -> None:
    """Write one of the project's extensions, in place of an earlier one.

    Args:
        element: the resource or element that carries it.
        name: of the extension, such as `next-possible-date`.
        kind: FHIR type with a capital, such as `Date` or `Quantity`.
        content: the value.
    """
    _replace(element, {"url": url(name), f"value{kind}": content})


def _replace(element: dict[str, Any], extension: dict[str, Any]) -> None:
    kept = [other for other in element.get("extension", ()) if other.get("url") != extension["url"]]
    element["extension"] = [*kept, extension]


def replaced_prescriber(resource: Resource) -> Resource | None:
    """Whom a locum replaces: a Reference (with display or identifier)."""
    found = value(resource, "replaced-prescriber")
    return found if isinstance(found, dict) else None


def surgery(resource: Resource) -> tuple[date, date] | None:
    """The days of a scheduled surgery: intervention and planned discharge (the same day where none is given)."""
    period = value(resource, "scheduled-surgery")
    if not isinstance(period, dict) or "start" not in period:
        return None
    try:
        start = date.fromisoformat(str(period["start"])[:10])
        return start, date.fromisoformat(str(period.get("end", period["start"]))[:10])
    except ValueError:
        return None


def in_words(resource: Resource) -> dict[InWords, str]:
    """What the prescriber wrote in words."""
    found = next(extensions(resource, url("in-words")), None)
    if found is None:
        return {}
    written = {name: part(found, name) for name in InWords}
    return {name: text for name, text in written.items() if isinstance(text, str) and text.strip()}


def no_substitution(resource: Resource) -> tuple[bool, str | None]:
    """Whether the prescriber forbids substitution, and his reason (MTE, EFG, CIF); None if he gives none of these.

    Returns:
        For instance (True, "MTE"); (False, None) where substitution is allowed.
    """
    substitution = resource.get("substitution", {})
    concept = substitution.get("allowedCodeableConcept", {})
    forbidden = substitution.get("allowedBoolean") is False or any(
        coding.get("code") == "N" for coding in concept.get("coding", ())
    )
    reason = substitution.get("reason", {})
    said = [str(coding.get("code", "")) for coding in reason.get("coding", ())] + [str(reason.get("text", ""))[:3]]
    return forbidden, next((code for text in said if (code := text.upper()) in ("MTE", "EFG", "CIF")), None)


def execution_setting(resource: Resource) -> Setting | None:
    """Where the line says that it is executed; None where it says nothing.

    MedicationRequest has a category for it (`inpatient`; `discharge`, `outpatient` and `community` are the city); the
    other two carry the extension `execution-setting`.
    """
    stated_setting = value(resource, "execution-setting")
    if stated_setting in tuple(Setting):
        return Setting(stated_setting)
    codes = {
        coding.get("code")
        for concept in resource.get("category", ())
        for coding in concept.get("coding", ())
        if coding.get("system") == CATEGORY_SYSTEM
    }
    if codes & {"discharge", "outpatient", "community"}:
        return Setting.CITY
    return Setting.HOSPITAL if "inpatient" in codes else None


def confirmations(resource: Resource) -> dict[str, str]:
    """The alerts that a prescriber or dispenser confirmed: rule to his reason."""
    found = {}
    for extension in extensions(resource, url("confirmed-alert")):
        rule, reason = part(extension, "rule"), part(extension, "reason")
        if isinstance(rule, str) and isinstance(reason, str) and reason.strip():
            found[rule] = reason
    return found
