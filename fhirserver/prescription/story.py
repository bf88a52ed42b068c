"""The story of a prescription in readable French or English, from the versions of its Tasks.

Each version says where the Task stood and who wrote it; what was delivered stands in its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.execution.quantities import read_amount
from fhirserver.prescription.french import amounts
from fhirserver.prescription.professions import LABELS as KINDS
from fhirserver.prescription.rules.outcomes import LABELS as OUTCOMES
from fhirserver.prescription.rules.outcomes import REASON_LABELS as REASONS
from fhirserver.prescription.rules.outcomes import NotDelivered, Outcome
from fhirserver.prescription.states import State
from fhirserver.prescription.tasks import View

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a Task: what it held, when it was written, and by whom."""

    task: dict[str, Any]
    when: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        what: a short key: a state, `delivered`, `withdrawn`, `reported`, `line-ended`.
        execution: whether it tells of the execution, which a patient may hide from prescribers.
        reference: what it is about.
    """

    when: datetime
    who: str
    what: str
    text: Text
    execution: bool
    reference: str


MOVES: dict[State, Text] = {
    State.ISSUED: Text("Ordonnance émise", "Prescription issued"),
    State.TAKEN: Text("Prise en charge", "Taken"),
    State.PARTLY_EXECUTED: Text("Délivrance close, il reste à exécuter", "Delivery closed, more remains"),
    State.EXECUTED: Text("Ordonnance exécutée", "Prescription executed"),
    State.CANCELLED: Text("Ordonnance annulée par le prescripteur", "Prescription cancelled by the prescriber"),
    State.STOPPED: Text("Ordonnance arrêtée par le prescripteur", "Prescription stopped by the prescriber"),
    State.EXPIRED: Text("Validité échue", "Validity ended"),
    State.REPLACED: Text("Remplacée par une nouvelle ordonnance", "Replaced by a new prescription"),
}
_DONE: dict[Outcome, tuple[str, str]] = {
    Outcome.AS_IS: ("réalisé", "performed"),
    Outcome.STAGED: ("réalisé en partie", "performed in part"),
    Outcome.NOT_DELIVERED: ("non réalisé", "not performed"),
}
"""What is told of an act, which nobody hands over."""
_ENDED_BY_PRESCRIBER = frozenset({State.CANCELLED, State.STOPPED})
_WITHDRAWN = "withdrawn"
_OF_EXECUTION = frozenset({State.TAKEN, State.PARTLY_EXECUTED, State.EXECUTED})


def events(reference: str, versions: Sequence[Version], titles: Mapping[str, str]) -> list[Event]:
    """Return what happened to a Task.

    Args:
        reference: of the Task.
        versions: all of them, oldest first.
        titles: denomination of each line, by reference.
    """
    return list(_events(reference, versions, titles))


def _events(reference: str, versions: Sequence[Version], titles: Mapping[str, str]) -> Iterator[Event]:
    state: State | None = None
    holder: str | None = None
    delivered = closed = reported = 0
    withdrawn: set[tuple[str, str]] = set()
    for version in versions:
        view = View(version.task)
        kind = KINDS[view.kind]
        outputs = _deliveries(version.task)
        for entry in outputs[delivered:]:
            text = _delivery(entry, titles)
            yield Event(
                version.when,
                version.who,
                "delivered",
                text,
                execution=True,
                reference=entry["valueReference"]["reference"],
            )
        delivered = max(delivered, len(outputs))
        for entry in outputs:
            what = entry["valueReference"]["reference"]
            if _part(entry) == _WITHDRAWN and (what, _line(entry)) not in withdrawn:
                withdrawn.add((what, _line(entry)))
                text = _withdrawal(entry, titles)
                yield Event(version.when, version.who, "withdrawn", text, execution=True, reference=what)
        reports = view.outputs("report")
        for what in reports[reported:]:
            text = Text("Compte rendu ou résultat corrigé", "Report, or result corrected")
            yield Event(version.when, version.who, "reported", text, execution=True, reference=what)
        reported = len(reports)
        former, holder = holder, view.hold.executor if view.hold else None
        if view.state is not state or (state is State.TAKEN and holder != former):
            move = MOVES.get(view.state)
            if state is State.TAKEN and view.state is State.ISSUED:
                move = Text("Rendue sans délivrance", "Released without a delivery")
            receipts = sum(_part(entry) == "receipt" for entry in version.task.get("output", ()))
            if state is State.TAKEN and view.state is State.PARTLY_EXECUTED and receipts == closed:
                move = Text("Rendue, il reste à exécuter", "Released, more remains")
            closed = receipts
            if move is not None:
                why = _why(version.task.get("statusReason", {})) if view.state in _ENDED_BY_PRESCRIBER else ""
                text = Text(f"{move.fr} ({kind[0]}){why}", f"{move.en} ({kind[1]}){why}")
                execution = view.state in _OF_EXECUTION or state is State.TAKEN
                yield Event(version.when, version.who, str(view.state), text, execution=execution, reference=reference)
            state = view.state


def _deliveries(task: Resource) -> list[dict[str, Any]]:
    return [entry for entry in task.get("output", ()) if _part(entry) in ("dispense", _WITHDRAWN)]


def _part(entry: Resource) -> str:
    return str(entry["type"]["coding"][0]["code"])


def _line(entry: Resource) -> str:
    note = next(elements.extensions(entry, elements.url("delivered")))
    return str(elements.part(note, "line")["reference"])


def _withdrawal(entry: Resource, titles: Mapping[str, str]) -> Text:
    title = titles.get(_line(entry), "")
    fr, en = ("Réalisation", "Execution") if _line(entry).startswith("ServiceRequest/") else ("Délivrance", "Delivery")
    said = elements.part(next(elements.extensions(entry, elements.url("delivered"))), "taken-back")
    why = f" : {said}" if said else ""
    return Text(f"{fr} de « {title} » annulée par son auteur{why}", f'{en} of "{title}" taken back by its author{why}')


def _why(reason: Resource) -> str:
    said = elements.words(reason)
    return f" : {said}" if said else ""


def line_ended(when: datetime, who: str, title: str, reference: str, reason: Resource) -> Event:
    """Return what is told of a line that the prescriber ended by itself, while the others go on; `reason`: if known."""
    why = _why(reason)
    text = Text(
        f"« {title} » annulé ou arrêté par le prescripteur{why}",
        f'"{title}" cancelled or stopped by the prescriber{why}',
    )
    return Event(when, who, "line-ended", text, execution=False, reference=reference)


def _delivery(entry: Resource, titles: Mapping[str, str]) -> Text:
    note = next(elements.extensions(entry, elements.url("delivered")))
    line = elements.part(note, "line")["reference"]
    title, outcome = titles.get(line, ""), Outcome(elements.part(note, "outcome"))
    fr, en = _DONE.get(outcome, OUTCOMES[outcome]) if line.startswith("ServiceRequest/") else OUTCOMES[outcome]
    quantity, reason = elements.part(note, "quantity"), elements.part(note, "reason")
    if reason:
        known = REASONS[NotDelivered(reason)] if reason in tuple(NotDelivered) else (reason, reason)
        fr, en = f"{fr} ({known[0]})", f"{en} ({known[1]})"
    if quantity:
        fr, en = f"{fr} : {amounts.quantity(quantity)}", f"{en}: {read_amount(quantity)}"
    return Text(f"« {title} » {fr}", f'"{title}" {en}')
