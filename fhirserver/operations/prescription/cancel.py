"""`$cancel`: end a prescription, a Task, or one line, with a coded reason; or take back one's own delivery."""

from __future__ import annotations

from typing import Any

from fhirserver import jsontext
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.writes.references import local
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs, missing
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.workflow.acts import cancelling
from fhirserver.workflow.acts.cancelling import REASON_SYSTEM, REASONS
from fhirserver.workflow.context import Workflow

_PARAMETERS = {"number", "kind", "line", "reason"}


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters with the Tasks that the caller sees, as they stand; raises what `cancelling.cancel` raises."""
    asked.acting(call)
    given = asked.inputs(call, _PARAMETERS)
    asked.readable(call)
    if call.kind not in (None, "Task"):
        return _withdraw(workflow, call, given)
    reason = reason_of(given)
    if call.identity is not None or "kind" in given:
        tasks = [asked.one_task(workflow, call, given)]
    elif "number" in given:
        tasks = [task.id for task in asked.found(workflow, call, given).tasks]
    else:
        raise missing("number")
    line = given.text("line")
    if line is not None:
        target = local(line, call.request.base)
        line = "/".join(target) if target else line
    changed = cancelling.cancel(workflow, call.services, call.request, tasks, reason, line)
    call.request.record("cancel", "Task", changed[0] if changed else None, tasks=changed)
    return Answer(200, resource=asked.answer(task=_read(call, changed)))


def reason_of(given: Inputs) -> dict[str, Any]:
    """Return the coded reason as a CodeableConcept.

    Raises:
        BadRequest: none, one without a code, or a code that `cancellation-reason` does not have.
    """
    if "reason" not in given:
        raise missing("reason")
    try:
        codings = given.concept("reason") or []
    except BadRequest:
        codings = []
    for coding in codings:
        if coding.get("system") == REASON_SYSTEM:
            _require_known(coding.get("code"))
    if codings:
        return {"coding": codings}
    code = given.text("reason")
    _require_known(code)
    return {"coding": [{"system": REASON_SYSTEM, "code": code, "display": REASONS[str(code)]}]}


def _require_known(code: object) -> None:
    if code in REASONS:
        return
    codes = ", ".join(REASONS)
    raise BadRequest(
        Text(f"Motif « {str(code)[:40]} » inconnu : {codes}.", f'Unknown reason "{str(code)[:40]}": {codes}.'),
        code="code-invalid",
        expression="Parameters.parameter",
        rule="prescription-reason",
    )


def _withdraw(workflow: Workflow, call: Call, given: Inputs) -> Answer:
    reason = reason_of(given)
    assert call.kind is not None
    assert call.identity is not None, "offered on instances of deliveries"
    planned = cancelling.withdraw(workflow, call.services, call.request, call.kind, call.identity, reason)
    call.request.record("withdraw", call.kind, call.identity)
    return Answer(200, planned=planned).settle() if call.request.unit is None else Answer(200, planned=planned)


def _read(call: Call, tasks: list[str]) -> list[dict[str, Any]]:
    store = call.services.store if call.request.unit is None else call.request.unit
    found = [store.read("Task", identity) for identity in tasks]
    return [
        {"resource": jsontext.read(stored.body)}
        for stored in found
        if stored is not None and call.services.guards.shows(call.services, call.request, stored)
    ]
