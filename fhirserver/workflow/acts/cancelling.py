"""`$cancel`: the prescriber ends a prescription, a Task or one line; the dispenser takes back his own delivery.

Before execution a Task is cancelled, after it what remains is stopped. While somebody holds it the answer is 423, and
the holder finds the wish on his Task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import Conflict, Failure, Forbidden, Locked, NotFound
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.execution.executions import DISPENSES
from fhirserver.prescription.execution.standing import Standing
from fhirserver.prescription.lines import Line
from fhirserver.prescription.states import ENDED, Action, State
from fhirserver.store import Planned, Transaction
from fhirserver.store.kept.values import Task
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts.closing import sign_off
from fhirserver.workflow.context import Work, Workflow, executor_of, prescriber_keys, present
from fhirserver.workflow.marks import dmp_order, mark_of
from fhirserver.workflow.taskwork import TaskWork

REASON_SYSTEM: Final = "urn:fhirserver:CodeSystem:cancellation-reason"
REASONS: Final[dict[str, str]] = {
    "error": "erreur de prescription",
    "wrong-patient": "mauvais patient",
    "wrong-line": "mauvaise ligne",
    "adverse-effect": "effet indésirable",
    "contraindication": "contre-indication",
    "treatment-change": "changement de traitement",
    "patient-request": "demande du patient",
    "duplicate": "doublon",
    "replaced": "remplacée par une autre ordonnance",
    "dispensing-error": "erreur de délivrance",
    "returned": "produit rendu",
    "other": "autre motif",
}
"""Codes of REASON_SYSTEM, with their names in French."""
_WHY: Final = {"MedicationDispense": "statusReasonCodeableConcept", "Procedure": "statusReason"}
"""Where a delivery says why it was taken back; the others, for which R4 has no such element, in an extension."""
UNPUBLISH: Final = "prescription-unpublish"
"""Kind of the outbox task that takes a prescription's document out of the DMP."""
UNDISPENSE: Final = "prescription-undispense"
"""Kind of the outbox task that takes a delivery out of the DMP."""
_WITHDRAWN: Final = frozenset({"entered-in-error"})


def cancel(  # noqa: PLR0913, PLR0917 - what is cancelled, by whom, why
    workflow: Workflow,
    services: Services,
    request: Request,
    tasks: Sequence[str],
    reason: Mapping[str, Any],
    line: str | None = None,
) -> list[str]:
    """Cancel or stop Tasks of one prescription, or one line of them, all or none; return the ids of those changed.

    Raises:
        Locked: somebody holds one of them; he is told.
        Forbidden, Gone, Conflict: as `states.decide` says.
        NotFound: no such line.
    """

    def attempt(transaction: Transaction) -> list[str] | Failure:
        work = Work(workflow, services, request, transaction, present())
        found = [taskwork.load(work, identity) for identity in tasks]
        if line is not None:
            found = [task for task in found if line in task.lines]
            if not found:
                raise _no_line(line)
        held = [task for task in found if task.hold is not None]
        if held:
            return _tell_holders(held, reason)
        open_tasks = [task for task in found if task.view.state not in ENDED] or found[:1]
        for task in open_tasks:
            _end(task, reason, line)
        return [task.stored.id for task in open_tasks]

    outcome = services.store.transact(attempt) if request.unit is None else attempt(request.unit)
    if isinstance(outcome, Failure):
        raise outcome
    return outcome


def end_whole(task: TaskWork, action: Action, reason: Mapping[str, Any]) -> None:
    """End a Task and all its lines that are still open; those that were delivered whole are completed."""
    transition = task.decide(action)
    for reference, standing in task.standings().items():
        if _known_as_whole(task, reference, standing):
            task.end_lines("completed", [reference])
        else:
            task.end_lines(task.halted(reference), [reference], reason)
    task.standings()
    sign_off(task, transition.target)
    task.view.move(transition.target, task.work.now, reason)
    task.view.give(None)
    task.save()
    if action is not Action.STOP:
        number = task.view.number
        task.work.transaction.enqueue(Task(UNPUBLISH, {"number": number}, dmp_order(number)))


