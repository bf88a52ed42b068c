"""A Task within one transaction: read with its lines under its lock, decided upon, and written with what follows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from fhirserver import jsontext
from fhirserver.errors import NotFound
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.prescription import elements, lines, states
from fhirserver.prescription.execution.standing import Standing
from fhirserver.prescription.lines import Line
from fhirserver.prescription.professions import HELD_FOR_THE_WHOLE_TREATMENT
from fhirserver.prescription.states import ENDED, Action, Situation, State, Transition
from fhirserver.prescription.tasks import Hold, View
from fhirserver.store import Planned, Stored, Transaction
from fhirserver.workflow import sight
from fhirserver.workflow.context import Work, Workflow, eligible, executor_of, prescriber_keys, present
from fhirserver.workflow.marks import Mark, mark_of
from fhirserver.workflow.parties import Parties

T = TypeVar("T")


def task_of(services: Services, request: Request, identity: str) -> Stored:
    """Return a prescription's Task that the caller may see, or whose prescriber he is.

    Raises:
        NotFound: there is none, none of a prescription, or none that he may know of.
    """
    stored = services.store.read("Task", identity)
    mark = mark_of(stored)
    if stored is None or mark is None or stored.deleted or not _may_know(services, request, stored, mark):
        raise not_found(identity)
    return stored


def _may_know(services: Services, request: Request, stored: Stored, mark: Mark) -> bool:
    by_him = not set(mark.by).isdisjoint(prescriber_keys(request.caller))
    return by_him or services.guards.shows(services, request, stored)


@dataclass(slots=True)
class TaskWork:
    """One Task that a request is about to move.

    Attributes:
        work: the request within its transaction.
        stored: the version that is read.
        view: a copy of it, to be changed.
        lines: by reference.
        versions: the lines' current versions, by reference.
        mark: of the Task.
    """

    work: Work
    stored: Stored
    view: View
    lines: dict[str, Line]
    versions: dict[str, Stored]
    mark: Mark

    def situation(self) -> Situation:
        """Return all that a decision on it needs to know."""
        caller = self.work.request.caller
        last = self.view.hold if self.view.state is State.TAKEN else None
        remains = any(not each.finished for each in self.standings().values())
        return Situation(
            state=self.view.state,
            prescriber=not set(self.mark.by).isdisjoint(prescriber_keys(caller)),
            eligible=any(self.executes(line) for line in self.lines.values()),
            holder=last is not None and executor_of(caller).same(last.executor, by_structure=self.by_structure),
            held=self.hold is not None,
            executed=self.view.executed,
            remains=remains,
            recorded=last is not None and last.recorded,
            valid=self.view.valid(self.lines, self.work.workflow.tables, self.work.today),
        )

    def executes(self, line: Line) -> bool:
        """Tell whether a line is of those that the caller's profession executes."""
        professions = self.work.workflow.tables.executors(self.view.kind, self.work.today, line.codings)
        return eligible(self.work.request.caller, self.view.kind, professions)

    @property
    def by_structure(self) -> bool:
        """Whether a structure holds it for the whole treatment."""
        return self.view.kind in HELD_FOR_THE_WHOLE_TREATMENT

    @property
    def hold(self) -> Hold | None:
        """Who holds it now; None once his lease has ended."""
        hold = self.view.hold if self.view.state is State.TAKEN else None
        return hold if hold is not None and hold.until > self.work.now else None

    def standings(self) -> dict[str, Standing]:
        """Return where each line stands today, written on the Task as well."""
        return self.view.stand(self.lines, self.work.workflow.tables, self.work.today)

    def decide(self, action: Action) -> Transition:
        """Return the transition; raises what `states.decide` raises."""
        return states.decide(action, self.situation())

    def lease(self) -> datetime:
        """Return until when a hold that begins or goes on now lasts."""
        if self.by_structure:
            last = self.view.ends(self.lines, self.work.workflow.tables)
            days = (last - self.work.today).days + 1 if last else 365
            return self.work.now + timedelta(days=days)
        return self.work.now + timedelta(minutes=self.work.workflow.settings.prescription_lease)

    def save(self) -> Planned:
        """Plan the Task's next version: of those that move it at once, one commits, and the others run again.

        What is refused on the view of the transaction is so without waiting for its turn.
        """
        self.work.transaction.lock(f"prescription-task {self.stored.id}")
        return self.work.update(self.view.task, self.mark, self.stored.id)

    def end_lines(
        self, status: str, references: list[str] | None = None, reason: Mapping[str, Any] | None = None
    ) -> None:
        """Write a status on the lines (None: all) that are still active, and why where the prescriber ended them."""
        for reference, stored in self.versions.items():
            if references is not None and reference not in references:
                continue
            resource: dict[str, Any] = jsontext.read(stored.body)
            mark = mark_of(stored)
            if resource.get("status") == "active" and mark is not None:
                _, _, identity = reference.partition("/")
                told = self._told(resource, reason) if reason else {}
                ended = {**resource, "status": status, **told}
                self.work.update(ended, mark, identity)
                self.lines[reference] = replace(self.lines[reference], resource=ended, derived={})

    def _told(self, resource: dict[str, Any], reason: Mapping[str, Any]) -> dict[str, Any]:
        """Return a reason in its place: R4 has one on MedicationRequest only."""
        if resource["resourceType"] == "MedicationRequest":
            return {"statusReason": dict(reason)}
        said = elements.words(reason)
        note = {
            "time": self.work.now.isoformat(timespec="seconds"),
            "text": f"Fin décidée par le prescripteur : {said}",
        }
        return {"note": [*resource.get("note", ()), note]} if said else {}

    def end_finished(self, target: State) -> None:
        """Write on each line that is over how it ended: executed, or halted because its validity has ended.

        An alternative to what was delivered stays open until the Task ends: the choice may be taken back. Where the
        patient opposed that the prescriber sees the execution, the lines, which he sees, tell nothing of it.
        """
        for reference, each in self.standings().items():
            if not each.finished or (target not in ENDED and self.view.chosen_instead(reference) is not None):
                continue
            done = self.delivered_whole(reference, each)
            if self.mark.opposed and target is not State.EXPIRED:
                continue
            status = "completed" if done and not self.mark.opposed else end_status(self.lines[reference], begun=True)
            self.end_lines(status, [reference])

    def delivered_whole(self, reference: str, standing: Standing) -> bool:
        """Whether a line was begun and nothing of it remains; of a narcotic, days that passed may have left nothing."""
        left = standing.remaining
        nothing = standing.deliveries_left == 0 or (left is not None and left.value <= 0)
        return nothing and self.view.begun(reference)

    def halted(self, reference: str) -> str:
        """Return the status of a line that the prescriber ends, who may not be told by it whether it was begun."""
        return end_status(self.lines[reference], begun=self.mark.opposed or self.view.begun(reference))

    def reopen_lines(self) -> None:
        """Write lines that were completed, and are no longer, as active again."""
        for reference, standing in self.standings().items():
            stored = self.versions[reference]
            resource: dict[str, Any] = jsontext.read(stored.body)
            mark = mark_of(stored)
            if resource.get("status") == "completed" and not standing.finished and mark is not None:
                self.work.update({**resource, "status": "active"}, mark, stored.id)


