"""Where a new resource is to lie: beside its patient, so that one record stays on one shard."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fhirserver.access.compartment import elements

INS_SYSTEMS: Final = frozenset(f"urn:oid:1.2.250.1.213.1.4.{arc}" for arc in (8, 9, 10, 11))
"""INS-NIR, INS-NIA, and the two for tests and demonstrations."""


class Place(NamedTuple):
    """What a new id is made from: the patient's INS, or the id of the Patient resource."""

    partition: str | None = None
    beside: str | None = None


def place(resource: dict[str, Any], places: Mapping[str, str] = MappingProxyType({})) -> Place:
    """Find whom a resource is about; anything malformed places it anywhere.

    Args:
        resource: about to be created.
        places: where a transaction's fullUrls lead.
    """
    kind = resource.get("resourceType")
    if kind == "Patient":
        return Place(partition=_ins(resource.get("identifier")))
    for path in elements(str(kind)):
        reference = resource.get(path)
        if not isinstance(reference, dict):
            continue
        literal = reference.get("reference")
        literal = places.get(literal, literal) if isinstance(literal, str) else None
        if literal is not None and literal.startswith("Patient/"):
            return Place(beside=literal[8:].split("/", 1)[0])
        partition = _ins([reference.get("identifier")])
        if partition:
            return Place(partition=partition)
    return Place()


def _ins(identifiers: Any) -> str | None:
    if isinstance(identifiers, list):
        for identifier in identifiers:
            if isinstance(identifier, dict) and identifier.get("system") in INS_SYSTEMS:
                value = identifier.get("value")
                if isinstance(value, str):
                    return value
    return None
