"""`$dispense`: record what was executed of one or more lines; `POST MedicationDispense` and the others are the same."""

from __future__ import annotations

from typing import Any

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Failure
from fhirserver.interactions import transaction
from fhirserver.interactions.bundles import entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription import elements
from fhirserver.prescription.execution.executions import EXECUTION_TYPES
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts import dispensing
from fhirserver.workflow.context import Workflow
from fhirserver.workflow.marks import mark_of

_TAKEN = ("dispense", "resource")


def run(workflow: Workflow, call: Call) -> Answer:  # noqa: ARG001 - operations are called alike
    """Answer Parameters: the Task, each resource recorded, and the next possible date of each.

    Raises:
        BadRequest: nothing to be recorded, or something that records no execution.
        Conflict, Gone, PreconditionFailed, Locked, Forbidden, Unprocessable: as `dispensing.plan` says.
    """
    asked.professional(call)
    given = call.parameters()
    unknown = set(given) - {*_TAKEN}
    resources = [each for name in _TAKEN for each in given.get(name, [])]
    if unknown or not resources or not all(isinstance(each, dict) for each in resources):
        raise BadRequest(
            Text(
                "Envoyez une ressource d'exécution, ou des paramètres « dispense » qui en portent une.",
                'Send an execution resource, or parameters "dispense" that hold one.',
            ),
            expression="Parameters",
            rule="prescription-parameters",
        )
    if call.identity is not None:
        call.request.memory[dispensing.TASK] = taskwork.task_of(call.services, call.request, call.identity).id
    found = [_entry(position, resource) for position, resource in enumerate(resources)]
    try:
        answers = transaction.commit(call.services, call.request, found)
    except Failure as failure:
        failure.issues = tuple(entries.located(failure.issues, _places(call.request.parse())))
        raise
    recorded = [jsontext.read(answer.stored.body) for answer in answers if answer.stored is not None]
    return Answer(200, resource=asked.answer(task=_tasks(call, answers), dispense=[*map(_told, recorded)]))


def _places(body: dict[str, Any]) -> list[str]:
    """Return where each execution stood in what was sent, in the order in which they are recorded."""
    if body.get("resourceType") != "Parameters":
        return [str(body.get("resourceType"))]
    return [
        f"Parameters.parameter[{at}].resource"
        for name in _TAKEN
        for at, each in enumerate(body["parameter"])
        if each["name"] == name
    ]


def _entry(position: int, resource: dict[str, Any]) -> Entry:
    kind = str(resource.get("resourceType"))
    if kind not in EXECUTION_TYPES or not dispensing.names_lines(resource):
        kinds = ", ".join(sorted(EXECUTION_TYPES))
        raise BadRequest(
            Text(
                f"Une exécution est l'une de {kinds}, et désigne la ligne qu'elle exécute.",
                f"An execution is one of {kinds}, and names the line that it executes.",
            ),
            expression=f"Parameters.parameter[{position}]",
            rule="prescription-execution",
        )
    return Entry(position, "POST", (str(kind),), "", resource, None, {"method": "POST", "url": kind})


def _told(resource: dict[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "resource", "resource": resource}]
    following = elements.value(resource, "next-possible-date")
    remaining = elements.value(resource, "remaining-quantity")
    if following is not None:
        parts.append({"name": "next-possible-date", "valueDate": following})
    if remaining is not None:
        parts.append({"name": "remaining", "valueQuantity": remaining})
    return {"part": parts}


def _tasks(call: Call, answers: list[Answer]) -> list[dict[str, Any]]:
    """Return the Tasks that the executions are of, as they stand now."""
    marks = [mark_of(answer.stored) for answer in answers]
    named = dict.fromkeys(mark.task for mark in marks if mark is not None and mark.task)
    found = [call.services.store.read("Task", identity) for identity in named]
    return [{"resource": jsontext.read(stored.body)} for stored in found if stored is not None]