def end_status(line: Line, *, begun: bool) -> str:
    """Return the status of a line that ends before its time."""
    if line.is_medicine:
        return "stopped" if begun else "cancelled"
    return "revoked"


def load(work: Work, identity: str) -> TaskWork:
    """Read a Task with its lines.

    Raises:
        NotFound: no Task of a prescription, or none that the caller may know of.
    """
    transaction = work.transaction
    stored = transaction.read("Task", identity)
    mark = mark_of(stored)
    if stored is None or stored.deleted or mark is None or not _may_know(work.services, work.request, stored, mark):
        raise not_found(identity)
    task = jsontext.read(stored.body)
    view = View(task, delivered_elsewhere(transaction, View(task)))
    transaction.read_ahead((kind, line_id) for kind, _, line_id in (name.partition("/") for name in view.lines))
    parties = Parties(work)
    versions = {}
    for reference in view.lines:
        kind, _, line_id = reference.partition("/")
        version = transaction.read(kind, line_id)
        assert version is not None, "lines of an issued prescription are neither deleted nor purged before their Task"
        versions[reference] = version
    found = {reference: _line(parties, work, version, reference) for reference, version in versions.items()}
    return TaskWork(work, stored, view, found, versions, mark)


def line_of(work: Work, reference: str) -> Line | None:
    """Return a line of another Task, as it stands; None where it is not here."""
    kind, _, identity = reference.partition("/")
    version = work.transaction.read(kind, identity)
    return None if version is None or version.deleted else _line(Parties(work), work, version, reference)