def withdraw(  # noqa: PLR0913, PLR0917 - what is taken back, and why
    workflow: Workflow, services: Services, request: Request, kind: str, identity: str, reason: Mapping[str, Any]
) -> Planned:
    """Take back the caller's own delivery, within the time for corrections; what it counted remains again.

    Raises:
        NotFound: no delivery that the caller may know of.
        Forbidden: another's.
        Conflict: too late, or the prescription has ended.
    """

    def attempt(transaction: Transaction) -> Planned:
        work = Work(workflow, services, request, transaction, present())
        stored = transaction.read(kind, identity)
        mark = mark_of(stored)
        if (
            stored is None
            or mark is None
            or mark.part != "dispense"
            or mark.task is None
            or not services.guards.shows(services, request, stored)
        ):
            raise NotFound(
                Text(f"{kind}/{identity} n'existe pas ici.", f"{kind}/{identity} is not here."), rule="unknown-id"
            )
        if set(mark.by).isdisjoint(prescriber_keys(request.caller)):
            raise Forbidden(
                Text("Seul son auteur annule une délivrance.", "Only its author takes a delivery back."),
                rule="prescription-withdraw",
            )
        task = taskwork.load(work, mark.task)
        _require_time(task, stored.updated + timedelta(minutes=workflow.settings.prescription_withdrawal), work)
        resource: dict[str, Any] = jsontext.read(stored.body)
        if resource.get("status") in _WITHDRAWN or not task.view.withdraw(f"{kind}/{identity}", elements.words(reason)):
            raise Conflict(
                Text("Cette délivrance est déjà annulée.", "This delivery was taken back already."),
                rule="prescription-withdraw",
            )
        task.standings()
        task.reopen_lines()
        hold = task.view.hold
        if hold is not None and not task.view.recorded_since(hold.first):
            task.view.give(replace(hold, recorded=False), task.view.task.get("owner"))
        task.save()
        taskwork.tell_alternatives([task])
        if kind in DISPENSES:
            transaction.enqueue(Task(UNDISPENSE, {"delivery": f"{kind}/{identity}"}, dmp_order(mark.number)))
        resource["status"] = "entered-in-error"
        if kind in _WHY:
            resource[_WHY[kind]] = dict(reason)
        else:
            elements.set_value(resource, "taken-back-reason", "CodeableConcept", dict(reason))
        return work.update(resource, mark, identity)

    return services.store.transact(attempt) if request.unit is None else attempt(request.unit)


def _end(task: TaskWork, reason: Mapping[str, Any], line: str | None) -> None:
    begun = task.view.state is State.PARTLY_EXECUTED or (task.view.state is State.TAKEN and task.view.executed)
    action = Action.STOP if begun else Action.CANCEL
    standings = task.standings()
    if line is not None:
        task.decide(action)
        _require_active(task.lines[line], executed=_known_as_whole(task, line, standings[line]))
    others = [reference for reference, each in standings.items() if reference != line and not each.finished]
    if line is None or not others:
        end_whole(task, action, reason)
        return
    task.end_lines(task.halted(line), [line], reason)
    task.standings()
    task.save()


def _tell_holders(held: Sequence[TaskWork], reason: Mapping[str, Any]) -> Failure:
    """Note the prescriber's wish on the Tasks that are held, and return the failure that he hears."""
    for task in held:
        if not task.situation().prescriber:
            task.decide(Action.CANCEL)
        said = elements.words(reason)
        note = {
            "time": task.work.now.isoformat(timespec="seconds"),
            "text": f"Le prescripteur demande l'arrêt de cette ordonnance : {said}",
        }
        if executor_of(task.work.request.caller).name:
            note["authorString"] = str(executor_of(task.work.request.caller).name)
        task.view.task.setdefault("note", []).append(note)
        task.save()
    return Locked(
        Text(
            "Cette ordonnance est prise en charge par un professionnel : votre demande lui est transmise (note de la "
            "tâche). Réessayez après sa clôture.",
            "A professional holds this prescription: your request was passed on to him (note of the Task). Try again "
            "once it is closed.",
        ),
        rule="prescription-cancel",
    )


def _require_time(task: TaskWork, until: Any, work: Work) -> None:
    if task.view.state in ENDED:
        raise Conflict(
            Text(
                "L'ordonnance est terminée : la délivrance ne s'annule plus.",
                "The prescription has ended: the delivery can no longer be taken back.",
            ),
            rule="prescription-withdraw",
        )
    if work.now > until:
        raise Conflict(
            Text(
                f"Le délai de correction est passé ({work.workflow.settings.prescription_withdrawal} minutes).",
                f"The time for corrections is over ({work.workflow.settings.prescription_withdrawal} minutes).",
            ),
            rule="prescription-withdraw",
        )
    hold = task.hold
    if hold is not None and not executor_of(work.request.caller).same(hold.executor, by_structure=task.by_structure):
        raise Locked(
            Text(
                "Un autre professionnel tient l'ordonnance à présent : réessayez après sa clôture.",
                "Another professional holds the prescription now: try again once it is closed.",
            ),
            rule="prescription-withdraw",
        )


def _known_as_whole(task: TaskWork, reference: str, standing: Standing) -> bool:
    """Whether a line was delivered whole, and its prescriber may know it."""
    return not task.mark.opposed and task.delivered_whole(reference, standing)


def _require_active(line: Line, *, executed: bool) -> None:
    if line.resource.get("status") == "active" and not executed:
        return
    raise Conflict(
        Text(
            f"« {line.title} » n'est plus active : elle a été exécutée, annulée ou arrêtée.",
            f'"{line.title}" is no longer active: it was executed, cancelled or stopped.',
        ),
        rule="prescription-cancel",
    )


def _no_line(line: str) -> NotFound:
    return NotFound(
        Text(
            f"« {line[:100]} » n'est pas une ligne de cette ordonnance.",
            f'"{line[:100]}" is no line of this prescription.',
        ),
        expression="Parameters",
        rule="prescription-line",
    )
