"""What the operations of a prescription are asked: their parameters, and the Task that they are about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Caller, Role
from fhirserver.access.decide import decide, require_scope
from fhirserver.errors import BadRequest, Forbidden, NotFound
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs, missing
from fhirserver.operations.registry import OF_THE_ANSWER, Call, Operation
from fhirserver.prescription import tasks
from fhirserver.store import Stored
from fhirserver.workflow import numbers, sight
from fhirserver.workflow.context import EXECUTING, Workflow, eligible, prescriber_keys
from fhirserver.workflow.marks import mark_of
from fhirserver.workflow.taskwork import task_of

DEFINITION: Final = "urn:fhirserver:OperationDefinition:"
Run = Callable[[Workflow, Call], Answer]


def operation(
    name: str, run: Run, workflow: Workflow, *, system: bool = True, instances: tuple[str, ...] = ()
) -> Operation:
    """Return an operation that changes or reveals something, and so is invoked by POST."""
    return Operation(
        name,
        lambda call: run(workflow, call),
        f"{DEFINITION}{name}",
        system=system,
        instances=instances,
        reads=False,
    )


def inputs(call: Call, allowed: Collection[str]) -> Inputs:
    """Return the parameters of the body; nothing is taken from the address, where a number must not stand.

    Raises:
        BadRequest: parameters in the address, or ones that the operation does not have.
    """
    nothing_in_address(call)
    body = _body(call)
    if body and body.get("resourceType") != "Parameters":
        raise BadRequest(
            Text("Une ressource Parameters est attendue.", "A Parameters resource is expected."),
            expression=str(body.get("resourceType", "")),
            rule="prescription-parameters",
        )
    return Inputs(body, allowed)


def nothing_in_address(call: Call) -> None:
    """Require that all that is asked stands in the body.

    Raises:
        BadRequest: parameters in the address.
    """
    stray = [name for name, _ in call.request.pairs() if name not in OF_THE_ANSWER]
    if stray:
        raise BadRequest(
            Text(
                f"« {stray[0][:40]} » ne s'écrit pas dans l'adresse : envoyez une ressource Parameters.",
                f'"{stray[0][:40]}" does not stand in the address: send a Parameters resource.',
            ),
            rule="prescription-parameters",
        )


def readable(call: Call) -> None:
    """Require that the whole body is readable as FHIR: what is kept of it as it came must be.

    Raises:
        InvalidResource: names the elements that are not.
    """
    call.services.checker.require_readable(_body(call) or {"resourceType": "Parameters"})


def _body(call: Call) -> dict[str, Any]:
    """Return the resource that was sent; nothing at all is an operation without parameters."""
    content = call.request.content
    if content is not None and not content.media and not content.read():
        return {}
    try:
        return call.request.parse()
    except BadRequest as fault:
        if fault.issues[0].rule == "empty-body":
            return {}
        raise


def professional(call: Call) -> None:
    """Require a professional's, a structure's or an operator's token.

    Raises:
        Forbidden: a patient's, or one without a scope to read Tasks.
    """
    if call.request.caller.role is Role.PATIENT:
        raise Forbidden(
            Text(
                "Cette opération est celle des professionnels ; le patient lit ses ordonnances par son propre jeton.",
                "This operation is for professionals; patients read their prescriptions by their own token.",
            ),
            rule="role",
        )
    decide(call.request.caller, "r", "Task")


def acting(call: Call) -> None:
    """Require what `professional` does, and a token that was given for changing Tasks.

    Raises:
        Forbidden: as `professional`, or a token that only reads.
    """
    professional(call)
    require_scope(call.request.caller, "u", "Task")


def found(workflow: Workflow, call: Call, given: Inputs) -> numbers.Found:
    """Return the prescription of the parameter `number`, opened to the caller from here on.

    Raises:
        BadRequest: no number, or one that was mistyped.
        NotFound: an unknown one, counted; or one of which the caller may see nothing.
        Throttled: too many of these.
    """
    numbers.hold_back(workflow, call.services, call.request)
    number = numbers.normalise(given.required("number"))
    parts = numbers.find(workflow, call.services, call.request, number)
    if call.request.caller.role in EXECUTING or _may_execute(call, parts):
        sight.open_to(workflow, call.request, number, "find-prescription")
    guards = call.services.guards
    if not any(guards.shows(call.services, call.request, each) for each in (*parts.tasks, *parts.lines)):
        raise numbers.unknown()
    return parts


def _may_execute(call: Call, parts: numbers.Found) -> bool:
    """Tell whether a prescriber of something else comes to execute what is hidden from prescribers: imaging, acts."""
    caller = call.request.caller
    keys = set(prescriber_keys(caller))
    for each in parts.tasks:
        mark = mark_of(each)
        if mark is None or not (mark.secret or mark.opposed) or not keys.isdisjoint(mark.by):
            return False
    return any(_is_for(caller, _view(each)) for each in parts.tasks)


def one_task(workflow: Workflow, call: Call, given: Inputs) -> str:
    """Return the id of the Task that the call is about: the address's, or that of the `number` (and `kind`).

    Raises:
        BadRequest: several Tasks might be meant.
        NotFound: none, or none that the caller may see.
    """
    if call.identity is not None:
        stored = task_of(call.services, call.request, call.identity)
        return stored.id
    if "number" not in given:
        raise missing("number")
    tasks_found = list(found(workflow, call, given).tasks)
    wanted = given.text("kind")
    if wanted is not None:
        tasks_found = [each for each in tasks_found if _kind(each) == wanted]
    elif len(tasks_found) > 1:
        tasks_found = _own(call, tasks_found)
    if not tasks_found:
        raise NotFound(
            Text("Cette ordonnance n'a pas de tâche de ce type.", "This prescription has no Task of this kind."),
            rule="prescription-kind",
        )
    if len(tasks_found) > 1:
        kinds = ", ".join(_kind(each) for each in tasks_found)
        raise BadRequest(
            Text(
                f"Plusieurs tâches conviennent : précisez kind ({kinds}).", f"Several Tasks fit: name kind ({kinds})."
            ),
            code="required",
            expression="Parameters",
            rule="prescription-kind",
        )
    return tasks_found[0].id


def _own(call: Call, tasks_found: list[Stored]) -> list[Stored]:
    """Return the Tasks that are the caller's to execute: a kind of his profession alone before one that he shares."""
    views = {each.id: _view(each) for each in tasks_found}
    executed = [each for each in tasks_found if _is_for(call.request.caller, views[each.id])]
    shared = {each.id: len(views[each.id].professions) for each in executed}
    least = min(shared.values(), default=0)
    return [each for each in executed if shared[each.id] == least] or tasks_found


def _is_for(caller: Caller, view: tasks.View) -> bool:
    return eligible(caller, view.kind, view.professions)


def _view(stored: Stored) -> tasks.View:
    return tasks.View(jsontext.read(stored.body))


def _kind(stored: Stored) -> str:
    return str(_view(stored).kind)


def answer(**parts: Any) -> dict[str, Any]:
    """Return Parameters of named resources and values; those that are None are left out."""
    written: list[dict[str, Any]] = []
    for name, value in parts.items():
        shown = name.replace("_", "-")
        given = value if isinstance(value, list) else [value]
        written += [{"name": shown, **each} for each in given if each is not None]
    return {"resourceType": "Parameters", **({"parameter": written} if written else {})}
