"""Dispensing: what is recorded of an issued line is decided upon, counted and kept in the commit that records it.

`POST MedicationDispense` (or SupplyDelivery, Procedure, DiagnosticReport), alone or in a transaction, comes here, and
so does `$dispense`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.errors import Conflict, Forbidden, Gone, NotFound, Unprocessable
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish, Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes.references import local
from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.execution import deliveries, executions
from fhirserver.prescription.execution.deliveries import Decision
from fhirserver.prescription.execution.executions import DISPENSES, EXECUTION_TYPES
from fhirserver.prescription.lines import Line
from fhirserver.prescription.states import Action
from fhirserver.prescription.tasks import is_open
from fhirserver.store import Task, Transaction
from fhirserver.workflow import pushes, taskwork
from fhirserver.workflow.acts import correcting, holding, identified
from fhirserver.workflow.context import EXECUTING, Work, Workflow, prescriber_keys, present
from fhirserver.workflow.marks import dmp_order, mark_of
from fhirserver.workflow.taskwork import TaskWork

TASK: Final = "prescription-task"
"""`Request.memory`: the Task that `$dispense` was invoked on; what is recorded must be of it."""
_OPENED: Final = "prescription-opened"
"""`Request.memory`: ids of the Tasks that stay visible to who recorded something of them."""
PUBLISH: Final = "prescription-publish-dispense"
"""Kind of the outbox task that puts what was delivered into the DMP."""
_UNFINISHED: Final = frozenset(
    {"preparation", "in-progress", "on-hold", "unknown", "entered-in-error", "registered", "partial", "preliminary"}
)


@dataclass(frozen=True, slots=True)
class _Execution:
    """An entry that executes issued lines: the Task, and the lines' references."""

    entry: Entry
    task: str
    lines: tuple[str, ...]


def recorded(request: Request, found: Sequence[Entry]) -> list[Entry]:
    """Return the entries that record an execution of some line, unless an operator writes plain FHIR."""
    if request.caller.role in (Role.OPERATOR, Role.PATIENT) and TASK not in request.memory:
        return []
    return [
        entry for entry, resource in pushes.written(found) if entry.kind in EXECUTION_TYPES and names_lines(resource)
    ]


def require_decided(workflow: Workflow, services: Services, request: Request, write: Write) -> None:
    """Refuse what would tell of a delivery that nobody decided upon, unless an operator writes plain FHIR.

    Raises:
        Unprocessable: a patch by which a record comes to execute an issued line; a number in place of the line.
    """
    role, resource = request.caller.role, dict(write.proposed or {})
    if role in (Role.OPERATOR, Role.PATIENT) or write.kind not in EXECUTION_TYPES or not _names_any(resource):
        return
    for named in executions.executed(resource):
        if "reference" not in named and (named.get("identifier") or {}).get("system") == workflow.root:
            raise Unprocessable(
                Text(
                    "Une délivrance nomme la ligne qu'elle exécute par sa référence ; un numéro d'ordonnance en "
                    "désigne plusieurs : cherchez-la par $find-prescription.",
                    "A delivery names the line that it executes by its reference; a prescription's number means "
                    "several: find it by $find-prescription.",
                ),
                expression=write.kind,
                rule="prescription-line",
                code="business-rule",
            )
    if write.interaction != "patch" or write.current is None:
        return
    before = executions.lines_of(jsontext.read(write.current.body))
    reader = services.store if request.unit is None else request.unit
    for text in executions.lines_of(resource):
        target = local(text, request.base) if text not in before else None
        stored = reader.read(*target) if target is not None and target[0] in services.types else None
        if target is not None and (mark_of(stored) is not None or (stored is None and role in EXECUTING)):
            raise Unprocessable(
                Text(
                    "L'exécution d'une ligne s'enregistre par POST, PUT ou $dispense, non par PATCH : c'est alors "
                    "qu'elle est contrôlée et comptée.",
                    "The execution of a line is recorded by POST, PUT or $dispense, not by PATCH: that is when it is "
                    "checked and counted.",
                ),
                expression=write.kind,
                rule="prescription-line",
                code="business-rule",
            )


