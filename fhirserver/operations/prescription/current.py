"""`$current-medications`: what a patient takes: active lines, last delivery, what remains, until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.access.decide import decide
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import visibility
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription import lines
from fhirserver.prescription.execution.standing import Delivered, Standing, given_of, standing, used_up
from fhirserver.prescription.french.posology import sentences
from fhirserver.prescription.lines import paris_day
from fhirserver.prescription.tasks import View
from fhirserver.search.asked.parse import parse
from fhirserver.store import Stored
from fhirserver.workflow.context import Work, Workflow, present, reads
from fhirserver.workflow.marks import mark_of
from fhirserver.workflow.parties import Parties
from fhirserver.workflow.taskwork import delivered_elsewhere

_MOST: Final = 200


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters: a `medication` for each line, as the caller may see them.

    Raises:
        NotFound: no such patient for the caller.
    """
    asked.inputs(call, set())
    grant = decide(call.request.caller, "s", "MedicationRequest")
    assert call.identity is not None, "offered on patients"
    stored = call.services.store.read("Patient", call.identity)
    own = decide(call.request.caller, "r", "Patient")
    visibility.require(call.services, call.request, own, stored, "Patient", call.identity)
    narrowing = visibility.narrowing(call.services, call.request, grant)
    pairs = [
        ("subject", f"Patient/{call.identity}"),
        ("status", "active,completed"),
        ("_sort", "-authoredon"),
        ("_count", str(_MOST)),
    ]
    services = call.services
    query = parse(services.registry, ["MedicationRequest"], pairs, rules=services.searcher.rules)
    page = services.searcher.run(query, narrowing)
    told = [one for each in page.matches if (one := _medication(workflow, call, each)) is not None]
    call.request.record("current-medications", "Patient", call.identity)
    return Answer(200, resource={"resourceType": "Parameters", "parameter": told})


def _medication(workflow: Workflow, call: Call, stored: Stored) -> dict[str, Any] | None:
    """Return one line; None where its treatment is over, or where its alternative was delivered in its place."""
    resource = jsontext.read(stored.body)
    today = paris_day(present())
    resolve = Parties(Work(workflow, call.services, call.request, reads(call.services), present())).resolve
    line = lines.read(resource, resolve=resolve, kinds=workflow.tables.kinds)
    task, reference = _task(call, stored), f"MedicationRequest/{stored.id}"
    if task is not None and task.chosen_instead(reference) is not None:
        return None
    before = task.delivered(reference) if task is not None else ()
    now = standing(line, before, workflow.tables, today)
    until = _until(before, line, today)
    if (resource["status"] == "completed" or now.finished) and (until is None or until < today):
        return None
    return {"name": "medication", "part": list(_parts(stored, line, before, now, until))}


def _parts(
    stored: Stored, line: lines.Line, before: tuple[Delivered, ...], now: Standing, until: date | None
) -> Iterator[dict[str, Any]]:
    given = given_of(before)
    yield {"name": "line", "valueReference": {"reference": f"MedicationRequest/{stored.id}"}}
    yield {"name": "title", "valueString": line.title or "?"}
    posology = " ".join(sentences(list(line.dosages)))
    if posology:
        yield {"name": "posology", "valueString": posology}
    if given:
        yield {"name": "last-dispense", "valueDate": given[-1].on.isoformat()}
    if now.remaining is not None:
        yield {"name": "remaining", "valueQuantity": now.remaining.quantity()}
    if now.deliveries_left is not None:
        yield {"name": "deliveries-left", "valueUnsignedInt": now.deliveries_left}
    if now.next_date is not None:
        yield {"name": "next-possible-date", "valueDate": now.next_date.isoformat()}
    if until is not None:
        yield {"name": "end", "valueDate": until.isoformat()}


def _task(call: Call, stored: Stored) -> View | None:
    """Return the Task of a line, unless the caller may not see the execution."""
    mark = mark_of(stored)
    task = call.services.store.read("Task", mark.task) if mark is not None and mark.task else None
    if task is None or task.deleted:
        return None
    hidden = not call.services.guards.shows(call.services, call.request, task)
    if hidden and call.request.caller.role is not Role.PATIENT:
        return None
    view = jsontext.read(task.body)
    return View(view, delivered_elsewhere(reads(call.services), View(view)))


def _until(before: tuple[Delivered, ...], line: lines.Line, today: date) -> date | None:
    """Return the day on which what was delivered is used up; before any delivery, the end of the treatment."""
    if given_of(before):
        return used_up(before)
    return (line.drafted or today) + timedelta(days=line.total_days) if line.total_days else None
