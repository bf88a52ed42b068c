"""The Task of a prescription: built at issuing, read and changed by the operations; no client writes it.

Where things stand: `groupIdentifier` number; `code` kind of execution; `performerType` eligible professions; `status`
and `businessStatus` state; `input` one entry for each line, with its validity, next possible date and what remains;
`restriction.period` the envelope of these; `owner` and the extension `holder` who holds it until when; `output` what
was delivered, with what counts of it, and the receipts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from fhirserver.prescription import alternatives, elements
from fhirserver.prescription.elements import EXTENSION
from fhirserver.prescription.execution.quantities import read_amount
from fhirserver.prescription.execution.standing import Delivered, Standing, standing
from fhirserver.prescription.lines import Line
from fhirserver.prescription.professions import LABELS as KIND_LABELS
from fhirserver.prescription.professions import SYSTEM as PROFESSIONS
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.rules.tables import Tables
from fhirserver.prescription.rules.validity import envelope, window
from fhirserver.prescription.states import LABELS, TASK_STATUS, State

Resource = Mapping[str, Any]

STATE_SYSTEM: Final = "urn:fhirserver:CodeSystem:prescription-state"
KIND_SYSTEM: Final = "urn:fhirserver:CodeSystem:execution-kind"
PART_SYSTEM: Final = "urn:fhirserver:CodeSystem:prescription-task-part"
_ALTERNATIVE: Final = elements.url("alternative-to")
_DELIVERED: Final = elements.url("delivered")


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds a Task, since when, and until when unless he goes on.

    Attributes:
        executor: `Executor.key`.
        recorded: whether he has recorded an outcome since he took it.
        first: index in `output` of his first delivery since then.
    """

    executor: str
    since: datetime
    until: datetime
    recorded: bool = False
    first: int = 0


def build(  # noqa: PLR0913, PLR0917 - what a Task says
    kind: Kind,
    number: Resource,
    lines: Sequence[tuple[Line, str]],
    patient: Resource,
    prescriber: Resource | None,
    now: datetime,
    tables: Tables,
    today: date,
) -> dict[str, Any]:
    """Build the Task of a newly issued prescription.

    Args:
        kind: of execution.
        number: the prescription's identifier.
        lines: of this kind, each with its reference.
        patient: Reference.
        prescriber: Reference.
        now: the moment of issuing.
        tables: the tables in force.
        today: the day in Paris.
    """
    moment = now.isoformat(timespec="seconds")
    task: dict[str, Any] = {
        "resourceType": "Task",
        "groupIdentifier": dict(number),
        "status": TASK_STATUS[State.ISSUED],
        "businessStatus": _business_status(State.ISSUED),
        "intent": "order",
        "code": {"coding": [{"system": KIND_SYSTEM, "code": str(kind), "display": KIND_LABELS[kind][0]}]},
        "focus": {"reference": lines[0][1]},
        "for": dict(patient),
        "authoredOn": moment,
        "lastModified": moment,
        **({"requester": dict(prescriber)} if prescriber else {}),
        "performerType": [
            {"coding": [{"system": PROFESSIONS, "code": code}]}
            for code in sorted(frozenset().union(*(tables.executors(kind, today, line.codings) for line, _ in lines)))
        ],
        "restriction": {},
        "input": [
            {"type": _part("line", "Ligne d'ordonnance"), "valueReference": {"reference": reference}}
            for _, reference in lines
        ],
    }
    View(task).stand({reference: line for line, reference in lines}, tables, today)
    if not task["restriction"]:
        del task["restriction"]
    return task


