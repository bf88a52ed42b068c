"""`$history-of-prescription`: the whole story in readable form, for those whom it concerns."""

from __future__ import annotations

from typing import Any

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.access.decide import decide
from fhirserver.errors import Forbidden
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription import lines, story
from fhirserver.prescription.story import Event, Version
from fhirserver.prescription.tasks import View
from fhirserver.store import HistoryQuery, Stored
from fhirserver.workflow.context import EXECUTING, Workflow
from fhirserver.workflow.marks import Mark, mark_of
from fhirserver.workflow.taskwork import task_of

_MOST = 1000


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters: an `event` for each thing that happened, oldest first.

    A professional asks by number or Task, a patient by a Task of his own, never by number.

    Raises:
        NotFound: none that the caller may know of.
        Forbidden: a patient who asks by number.
    """
    caller = call.request.caller
    given = asked.inputs(call, {"number"})
    if call.identity is not None:
        tasks = [_own(call, call.identity)]
    elif caller.role is Role.PATIENT:
        raise Forbidden(
            Text(
                "Le patient lit l'histoire de ses ordonnances par Task/[id]/$history-of-prescription, sans numéro.",
                "Patients read the story of their prescriptions by Task/[id]/$history-of-prescription, by no number.",
            ),
            rule="role",
        )
    else:
        asked.professional(call)
        tasks = list(asked.found(workflow, call, given).tasks)
    told = [event for task in tasks for event in _events(call, task)]
    call.request.record("history-of-prescription", "Task", tasks[0].id)
    return Answer(200, resource=_written(call, sorted(told, key=lambda event: event.when)))


def _own(call: Call, identity: str) -> Stored:
    """Return a Task that the caller may see."""
    grant = decide(call.request.caller, "r", "Task")
    stored = task_of(call.services, call.request, identity)
    if not grant.whole:
        visibility.require(call.services, call.request, grant, stored, "Task", identity)
    return stored


def _events(call: Call, task: Stored) -> list[Event]:
    mark = mark_of(task)
    assert mark is not None, "only prescriptions are found"
    page = call.services.store.history(HistoryQuery("Task", task.id, count=_MOST))
    versions = [
        Version(jsontext.read(stored.body), stored.updated, _who(stored))
        for stored in reversed(page.versions)
        if not stored.deleted
    ]
    titles = {}
    for reference in View(versions[-1].task).lines:
        kind, _, identity = reference.partition("/")
        stored = call.services.store.read(kind, identity)
        if stored is not None and not stored.deleted:
            titles[reference] = lines.read(jsontext.read(stored.body)).title
    return [
        event
        for event in story.events(f"Task/{task.id}", versions, titles)
        if not (event.execution and _hidden(call, mark))
    ]


def _hidden(call: Call, mark: Mark) -> bool:
    """Tell whether the execution is hidden from the caller: the patient opposed that prescribers see it."""
    role = call.request.caller.role
    return mark.opposed and role not in EXECUTING and role not in (Role.PATIENT, Role.OPERATOR)


def _who(stored: Stored) -> str:
    who = stored.origin.get("who", {})
    return str(who.get("name") or who.get("rpps") or who.get("structure") or who.get("subject", ""))


def _written(call: Call, told: list[Event]) -> dict[str, Any]:
    language = call.request.language
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "event",
                "part": [
                    {
                        "name": "when",
                        "valueInstant": event.when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                    },
                    {"name": "who", "valueString": event.who},
                    {"name": "what", "valueCode": event.what},
                    {"name": "text", "valueString": event.text.say(language)},
                    {"name": "reference", "valueReference": {"reference": event.reference}},
                ],
            }
            for event in told
        ],
    }