def _line(parties: Parties, work: Work, version: Stored, reference: str) -> Line:
    kinds = work.workflow.tables.kinds
    return lines.read(jsontext.read(version.body), reference, resolve=parties.resolve, kinds=kinds)


def delivered_elsewhere(transaction: Transaction, view: View) -> set[str]:
    """Return the alternatives to a Task's lines that were delivered under other Tasks."""
    found = set()
    for reference in {other for line in view.lines for other in view.alternatives(line)} - set(view.lines):
        kind, _, identity = reference.partition("/")
        mark = mark_of(transaction.read(kind, identity))
        other = transaction.read("Task", mark.task) if mark is not None and mark.task is not None else None
        if other is not None and View(jsontext.read(other.body)).begun(reference):
            found.add(reference)
    return found


def share(tasks: Collection[TaskWork]) -> None:
    """Let Tasks that one push moves know what it delivered under the others."""
    for task in tasks:
        others = (other.view for other in tasks if other is not task)
        task.view.elsewhere |= {line for view in others for line in view.lines if view.begun(line)}


def tell_alternatives(tasks: Collection[TaskWork]) -> None:
    """Write anew where lines of other Tasks stand that are alternatives to lines of these, which are planned by now."""
    for task in tasks:
        others = {other for line in task.lines for other in task.view.alternatives(line)} - set(task.lines)
        marks = [mark_of(task.work.transaction.read(kind, identity)) for kind, _, identity in map(_parted, others)]
        for identity in sorted({mark.task for mark in marks if mark is not None and mark.task}):
            if any(identity == known.stored.id for known in tasks):
                continue
            other = load(task.work, identity)
            before = jsontext.write(other.view.task)
            other.standings()
            if other.view.state not in ENDED and jsontext.write(other.view.task) != before:
                other.save()


def _parted(reference: str) -> tuple[str, str, str]:
    return reference.partition("/")


def move(workflow: Workflow, services: Services, request: Request, identity: str, act: Callable[[TaskWork], T]) -> T:
    """Do something to a Task within one transaction, and return what it returned."""

    def attempt(transaction: Transaction) -> T:
        return act(load(Work(workflow, services, request, transaction, present()), identity))

    return services.store.transact(attempt) if request.unit is None else attempt(request.unit)


def keep_open(task: TaskWork, action: str) -> None:
    """Record the access; what a professional, or his structure, holds stays visible for as long."""
    until, shared = task.view.hold.until if task.view.hold else None, task.by_structure
    number, request = task.view.number, task.work.request
    sight.open_to(task.work.workflow, request, number, action, until=until, shared=shared, id=task.stored.id)


def not_found(identity: str) -> NotFound:
    """Return the failure of a Task that is not here for the caller."""
    return NotFound(
        Text(
            f"Task/{identity} n'existe pas ici ; cherchez l'ordonnance par son numéro ($find-prescription).",
            f"Task/{identity} is not here; find the prescription by its number ($find-prescription).",
        ),
        rule="unknown-id",
    )