def _names_any(resource: dict[str, Any]) -> bool:
    """Tell whether a resource says in a readable way what it executes; what is malformed is told by validation."""
    try:
        return all(isinstance(each, Mapping) for each in executions.executed(resource))
    except (AttributeError, TypeError, KeyError):
        return False


def again(
    services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
) -> list[Answer] | None:
    """Return the answers of the same push made before; raises as `identified.again`."""
    return identified.again(services, request, transaction, found, recorded(request, found))


def plan(
    workflow: Workflow, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
) -> Finish | None:
    """Decide on every execution of an issued line in a push.

    Raises:
        Conflict, Gone, PreconditionFailed, Locked, Forbidden, Unprocessable: it is not accepted; nothing is written.
    """
    work = Work(workflow, services, request, transaction, present())
    new = (entry for entry in recorded(request, found) if not pushes.changes_issued(transaction, entry))
    near = {f"{entry.kind}/{entry.identity}" for entry in found}
    executed = [one for entry in new if (one := _of_issued(work, entry, near)) is not None]
    if not executed:
        return None
    # an act before its report, which executes nothing anew
    executed.sort(key=lambda each: each.entry.kind == "DiagnosticReport")
    pushed = {f"{each.entry.kind}/{each.entry.identity}": each.lines for each in executed}
    told = pushes.told(request, found)
    names: list[str] = []
    seen: set[tuple[str, str]] = set()
    held: dict[str, TaskWork] = {}
    for execution in executed:
        own = identified.names_of(request, execution.entry)
        of_lines = {(name, line) for name in own for line in execution.lines}
        if not seen.isdisjoint(of_lines):
            raise identified.twice(execution.entry)
        seen |= of_lines
        names += own
        task = held.get(execution.task)
        if task is None:
            task = held[execution.task] = taskwork.load(work, execution.task)
        taskwork.share(held.values())
        _record(task, execution, pushed)
    taskwork.share(held.values())
    for task in held.values():
        task.standings()
        task.save()
        _publish(task, executed)
    taskwork.tell_alternatives(held.values())

    def finish(answers: Sequence[Answer]) -> None:
        kept = pushes.kept(told, answers)
        for name in dict.fromkeys(names):
            transaction.claim(name, kept)
        opened = request.memory.setdefault(_OPENED, set())
        for task in held.values():
            if task.stored.id not in opened:  # a commit that is tried again tells of it once
                opened.add(task.stored.id)
                taskwork.keep_open(task, "dispense")

    return finish


def _publish(task: TaskWork, executed: Sequence[_Execution]) -> None:
    """Have what was handed over of a Task appear in the DMP, unless nobody, or no prescriber, may know of it."""
    handed = [
        f"{each.entry.kind}/{each.entry.identity}"
        for each in executed
        if each.task == task.stored.id and each.entry.kind in DISPENSES
    ]
    if handed and not task.mark.secret and not task.mark.opposed:
        number = task.view.number
        task.work.transaction.enqueue(Task(PUBLISH, {"deliveries": handed}, dmp_order(number)))


