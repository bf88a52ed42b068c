"""`$release`: give a Task back, for another professional to take."""

from __future__ import annotations

from fhirserver.interactions.exchange import Answer
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts import holding
from fhirserver.workflow.context import Workflow


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer the Task, free again; raises what `holding.release` raises."""
    asked.acting(call)
    identity = asked.one_task(workflow, call, asked.inputs(call, {"number", "kind"}))
    answer = taskwork.move(workflow, call.services, call.request, identity, holding.release)
    call.request.record("release", "Task", identity)
    return answer.settle() if call.request.unit is None else answer
