"""`$close`: one delivery ends with its receipt, and the Task is free for the next, or done."""

from __future__ import annotations

from typing import Any, Final

from fhirserver.interactions.exchange import Answer
from fhirserver.prescription import elements
from fhirserver.prescription.states import Action, State
from fhirserver.prescription.tasks import View
from fhirserver.store import Draft, FileRef
from fhirserver.workflow.acts.issuing import expire_later
from fhirserver.workflow.after import receipts
from fhirserver.workflow.context import executor_of, prescriber_keys
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
    if task.view.state in (State.PARTLY_EXECUTED, State.EXECUTED) and closed and closed[1] == executor.key:
        return Answer(200, task.stored), closed[0].partition("/")[2]
    transition = task.decide(Action.CLOSE)
    content = _content(task, transition.target)
    identity = _keep(task, receipts.sign(task.work.workflow.key, content))
    task.view.add_receipt(f"Binary/{identity}", executor.key)
    task.view.give(None)
    task.view.move(transition.target, task.work.now)
    task.end_finished(transition.target)
    if transition.target is State.PARTLY_EXECUTED:
        expire_later(task.work, task.view.task, task.stored.id, task.lines)
    return Answer(200, planned=task.save()), identity


def _content(task: TaskWork, target: State) -> dict[str, Any]:
    """Return what the receipt says: who delivered what of which prescription, since he took it."""
    work, hold = task.work, task.view.hold
    first = hold.first if hold else 0
    executor = executor_of(work.request.caller)
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


def _keep(task: TaskWork, receipt: str) -> str:
    """Plan the Binary that keeps a receipt, beside its Task."""
    work = task.work
    identity = work.transaction.reserve("Binary", beside=task.stored.id)
    content: FileRef = work.transaction.put_file(receipt.encode("ascii"))
    mark = task.mark.executed("receipt", prescriber_keys(work.request.caller), task.stored.id)
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