def _execute(task: TaskWork, execution: _Execution) -> None:
    """Decide on one entry, and write what was decided on it and on its Task."""
    entry, work = execution.entry, task.work
    place = f"Bundle.entry[{entry.position}].resource"
    resource: dict[str, Any] = dict(entry.resource or {})
    task.decide(Action.DISPENSE)
    _require_finished(resource, place)
    asked = executions.read(resource, work.today, place)
    asked = replace(asked, dispenser=asked.dispenser | _names(work))
    if len(execution.lines) > 1 and entry.kind in DISPENSES:
        raise Unprocessable(
            Text("Une délivrance exécute une seule ligne.", "A delivery executes one line."),
            expression=place,
            rule="prescription-line",
        )
    reference = f"{entry.kind}/{entry.identity}"
    decided = []
    for name in execution.lines:
        line = task.lines[name]
        _name_patient(resource, line.resource, place)
        _require_profession(task, line, place)
        if not is_open(line):
            raise Gone(
                Text(
                    f"« {line.title} » a été annulée ou arrêtée par le prescripteur.",
                    f'"{line.title}" was cancelled or stopped by the prescriber.',
                ),
                expression=place,
                rule="prescription-line",
            )
        _require_choice(task, name, line, place)
        decision = deliveries.decide(line, task.view.delivered(name), asked, work.workflow.tables)
        task.view.add(reference, name, decision.counted)
        decided.append(decision)
    _tell(resource, decided)
    entry.resource = resource
    entry.marks = task.mark.executed("dispense", prescriber_keys(work.request.caller), task.stored.id).kept()


def _tell(resource: dict[str, Any], decided: Sequence[Decision]) -> None:
    """Write what was decided; of several lines only what is said of all: what remains of each stands on the Task."""
    if len({each.counted.outcome for each in decided}) == 1:
        elements.set_value(resource, "delivery-outcome", "Code", str(decided[0].counted.outcome))
    if len(decided) > 1:
        return
    standing = decided[0].standing
    if standing.next_date is not None:
        elements.set_value(resource, "next-possible-date", "Date", standing.next_date.isoformat())
    if standing.remaining is not None:
        elements.set_value(resource, "remaining-quantity", "Quantity", standing.remaining.quantity())


def _record(task: TaskWork, execution: _Execution, pushed: Mapping[str, Sequence[str]]) -> None:
    """Decide on one entry; a report of what was executed already is kept on its Task, whatever became of that."""
    entry = execution.entry
    if not correcting.is_further_report(task, entry, execution.lines, pushed):
        _execute(task, execution)
        holding.go_on(task)
        return
    resource: dict[str, Any] = dict(entry.resource or {})
    for name in execution.lines:
        _name_patient(resource, task.lines[name].resource, f"Bundle.entry[{entry.position}].resource")
    task.view.add_report(f"{entry.kind}/{entry.identity}")
    entry.resource = resource
    keys = prescriber_keys(task.work.request.caller)
    entry.marks = task.mark.executed("dispense", keys, task.stored.id).kept()


def _require_profession(task: TaskWork, line: Line, place: str) -> None:
    """Refuse a line of the Task that is another profession's: a midwife's ultrasound may stand beside a scanner."""
    if not task.executes(line):
        raise Forbidden(
            Text(
                f"« {line.title} » n'est pas un acte que votre profession exécute.",
                f'"{line.title}" is no act that your profession executes.',
            ),
            expression=place,
            rule="prescription-dispense",
        )


def _require_choice(task: TaskWork, name: str, line: Line, place: str) -> None:
    """Refuse a line whose alternative was delivered, in this Task or, of deliveries at one moment too, in another."""
    if not task.lines.keys() >= set(task.view.alternatives(name)):
        task.work.transaction.lock(f"prescription-choice {task.view.number}")
    instead = task.view.chosen_instead(name)
    if instead is None:
        return
    other = task.lines.get(instead) or taskwork.line_of(task.work, instead)
    title = other.title if other is not None else instead
    raise Conflict(
        Text(
            f"« {line.title} » ne peut plus être délivré : son alternative « {title} » l'a été.",
            f'"{line.title}" can no longer be delivered: its alternative "{title}" was.',
        ),
        expression=place,
        rule="prescription-alternative",
    )


