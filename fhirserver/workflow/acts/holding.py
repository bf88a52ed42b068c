"""`$take` and `$release`: one holder at a time, with a lease; the same holder may ask again."""

from __future__ import annotations

from dataclasses import replace

from fhirserver.interactions.exchange import Answer
from fhirserver.prescription.states import Action, State
from fhirserver.prescription.tasks import Hold
from fhirserver.workflow.acts.closing import sign_off
from fhirserver.workflow.context import executor_of
from fhirserver.workflow.taskwork import TaskWork


def take(task: TaskWork) -> Answer:
    """Make the caller the holder; the same answer again if he is already.

    What another, whose lease has ended, recorded and did not close is signed.

    Raises:
        Locked, Gone, Conflict, Forbidden: as `states.decide` says.
    """
    transition = task.decide(Action.TAKE)
    executor = executor_of(task.work.request.caller)
    last = task.view.hold
    again = last is not None and executor.same(last.executor, by_structure=task.by_structure)
    if again and task.hold is not None:
        return Answer(200, task.stored)
    if last is not None and again:
        taken = replace(last, until=task.lease())
    else:
        sign_off(task, State.PARTLY_EXECUTED if task.view.executed else State.ISSUED)
        taken = Hold(executor.key, task.work.now, task.lease(), first=len(task.view.task.get("output", ())))
    task.view.give(taken, executor.reference())
    task.view.move(transition.target, task.work.now)
    task.standings()
    return Answer(200, planned=task.save())


def release(task: TaskWork) -> Answer:
    """Let go of it; what was recorded is signed.

    Raises:
        PreconditionFailed, Conflict: as `states.decide` says.
    """
    transition = task.decide(Action.RELEASE)
    task.end_finished(transition.target)
    sign_off(task, transition.target)
    task.view.give(None)
    task.view.move(transition.target, task.work.now)
    return Answer(200, planned=task.save())


def go_on(task: TaskWork) -> None:
    """Note that the holder recorded an outcome, and let his lease begin anew."""
    hold = task.view.hold
    assert hold is not None, "only a holder records outcomes"
    task.view.give(replace(hold, recorded=True, until=max(hold.until, task.lease())), task.view.task.get("owner"))
