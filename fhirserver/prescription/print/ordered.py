"""What is said of an act or a device, in French: where, when, which, why, and by whom.

Sources: ServiceRequest and DeviceRequest of FHIR R4; the reason belongs on a request for imaging or biology (Code de la
santé publique R1333-66, L6211-8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhirserver.prescription import acts, elements
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.french import amounts, posology
from fhirserver.prescription.french.posology_words import SPACE
from fhirserver.prescription.lines import Line
from fhirserver.prescription.print import people

Resource = Mapping[str, Any]

_WHEN: Final = {
    "occurrenceTiming": "timing",
    "asNeededBoolean": "asNeededBoolean",
    "asNeededCodeableConcept": "asNeededCodeableConcept",
}
"""Elements of an act, and under which name a posology has them."""


def sentences(line: Line) -> Iterator[str]:
    """Write what describes an act or a device, a sentence each; of a secret line without its reason."""
    resource = line.resource
    yield from _told("Localisation", resource.get("bodySite", ()))
    yield from (f"{text}." for concept in resource.get("orderDetail", ()) if (text := _words(concept)))
    yield from _parameters(resource.get("parameter", ()))
    spoken = {name: resource[element] for element, name in _WHEN.items() if element in resource}
    if "occurrencePeriod" in resource:
        spoken["timing"] = {"repeat": {"boundsPeriod": resource["occurrencePeriod"]}}
    if spoken and (text := posology.sentence(spoken)):
        yield text
    if line.flags.isdisjoint({Flag.PREGNANCY_TERMINATION, Flag.MINOR_SECRET}):
        yield from _told("Motif", resource.get("reasonCode", ()))


def extent(resource: Resource) -> str | None:
    """Write a number of acts that is a range (10 à 15 séances), a ratio (20 séances par mois) or a duration."""
    if length := acts.lasting(resource):
        return f"Durée : {amounts.quantity(length)}"
    if "quantityRange" in resource:
        return f"Quantité : {amounts.ranged(resource['quantityRange'])}"
    ratio = resource.get("quantityRatio", {})
    if ratio.get("numerator"):
        per = amounts.per(ratio.get("denominator", {}), several="en")
        return f"Quantité : {amounts.quantity(ratio['numerator'])} {per}".strip()
    return None


def performers(resource: Resource) -> Iterator[str]:
    """Write by whom an act is to be done, or a device supplied."""
    named = resource.get("performer", ())
    for each in [named] if isinstance(named, Mapping) else named:
        shown = people.referred({name: each[name] for name in ("display", "identifier") if name in each})
        if shown:
            yield f"À {'fournir' if resource['resourceType'] == 'DeviceRequest' else 'réaliser'} par : {shown}"


def _told(label: str, concepts: Sequence[Resource]) -> Iterator[str]:
    shown = ", ".join(filter(None, map(_words, concepts)))
    if shown:
        yield f"{label} : {shown}."


def _parameters(parameters: Sequence[Resource]) -> Iterator[str]:
    """What tells one device from another: its size, its power."""
    for each in parameters:
        label, shown = _words(each.get("code", {})), _value(each)
        if label or shown:
            yield f"{label} : {shown}." if label and shown else f"{label or shown}."


def _value(parameter: Resource) -> str:
    if "valueCodeableConcept" in parameter:
        return _words(parameter["valueCodeableConcept"])
    if "valueQuantity" in parameter:
        return amounts.quantity(parameter["valueQuantity"])
    if "valueRange" in parameter:
        return amounts.ranged(parameter["valueRange"])
    said = parameter.get("valueBoolean")
    return "" if said is None else "oui" if said else "non"


def _words(concept: Resource) -> str:
    codes = (str(coding["code"]) for coding in concept.get("coding", ()) if coding.get("code"))
    return (elements.words(concept) or next(codes, "")).rstrip(". ").replace("\n", SPACE)
