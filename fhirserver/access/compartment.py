"""Whose resource is it: the patient compartment (https://hl7.org/fhir/R4/compartmentdefinition-patient.html).

Wider than FHIR's where a resource names the patient by INS alone, or by a contained Patient that carries it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from fhirserver.access.caller import Ins
from fhirserver.access.matrix import DEFINITIONS, DIRECTORY

OPEN: Final = DEFINITIONS | DIRECTORY
"""Types that are about nobody: in every compartment."""

_ABOUT: Final = {
    "Appointment": ("participant.actor",),
    "AppointmentResponse": ("actor",),
    "Binary": ("securityContext",),
    "Coverage": ("beneficiary",),
    "Task": ("for",),
    "Person": ("link.target",),
    "Provenance": ("target",),
    "AuditEvent": ("entity.what", "agent.who"),
}
"""Types whose element is neither `subject` nor `patient`."""


def elements(resource_type: str) -> tuple[str, ...]:
    """Return the elements, dotted, that say whom a resource of a type is about."""
    return _ABOUT.get(resource_type, ("subject", "patient"))


def concerns(resource: dict[str, Any], ins: Ins, ids: Collection[str], anchors: Collection[str] = ()) -> bool:
    """Tell whether a resource belongs to the patient of an INS.

    Args:
        resource: the resource.
        ins: the patient's identity.
        ids: of the Patient resources that carry it.
        anchors: the compartments that the resource is in by FHIR's definition: `Patient/1`.
    """
    resource_type = resource.get("resourceType", "")
    if resource_type in OPEN:
        return True
    if resource_type == "Patient":
        return resource.get("id") in ids or _identified(resource, ins)
    if any(f"Patient/{identity}" in anchors for identity in ids):
        return True
    contained = {f"#{item.get('id')}": item for item in resource.get("contained", ()) if isinstance(item, dict)}
    for path in elements(resource_type):
        for reference in _at(resource, path.split(".")):
            if _names(reference, ids) or _is(reference.get("identifier"), ins):
                return True
            inside = contained.get(reference.get("reference", ""))
            if inside is not None and _identified(inside, ins):
                return True
    return False


def _at(value: Any, path: list[str]) -> Iterator[dict[str, Any]]:
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        if path:
            yield from _at(item.get(path[0]), path[1:])
        else:
            yield item


def _names(reference: dict[str, Any], ids: Collection[str]) -> bool:
    kind, _, rest = str(reference.get("reference", "")).partition("/")
    return kind == "Patient" and rest.split("/", 1)[0] in ids


def _identified(resource: dict[str, Any], ins: Ins) -> bool:
    return any(_is(identifier, ins) for identifier in resource.get("identifier", ()))


def _is(identifier: Any, ins: Ins) -> bool:
    return (
        isinstance(identifier, dict) and identifier.get("system") == ins.system and identifier.get("value") == ins.value
    )
