"""`$find-prescription`: a prescription by its scanned or typed number, with all that executing it needs."""

from __future__ import annotations

from typing import Any

import orjson

from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.writes.references import local, written
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.store import Stored
from fhirserver.workflow.acts import expiring
from fhirserver.workflow.context import Workflow


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer a searchset: the Tasks, then the lines, and what they refer to.

    Raises:
        BadRequest: no number, or one that was mistyped.
        NotFound: an unknown one, counted by client; or one of which the caller may see nothing.
        Throttled: too many unknown ones; Retry-After says when to come back.
    """
    asked.professional(call)
    given = asked.inputs(call, {"number"})
    parts = asked.found(workflow, call, given)
    seen = [
        each for each in (*parts.tasks, *parts.lines) if call.services.guards.shows(call.services, call.request, each)
    ]
    seen = [expiring.up_to_date(workflow, call.services, each, call.request.base) for each in seen]
    around = _around(call, seen)
    call.request.record("read", "Task", None, found=[f"{each.type}/{each.id}" for each in (*seen, *around)])
    return Answer(200, resource=bundle(call, seen, around))


def bundle(call: Call, matches: list[Stored], around: list[Stored]) -> dict[str, Any]:
    """Return a searchset of Tasks as matches, and all else as what goes with them."""
    entries = [
        {
            "fullUrl": f"{call.request.base}/{each.type}/{each.id}",
            "resource": orjson.Fragment(each.body),
            "search": {"mode": "match" if each.type == "Task" else "include"},
        }
        for each in (*matches, *around)
    ]
    total = sum(each.type == "Task" for each in matches)
    return {"resourceType": "Bundle", "type": "searchset", "total": total, "entry": entries}


def _around(call: Call, seen: list[Stored]) -> list[Stored]:
    """Return what the parts refer to: patient, prescriber, medicines, what was delivered before."""
    known = {(each.type, each.id) for each in seen}
    texts = {text for each in seen for text in written(each.body)}
    wanted = {
        target for text in texts if (target := local(text, call.request.base)) is not None and target[0] != "Binary"
    }
    found = call.services.store.read_many(sorted(wanted - known))
    return [
        each
        for _, each in sorted(found.items())
        if not each.deleted and call.services.guards.shows(call.services, call.request, each)
    ]
