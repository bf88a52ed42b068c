"""Faults of profiles by themselves: rules that cannot be evaluated, counts that nothing can meet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirserver.definitions.cache import Entry
from fhirserver.definitions.checks import Check, Finding, of_kind
from fhirserver.definitions.loaded import Definitions
from fhirserver.issues import Text


def invariants_without_expression(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """An invariant in words only cannot be evaluated: it is never found broken."""
    for entry in of_kind(entries, "StructureDefinition"):
        structure = definitions.definition(entry)
        for element in _elements(structure, "differential"):
            for constraint in element.get("constraint", ()):
                if not constraint.get("expression"):
                    key = constraint.get("key")
                    text = Text(
                        f"L'invariant {key} n'a pas d'expression FHIRPath : il ne peut pas être évalué.",
                        f"Invariant {key} has no FHIRPath expression: it cannot be evaluated.",
                    )
                    yield Finding(entry, element.get("id", ""), text)


def missing_snapshots(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A profile without a snapshot, and of which none can be made, is not in force."""
    reports = {(report.package, report.definition): report for report in definitions.reports if report.fatal}
    for entry in of_kind(entries, "StructureDefinition"):
        report = reports.get((str(definitions.packages[entry.package]), entry.url))
        if report is not None:
            text = Text(
                f"Le profil n'est pas appliqué : {report.reason}.", f"The profile is not in force: {report.reason}."
            )
            yield Finding(entry, report.element, text)


def impossible_counts(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Cardinalities that no resource can meet: a minimum above the maximum, of an element or of its slices together."""
    for entry in of_kind(entries, "StructureDefinition"):
        structure = definitions.definition(entry)
        elements = {element.get("id"): element for element in _elements(structure, "snapshot")}
        required: dict[str, int] = {}
        for identity, element in elements.items():
            least, most = element.get("min", 0), _most(element)
            if most is not None and least > most:
                yield Finding(entry, identity or "", _impossible(least, most))
            if element.get("sliceName") and "/" not in element["sliceName"] and isinstance(identity, str):
                whole = identity.rpartition(":")[0]
                required[whole] = required.get(whole, 0) + least
        for whole, least in required.items():
            most = _most(elements.get(whole, {}))
            if most is not None and least > most:
                yield Finding(entry, whole, _impossible(least, most))


def _impossible(least: int, most: int) -> Text:
    return Text(
        f"Au moins {least} occurrence(s) exigée(s) pour {most} au plus : aucune ressource ne peut y satisfaire.",
        f"At least {least} occurrence(s) required of at most {most}: no resource can meet this.",
    )


def _most(element: dict[str, Any]) -> int | None:
    most = element.get("max", "*")
    return int(most) if isinstance(most, str) and most.isdigit() else None


def _elements(structure: dict[str, Any], part: str) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = (structure.get(part) or {}).get("element", [])
    return elements


CHECKS: Final[dict[str, Check]] = {
    "invariant-without-expression": invariants_without_expression,
    "missing-snapshot": missing_snapshots,
    "impossible-count": impossible_counts,
}