def _of_issued(work: Work, entry: Entry, near: Collection[str]) -> _Execution | None:
    """Return what an entry executes; None where none of its lines is issued.

    Args:
        work: the request and its transaction.
        entry: of the push.
        near: what the push itself brings.

    Raises:
        NotFound: a line that is not here, or that the caller may not know of: the two are answered alike.
        Unprocessable: lines of several Tasks, or not of the Task that `$dispense` was invoked on.
    """
    place = f"Bundle.entry[{entry.position}].resource"
    tasks, lines = set(), []
    for kind, identity in _lines(work, entry.resource or {}):
        stored = work.transaction.read(kind, identity)
        mark = mark_of(stored)
        if stored is None and f"{kind}/{identity}" not in near and work.request.caller.role in EXECUTING:
            raise _no_line(place)
        if stored is None or mark is None or mark.part != "line" or mark.task is None:
            continue
        if not work.services.guards.shows(work.services, work.request, stored):
            raise _no_line(place)
        tasks.add(mark.task)
        lines.append(f"{kind}/{identity}")
    wanted = work.request.memory.get(TASK)
    if wanted is not None and tasks != {wanted}:
        raise Unprocessable(
            Text("Cette ligne n'est pas de cette tâche.", "This line is not of this Task."),
            expression=place,
            rule="prescription-line",
        )
    if not tasks:
        return None
    if len(tasks) > 1:
        raise Unprocessable(
            Text(
                "Ces lignes sont de plusieurs tâches : enregistrez une exécution pour chacune.",
                "These lines are of several Tasks: record one execution for each.",
            ),
            expression=place,
            rule="prescription-line",
        )
    return _Execution(entry, tasks.pop(), tuple(lines))


def _no_line(place: str) -> NotFound:
    return NotFound(
        Text(
            "Cette ligne n'existe pas ici ; cherchez l'ordonnance par son numéro ($find-prescription).",
            "This line is not here; find the prescription by its number ($find-prescription).",
        ),
        expression=place,
        rule="unknown-id",
    )


def _require_finished(resource: dict[str, Any], place: str) -> None:
    if resource.get("status") in _UNFINISHED:
        raise Unprocessable(
            Text(
                f"Le statut « {resource['status']} » n'est pas celui d'une exécution terminée : enregistrez ce qui a "
                "été délivré (completed, final) ou ne l'a pas été (declined, abandoned, not-done) ; ce qui est en "
                "cours s'enregistre sans nommer la ligne, puis s'achève par un PUT qui la nomme.",
                f'The status "{resource["status"]}" is not that of a finished execution: record what was delivered '
                "(completed, final) or was not (declined, abandoned, not-done); what goes on is recorded without "
                "naming the line, and finished by a PUT that names it.",
            ),
            expression=f"{place}.status",
            rule="prescription-status",
        )


def _name_patient(resource: dict[str, Any], line: Any, place: str) -> None:
    """Refuse another patient than the line's; name him where the dispenser does not: he is to find it among his own."""
    element = "patient" if resource["resourceType"] == "SupplyDelivery" else "subject"
    said = (resource.get(element) or {}).get("reference")
    prescribed = line.get("subject", {}).get("reference")
    if said is not None and prescribed is not None and said.split("/_history/")[0] != prescribed:
        raise Unprocessable(
            Text("Cette ligne est celle d'un autre patient.", "This line is another patient's."),
            expression=f"{place}.{element}",
            rule="prescription-patient",
        )
    if not resource.get(element) and line.get("subject") and not str(prescribed).startswith("#"):
        resource[element] = dict(line["subject"])


def _names(work: Work) -> frozenset[str]:
    caller = work.request.caller
    return frozenset(name for name in (caller.rpps, f"8{caller.rpps}", caller.structure) if name)


def names_lines(resource: dict[str, Any]) -> bool:
    """Tell whether a resource says that it executes some line."""
    try:
        return bool(executions.lines_of(resource))
    except (AttributeError, TypeError):
        return False  # malformed: validation says where


def _lines(work: Work, resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for text in dict.fromkeys(executions.lines_of(resource)):
        target = local(text, work.request.base)
        if target is not None:
            yield target
