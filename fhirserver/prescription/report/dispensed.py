"""From recorded deliveries to the report of a dispensing: every sentence in French, ready for `drawing.draw`.

Sources: Code de la santé publique R5132-9 and -10 (what a dispensing is recorded with), L5125-23 (substitution).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from fhirserver.prescription import elements
from fhirserver.prescription.execution.executions import read
from fhirserver.prescription.execution.quantities import duration_days
from fhirserver.prescription.french import amounts, posology
from fhirserver.prescription.french.posology_words import SPACE
from fhirserver.prescription.lines import Line
from fhirserver.prescription.print.printed import PrintedPatient, PrintedPrescriber
from fhirserver.prescription.rules.outcomes import LABELS, REASON_LABELS, NotDelivered, Outcome

Resource = Mapping[str, Any]


class Delivery(NamedTuple):
    """One recorded delivery with the line that it executes; `products` are the resources that it names."""

    resource: Resource
    line: Line
    products: Sequence[Resource] = ()


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """One delivery, ready to print: what, and sentences on it."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One dispensing as it is printed.

    Attributes:
        number: of the prescription.
        drafted: its day, as French prints it; empty where unknown.
        prescriber: his name.
        on: the day of the dispensing.
        dispenser: who delivered.
    """

    number: str
    drafted: str
    prescriber: str
    on: str
    dispenser: PrintedPrescriber
    patient: PrintedPatient
    lines: tuple[ReportedLine, ...]


def report(  # noqa: PLR0913, PLR0917 - what a report says
    number: str,
    prescriber: str,
    deliveries: Sequence[Delivery],
    dispenser: PrintedPrescriber,
    patient: PrintedPatient,
    today: date,
) -> Report:
    """Build the report of deliveries that were recorded together.

    Args:
        number: of the prescription.
        prescriber: his name.
        deliveries: at least one.
        dispenser: who delivered.
        patient: for whom.
        today: the day of a delivery that says none.
    """
    drafted = next((each.line.drafted for each in deliveries if each.line.drafted), None)
    on = max(read(each.resource, today).on for each in deliveries)
    lines = tuple(
        ReportedLine(title(each.resource, each.products) or each.line.title, tuple(_sentences(each, today)))
        for each in deliveries
    )
    return Report(number, shown(drafted) if drafted else "", prescriber, shown(on), dispenser, patient, lines)


def title(resource: Resource, products: Sequence[Resource] = ()) -> str:
    """Return what was delivered, as the dispenser named it; empty where he did not."""
    supplied = resource.get("suppliedItem", {})
    concepts = [
        resource.get("medicationCodeableConcept"),
        supplied.get("itemCodeableConcept"),
        *(product.get("code") for product in products),
    ]
    for concept in concepts:
        if isinstance(concept, Mapping):
            said = elements.words(concept)
            if said:
                return said
    return ""


def shown(on: date) -> str:
    """Return a day as French prints it."""
    return f"{on:%d/%m/%Y}"


def _sentences(delivery: Delivery, today: date) -> Iterator[str]:
    resource, line = delivery.resource, delivery.line
    told = read(resource, today)
    outcome = LABELS[told.outcome][0]
    given = title(resource, delivery.products)
    differs = told.outcome is not Outcome.NOT_DELIVERED and given and line.title and given != line.title
    yield f"{_capital(outcome)} ; prescrit : {line.title}" if differs else _capital(outcome)
    if told.reason:
        known = told.reason in tuple(NotDelivered)
        yield f"Motif : {REASON_LABELS[NotDelivered(told.reason)][0] if known else told.reason}"
    if told.outcome is Outcome.NOT_DELIVERED:
        return
    if told.amount is not None:
        days = duration_days(resource.get("daysSupply")) or told.days
        covered = f", pour {days}{SPACE}jours" if days else ""
        yield f"Quantité délivrée : {amounts.quantity(told.amount.quantity())}{covered}"
    instructions = resource.get("dosageInstruction") or line.dosages
    yield from (text for text in posology.sentences(instructions) if text)
    yield from (str(note["text"]) for note in resource.get("note", ()) if note.get("text"))
    yield from _remaining(resource)


def _remaining(resource: Resource) -> Iterator[str]:
    """Tell what may still be delivered of the line, as the server noted it with the delivery."""
    remaining = elements.value(resource, "remaining-quantity")
    following = elements.value(resource, "next-possible-date")
    parts = []
    if isinstance(remaining, Mapping):
        parts.append(f"Reste à délivrer : {amounts.quantity(remaining) if remaining['value'] else 'rien'}")
    if isinstance(following, str):
        parts.append(f"prochaine délivrance possible le {shown(date.fromisoformat(following))}")
    if parts:
        yield _capital(", ".join(parts))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