class View:
    """A Task, read and changed in place; take a copy of what is stored first.

    Args:
        task: the resource.
        elsewhere: the alternatives to its lines that were delivered under other Tasks of the prescription.
    """

    def __init__(self, task: dict[str, Any], elsewhere: Collection[str] = ()) -> None:
        self.task = task
        self.elsewhere = set(elsewhere)

    @property
    def kind(self) -> Kind:
        """The kind of execution."""
        return Kind(self.task["code"]["coding"][0]["code"])

    @property
    def professions(self) -> frozenset[str]:
        """The professions that it was made for, of which each executes some of its lines."""
        return frozenset(each["coding"][0]["code"] for each in self.task.get("performerType", ()))

    @property
    def state(self) -> State:
        """Where it stands."""
        return State(self.task["businessStatus"]["coding"][0]["code"])

    @property
    def number(self) -> str:
        """The prescription's number."""
        return str(self.task["groupIdentifier"]["value"])

    @property
    def lines(self) -> list[str]:
        """References to its lines."""
        return [entry["valueReference"]["reference"] for entry in self.task.get("input", ())]

    def move(self, state: State, now: datetime, reason: Resource | None = None) -> None:
        """Write a new state; `reason` is a CodeableConcept."""
        self.task["status"] = TASK_STATUS[state]
        self.task["businessStatus"] = _business_status(state)
        self.task["lastModified"] = now.isoformat(timespec="seconds")
        if reason is not None:
            self.task["statusReason"] = dict(reason)

    @property
    def hold(self) -> Hold | None:
        """Who holds it, whether or not his lease has ended."""
        found = next(elements.extensions(self.task, elements.url("holder")), None)
        if found is None:
            return None
        return Hold(
            elements.part(found, "executor"),
            datetime.fromisoformat(elements.part(found, "since")),
            datetime.fromisoformat(elements.part(found, "until")),
            elements.part(found, "recorded") is True,
            elements.part(found, "first") or 0,
        )

    def give(self, hold: Hold | None, owner: Resource | None = None) -> None:
        """Write who holds it; None: nobody."""
        address = elements.url("holder")
        kept = [one for one in self.task.get("extension", ()) if one.get("url") != address]
        if hold is not None:
            kept.append(
                {
                    "url": address,
                    "extension": [
                        {"url": "executor", "valueString": hold.executor},
                        {"url": "since", "valueInstant": hold.since.isoformat(timespec="seconds")},
                        {"url": "until", "valueInstant": hold.until.isoformat(timespec="seconds")},
                        {"url": "recorded", "valueBoolean": hold.recorded},
                        {"url": "first", "valueUnsignedInt": hold.first},
                    ],
                }
            )
            if owner is not None:
                self.task["owner"] = dict(owner)
        else:
            self.task.pop("owner", None)
        self.task.pop("extension", None)
        if kept:
            self.task["extension"] = kept

    def relate(self, groups: Iterable[Resource]) -> None:
        """Note on each line which others it is an alternative to, as RequestGroups say."""
        related = {pair for group in groups for pair in alternatives.pairs(group)}
        for entry in self.task.get("input", ()):
            line = entry["valueReference"]["reference"]
            entry.setdefault("extension", []).extend(
                {"url": _ALTERNATIVE, "valueReference": {"reference": other}}
                for one, other in sorted(related)
                if one == line
            )

    def alternatives(self, reference: str) -> list[str]:
        """Return the lines, of this Task or of another one of the prescription, that may be delivered in its place."""
        return [
            each["valueReference"]["reference"]
            for entry in self.task.get("input", ())
            if entry["valueReference"]["reference"] == reference
            for each in elements.extensions(entry, _ALTERNATIVE)
        ]

    def chosen_instead(self, reference: str) -> str | None:
        """Return the alternative to a line that was delivered in its place; None while none was."""
        others = self.alternatives(reference)
        if not others or self.begun(reference):
            return None
        return next((other for other in others if other in self.elsewhere or self.begun(other)), None)

    def add(self, reference: str, line: str, delivered: Delivered) -> None:
        """Note a delivery of a line."""
        amount = delivered.amount
        parts: list[dict[str, Any]] = [
            {"url": "line", "valueReference": {"reference": line}},
            {"url": "on", "valueDate": delivered.on.isoformat()},
            {"url": "outcome", "valueCode": str(delivered.outcome)},
        ]
        if amount is not None:
            parts.append({"url": "quantity", "valueQuantity": amount.quantity()})
        if delivered.days is not None:
            parts.append({"url": "days", "valueUnsignedInt": delivered.days})
        if delivered.reason:
            parts.append({"url": "reason", "valueString": delivered.reason})
        self.task.setdefault("output", []).append(
            {
                "extension": [{"url": _DELIVERED, "extension": parts}],
                "type": _part("dispense", "Délivrance"),
                "valueReference": {"reference": reference},
            }
        )

    def add_receipt(self, reference: str, executor: str) -> None:
        """Note the receipt of a delivery, and to whom it was given."""
        self.task.setdefault("output", []).append(
            {
                "extension": [{"url": elements.url("receipt-of"), "valueString": executor}],
                "type": _part("receipt", "Reçu signé"),
                "valueReference": {"reference": reference},
            }
        )

    def add_report(self, reference: str) -> None:
        """Note a report of what was executed already: the result of an act, or a corrected one."""
        self.task.setdefault("output", []).append(
            {"type": _part("report", "Compte rendu ou résultat corrigé"), "valueReference": {"reference": reference}}
        )

    def add_print(self, reference: str) -> None:
        """Note where the printed prescription is, or will be in a moment."""
        self.task.setdefault("output", []).append(
            {"type": _part("print", "Ordonnance imprimable"), "valueReference": {"reference": reference}}
        )

    def last_receipt(self) -> tuple[str, str] | None:
        """Return reference and executor of the latest receipt."""
        for entry in reversed(self.task.get("output", ())):
            if entry["type"]["coding"][0]["code"] == "receipt":
                return entry["valueReference"]["reference"], elements.value(entry, "receipt-of")
        return None

    def outputs(self, part: str) -> list[str]:
        """Return references of one part of the output."""
        return [
            entry["valueReference"]["reference"]
            for entry in self.task.get("output", ())
            if entry["type"]["coding"][0]["code"] == part
        ]

    def withdraw(self, reference: str, why: str = "") -> bool:
        """Take back a delivery, of all lines that it executed; False where it is not of this Task."""
        found = False
        for entry in self.task.get("output", ()):
            if entry["valueReference"]["reference"] == reference and entry["type"]["coding"][0]["code"] == "dispense":
                found = True
                entry["type"] = _part("withdrawn", "Délivrance annulée")
                if why:
                    told = [{"url": "taken-back", "valueString": why}]
                    entry["extension"] = [
                        {**each, "extension": [*each["extension"], *told]} if each["url"] == _DELIVERED else each
                        for each in entry["extension"]
                    ]
        return found

    def recorded_since(self, first: int) -> bool:
        """Whether an outcome stands that was recorded from that index of `output` on: taken back, it does not."""
        return any(entry["type"]["coding"][0]["code"] == "dispense" for entry in self.task.get("output", ())[first:])

    def delivered(self, line: str | None = None) -> tuple[Delivered, ...]:
        """Return the deliveries of a line (None: of all), in order; those taken back left out."""
        found = []
        for entry in self.task.get("output", ()):
            if entry["type"]["coding"][0]["code"] != "dispense":
                continue
            note = next(elements.extensions(entry, _DELIVERED))
            if line is None or elements.part(note, "line")["reference"] == line:
                found.append(
                    Delivered(
                        date.fromisoformat(elements.part(note, "on")),
                        read_amount(elements.part(note, "quantity")),
                        Outcome(elements.part(note, "outcome")),
                        elements.part(note, "days"),
                    )
                )
        return tuple(found)

    @property
    def executed(self) -> bool:
        """Whether anything of it was delivered."""
        return any(each.outcome is not Outcome.NOT_DELIVERED for each in self.delivered())

    def stand(self, lines: Mapping[str, Line], tables: Tables, today: date) -> dict[str, Standing]:
        """Write anew where each line stands, and the envelope of their validities; return it by reference."""
        found = {}
        for entry in self.task.get("input", ()):
            reference = entry["valueReference"]["reference"]
            line = lines[reference]
            over = not is_open(line) or self.chosen_instead(reference) is not None
            now = _OVER if over else standing(line, self.delivered(reference), tables, today)
            found[reference] = now
            related = list(elements.extensions(entry, _ALTERNATIVE))
            entry["extension"] = [_standing(line, now, tables), *related]
        first, last = envelope(tuple(lines[reference] for reference in self.lines), tables)
        period = {"start": first, "end": last}
        known = {name: day.isoformat() for name, day in period.items() if day is not None}
        if known:
            self.task["restriction"] = {"period": known}
        return found

    def valid(self, lines: Mapping[str, Line], tables: Tables, today: date) -> bool:
        """Whether at least one line may still be executed, today or later."""
        return any(
            is_open(lines[reference]) and not window(lines[reference], tables).ended(today, begun=self.begun(reference))
            for reference in self.lines
        )

    def ends(self, lines: Mapping[str, Line], tables: Tables) -> date | None:
        """The last day on which anything of it may be executed, as things stand; None where no rule sets one."""
        lasts = []
        for reference in self.lines:
            opened = window(lines[reference], tables)
            lasts.append(opened.last if self.begun(reference) or opened.last_start is None else opened.last_start)
        known = [last for last in lasts if last is not None]
        return max(known) if known and len(known) == len(lasts) else None

    def begun(self, reference: str) -> bool:
        """Whether anything of a line was delivered."""
        return any(each.outcome is not Outcome.NOT_DELIVERED for each in self.delivered(reference))


