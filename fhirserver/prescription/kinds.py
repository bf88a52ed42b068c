"""Which kind of execution a line asks for, by the code systems it speaks (data, replaceable by an operator)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fhirserver.prescription.professions import Kind

Resource = Mapping[str, Any]

_DEFAULT: Final = {
    "MedicationRequest": Kind.PHARMACY,
    "DeviceRequest": Kind.DEVICE_SUPPLY,
    "ServiceRequest": Kind.MEDICAL_ACT,
}


@dataclass(frozen=True, slots=True)
class KindRow:
    """Codes of these systems are executed as that kind.

    Attributes:
        systems: code system urls.
        kind: what they ask for.
        codes: the codes that it holds for; all where empty.
        pattern: a regular expression for codes; None for all.
    """

    systems: frozenset[str]
    kind: Kind
    codes: frozenset[str] = frozenset()
    pattern: re.Pattern[str] | None = None

    def fits(self, coding: Resource) -> bool:
        """Whether the row speaks of this Coding."""
        code = coding.get("code")
        if coding.get("system") not in self.systems or not isinstance(code, str):
            return False
        return (not self.codes or code in self.codes) and (
            self.pattern is None or self.pattern.search(code) is not None
        )


def rows(data: Resource) -> tuple[KindRow, ...]:
    """Read the rows of `kinds.json`."""
    return tuple(row_of(each) for each in data["rows"])


def row_of(row: Resource) -> KindRow:
    """Read a row that speaks of codes."""
    return KindRow(
        frozenset(row["systems"]),
        Kind(row["kind"]),
        frozenset(row.get("codes", ())),
        re.compile(row["pattern"]) if "pattern" in row else None,
    )


@cache
def shipped() -> tuple[KindRow, ...]:
    """The rows that the project ships."""
    return rows(json.loads(files("fhirserver.prescription.rules").joinpath("data/kinds.json").read_bytes()))


def kind_of(resource: Resource, table: Sequence[KindRow] | None = None) -> Kind:
    """Tell how a line is executed: by category, else code, else the profession asked for, else its resource type."""
    if resource.get("resourceType") == "MedicationRequest":
        return Kind.PHARMACY
    table = shipped() if table is None else table
    for codings in (_codings(resource, "category"), _codings(resource, "code", "codeCodeableConcept")):
        found = _first(codings, table)
        if found:
            return found
    return _first(_codings(resource, "performerType"), table) or _DEFAULT.get(
        str(resource.get("resourceType")), Kind.MEDICAL_ACT
    )


def _first(codings: Iterator[Resource], table: Sequence[KindRow]) -> Kind | None:
    spoken = list(codings)
    return next((row.kind for row in table for coding in spoken if row.fits(coding)), None)


def _codings(resource: Resource, *names: str) -> Iterator[Resource]:
    for name in names:
        concepts = resource.get(name, ())
        for concept in concepts if isinstance(concepts, list) else (concepts,):
            if isinstance(concept, dict):
                yield from concept.get("coding", ())
