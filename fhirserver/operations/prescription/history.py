"""`$history-of-prescription`: the whole story in readable form, for those whom it concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.access.decide import decide
from fhirserver.errors import Forbidden, NotFound
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription import lines, story
from fhirserver.prescription.states import ENDED, State
from fhirserver.prescription.story import Event, Version
from fhirserver.prescription.tasks import View
from fhirserver.store import HistoryQuery, Stored
from fhirserver.workflow.context import EXECUTING, Work, Workflow, present, reads
from fhirserver.workflow.marks import Mark, mark_of
from fhirserver.workflow.parties import Parties
from fhirserver.workflow.taskwork import not_found, task_of

_PAGE = 100
"""Versions read at a time."""
_HALTED = ("cancelled", "stopped", "revoked")
_TOLD = ("code", "businessStatus", "statusReason", "extension")
"""What the story reads of a version of a Task, beside its output."""


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
    told = [event for task in tasks for event in _events(workflow, call, task)]
    call.request.record("history-of-prescription", "Task", tasks[0].id)
    return Answer(200, resource=_written(call, sorted(told, key=lambda event: event.when)))


def _own(call: Call, identity: str) -> Stored:
    """Return a Task that the caller may see."""
    grant = decide(call.request.caller, "r", "Task")
    stored = task_of(call.services, call.request, identity)
    if not grant.whole:
        try:
            visibility.require(call.services, call.request, grant, stored, "Task", identity)
        except NotFound:
            raise not_found(identity) from None
    return stored


def _events(workflow: Workflow, call: Call, task: Stored) -> list[Event]:
    mark = mark_of(task)
    assert mark is not None, "only prescriptions are found"
    versions = _tasks(call, task.id)
    resolve = Parties(Work(workflow, call.services, call.request, reads(call.services), present())).resolve
    over = {version.when for version in versions if View(version.task).state in ENDED}
    titles, ended = {}, []
    for reference in View(jsontext.read(task.body)).lines:
        kind, _, identity = reference.partition("/")
        stored = call.services.store.read(kind, identity)
        if stored is None or stored.deleted:
            continue
        line = lines.read(jsontext.read(stored.body), resolve=resolve, kinds=workflow.tables.kinds)
        titles[reference] = line.title
        if line.resource.get("status") != "active":
            ended += _ended(call, reference, line.title, mark, over)
    told = [*ended, *story.events(f"Task/{task.id}", versions, titles)]
    return _unhidden(told) if _hidden(call, mark) else told


def _tasks(call: Call, identity: str) -> list[Version]:
    """Return the versions of a Task, oldest first.

    A treatment of months leaves hundreds of them, each with all deliveries until then: what they repeat is kept once.
    """
    known: dict[tuple[int, str], dict[str, Any]] = {}
    found = []
    for stored in _versions(call, "Task", identity):
        task = jsontext.read(stored.body)
        told = {name: task[name] for name in _TOLD if name in task}
        told["output"] = [
            known.setdefault((place, entry["type"]["coding"][0]["code"]), entry)
            for place, entry in enumerate(task.get("output", ()))
        ]
        found.append(Version(told, stored.updated, _who(stored)))
    return found[::-1]


def _versions(call: Call, kind: str, identity: str) -> Iterator[Stored]:
    """Yield all versions of a resource, newest first, deletions left out."""
    query = HistoryQuery(kind, identity, count=_PAGE)
    while True:
        page = call.services.store.history(query)
        yield from (stored for stored in page.versions if not stored.deleted)
        if page.next is None:
            return
        query = replace(query, after=page.next)


def _ended(call: Call, reference: str, title: str, mark: Mark, over: set[datetime]) -> list[Event]:
    """Return what is told of a line that the prescriber ended, unless its Task ended with it."""
    kind, _, identity = reference.partition("/")
    halted = [
        stored
        for stored in _versions(call, kind, identity)
        if jsontext.read(stored.body).get("status") in _HALTED and stored.updated not in over
    ]
    return [
        story.line_ended(
            stored.updated, _who(stored), title, reference, jsontext.read(stored.body).get("statusReason", {})
        )
        for stored in halted[-1:]
        if any(f"{name}:{stored.origin.get('who', {}).get(name)}" in mark.by for name in ("rpps", "structure"))
    ]


def _unhidden(told: list[Event]) -> list[Event]:
    """Leave out the execution; whether what the prescriber ended was begun is of it."""
    stopped = story.MOVES[State.STOPPED]
    return [
        replace(event, what=str(State.STOPPED), text=stopped) if event.what == State.CANCELLED else event
        for event in told
        if not event.execution
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
