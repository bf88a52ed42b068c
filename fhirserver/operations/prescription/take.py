"""`$take`: become the single holder of a Task; 423 while another holds it. Repeating it recovers a lost answer."""

from __future__ import annotations

from fhirserver.interactions.exchange import Answer
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.workflow import sight, taskwork
from fhirserver.workflow.acts import holding
from fhirserver.workflow.context import Workflow
from fhirserver.workflow.taskwork import TaskWork


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer the Task, held; raises what `holding.take` raises."""
    asked.acting(call)
    identity = asked.one_task(workflow, call, asked.inputs(call, {"number", "kind"}))

    def act(task: TaskWork) -> tuple[Answer, TaskWork]:
        return holding.take(task), task

    answer, task = taskwork.move(workflow, call.services, call.request, identity, act)
    hold = task.view.hold
    until = hold.until if hold else None
    number = task.view.number
    sight.open_to(workflow, call.request, number, "take", until=until, shared=task.by_structure, id=identity)
    return answer.settle() if call.request.unit is None else answer
