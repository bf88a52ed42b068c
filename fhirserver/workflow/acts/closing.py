"""`$close`: one delivery ends with its receipt, and the Task is free for the next, or done.

What ends otherwise (given back, or a lease that ended before another took it, or before the Task ended) leaves its
receipt too: all that counts stands on one.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.interactions.exchange import Answer
from fhirserver.prescription import elements
from fhirserver.prescription.executor import Executor
from fhirserver.prescription.states import Action, State
from fhirserver.prescription.tasks import View
from fhirserver.store import Draft, FileRef
from fhirserver.workflow.acts.issuing import expire_later
from fhirserver.workflow.after import receipts
from fhirserver.workflow.context import executor_of
from fhirserver.workflow.taskwork import TaskWork

MEDIA: Final = "application/jose"
_COMPLETED: Final = frozenset({"dispense"})


def close(task: TaskWork) -> tuple[Answer, str]:
    """End the holder's delivery; return the Task and the id of the Binary that holds the receipt.

    A repetition by who closed it last gives the same receipt again.

    Raises:
        Conflict, PreconditionFailed, Gone: as `states.decide` says.
    """
    executor = executor_of(task.work.request.caller)
    closed = task.view.last_receipt()
    his = closed is not None and executor.same(closed[1], by_structure=task.by_structure)
    if closed is not None and his and task.view.state in (State.PARTLY_EXECUTED, State.EXECUTED):
        return Answer(200, task.stored), closed[0].partition("/")[2]
    transition = task.decide(Action.CLOSE)
    identity = _sign(task, executor, transition.target)
    task.view.give(None)
    task.view.move(transition.target, task.work.now)
    task.end_finished(transition.target)
    if transition.target is State.PARTLY_EXECUTED:
        expire_later(task.work, task.view.task, task.stored.id, task.lines)
    return Answer(200, planned=task.save()), identity


def sign_off(task: TaskWork, target: State) -> None:
    """Sign what the last holder recorded and did not close, before he loses the Task; `target`: its state then."""
    hold = task.view.hold
    if hold is not None and task.view.recorded_since(hold.first):
        _sign(task, Executor.of(hold.executor, task.view.task.get("owner", {}).get("display")), target)


def _sign(task: TaskWork, executor: Executor, target: State) -> str:
    """Plan a receipt of what was recorded since the Task was taken; return the id of its Binary."""
    identity = _keep(task, executor, receipts.sign(task.work.workflow.key, _content(task, executor, target)))
    task.view.add_receipt(f"Binary/{identity}", executor.key)
    return identity


def _content(task: TaskWork, executor: Executor, target: State) -> dict[str, Any]:
    """Return what the receipt says: who delivered what of which prescription, since he took it."""
    work, hold = task.work, task.view.hold
    first = hold.first if hold else 0
    named = {"rpps": executor.rpps, "structure": executor.structure, "name": executor.name}
    return {
        "iss": work.request.base,
        "sub": task.view.number,
        "iat": int(work.now.timestamp()),
        "task": f"Task/{task.stored.id}",
        "kind": str(task.view.kind),
        "state": str(target),
        "executor": {name: value for name, value in named.items() if value},
        "deliveries": _deliveries(task.view, first),
    }


def _deliveries(view: View, first: int) -> list[dict[str, Any]]:
    told = []
    for entry in view.task.get("output", ())[first:]:
        if entry["type"]["coding"][0]["code"] not in _COMPLETED:
            continue
        note = next(elements.extensions(entry, elements.url("delivered")))
        quantity = elements.part(note, "quantity")
        told.append(
            {
                "resource": entry["valueReference"]["reference"],
                "line": elements.part(note, "line")["reference"],
                "on": elements.part(note, "on"),
                "outcome": elements.part(note, "outcome"),
                # as text: a receipt's JSON is read by software that would round a decimal
                **({"quantity": {**quantity, "value": str(quantity["value"])}} if quantity else {}),
            }
        )
    return told


def _keep(task: TaskWork, executor: Executor, receipt: str) -> str:
    """Plan the Binary that keeps a receipt, beside its Task."""
    work = task.work
    identity = work.transaction.reserve("Binary", beside=task.stored.id)
    content: FileRef = work.transaction.put_file(receipt.encode("ascii"))
    mark = task.mark.executed("receipt", executor.names, task.stored.id)
    resource = {
        "resourceType": "Binary",
        "contentType": MEDIA,
        "securityContext": {"reference": f"Task/{task.stored.id}"},
    }
    work.transaction.create(
        Draft(
            resource=resource,
            id=identity,
            index=work.services.indexer.extract({**resource, "id": identity}),
            origin={**work.request.provenance(), **mark.kept()},
            files=(content,),
        )
    )
    return identity