def is_open(line: Line) -> bool:
    """Whether a line was neither cancelled nor stopped."""
    return line.resource.get("status") in ("active", "completed", "draft")


_OVER: Final = Standing(None, None, None, None, finished=True)


def _standing(line: Line, now: Standing, tables: Tables) -> dict[str, Any]:
    opened = window(line, tables)
    period = {"start": opened.first, "end": opened.last}
    known = {name: day.isoformat() for name, day in period.items() if day is not None}
    parts: list[dict[str, Any]] = [{"url": "finished", "valueBoolean": now.finished}]
    if known:
        parts.append({"url": "validity", "valuePeriod": known})
    if opened.last_start is not None:
        parts.append({"url": "last-start", "valueDate": opened.last_start.isoformat()})
    if now.next_date is not None:
        parts.append({"url": "next-possible-date", "valueDate": now.next_date.isoformat()})
    if now.remaining is not None:
        parts.append({"url": "remaining", "valueQuantity": now.remaining.quantity()})
    if now.next_amount is not None:
        parts.append({"url": "next-quantity", "valueQuantity": now.next_amount.quantity()})
    if now.deliveries_left is not None:
        parts.append({"url": "deliveries-left", "valueUnsignedInt": now.deliveries_left})
    return {"url": f"{EXTENSION}line-standing", "extension": parts}


def _business_status(state: State) -> dict[str, Any]:
    return {
        "coding": [{"system": STATE_SYSTEM, "code": str(state), "display": LABELS[state][0]}],
        "text": LABELS[state][0],
    }


def _part(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": PART_SYSTEM, "code": code, "display": display}]}
