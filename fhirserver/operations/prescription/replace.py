"""`$replace`: the prescriber issues a new prescription in place of one that is not held."""

from __future__ import annotations

from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs, missing
from fhirserver.operations.prescription import asked, cancel, issue
from fhirserver.operations.registry import Call
from fhirserver.workflow.acts import replacing
from fhirserver.workflow.context import Workflow

_OF_REPLACED = ("number", "reason")


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer as `$issue-prescription` does, for the new prescription; its Tasks name those that they replace.

    Raises:
        BadRequest: no number, no reason, or nothing to issue.
        Locked, Gone, Conflict, Forbidden: the former one cannot be replaced.
    """
    asked.acting(call)
    asked.nothing_in_address(call)
    body = call.request.parse()
    listed = body.get("parameter") if body.get("resourceType") == "Parameters" else None
    if not isinstance(listed, list):
        raise BadRequest(
            Text("Une ressource Parameters est attendue.", "A Parameters resource is expected."),
            expression=str(body.get("resourceType", "")),
            rule="prescription-parameters",
        )
    asked.readable(call)
    own = [each for each in listed if isinstance(each, dict) and each.get("name") in _OF_REPLACED]
    given = Inputs({"parameter": own}, _OF_REPLACED)
    if call.identity is not None:
        tasks = [asked.one_task(workflow, call, given)]
    elif "number" in given:
        tasks = [task.id for task in asked.found(workflow, call, given).tasks]
    else:
        raise missing("number")
    reason = {**cancel.reason_of(given)} if "reason" in given else cancel.reason_of(_REPLACED)
    replacing.ask(call.request, tasks, reason)
    lines = {**body, "parameter": [each for each in listed if each not in own]}
    answer = issue.issued(workflow, call, lines)
    call.request.record("replace", "Task", tasks[0] if tasks else None, tasks=tasks)
    return answer


_REPLACED = Inputs({"parameter": [{"name": "reason", "valueCode": "replaced"}]}, _OF_REPLACED)
