"""Expiry: a Task whose validity has ended becomes `expired`, when somebody looks at it or when its day comes."""

from __future__ import annotations

from datetime import datetime

import orjson

from fhirserver.access.caller import Caller, Role
from fhirserver.access.scopes import read as read_scopes
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.prescription.lines import paris_day
from fhirserver.prescription.states import ENDED, Action
from fhirserver.prescription.tasks import View
from fhirserver.store import Stored
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts import issuing
from fhirserver.workflow.acts.closing import sign_off
from fhirserver.workflow.context import Workflow, present
from fhirserver.workflow.taskwork import TaskWork


def server_request(base: str = "") -> Request:
    """Return a request of the server's own, for what it does by itself; `base`: its address, where it is told."""
    caller = Caller("fhirserver", "fhirserver", "fhirserver", Role.OPERATOR, read_scopes("system/*.cruds"))

    def parse() -> dict[str, object]:
        raise AssertionError("the server's own requests have no body")

    return Request("POST", (), "", caller, base, parse)


def up_to_date(workflow: Workflow, services: Services, stored: Stored, base: str) -> Stored:
    """Return a part of a prescription as it stands today: a Task that has expired meanwhile is written so first."""
    if stored.type != "Task" or not _is_due(stored):
        return stored
    expire(workflow, services, stored.id, base)
    return services.store.read("Task", stored.id) or stored


def expire(workflow: Workflow, services: Services, identity: str, base: str) -> datetime | None:
    """Let a Task expire if its validity has ended and nobody holds it.

    Returns:
        When it is to be looked at again; None where it has ended, or nothing ends it by itself.
    """

    def act(task: TaskWork) -> datetime | None:
        if task.view.state in ENDED:
            return None
        case, hold = task.situation(), task.hold
        if case.valid:
            return issuing.day_after(task.view.ends(task.lines, workflow.tables))
        if hold is not None:
            return hold.until
        target = task.decide(Action.EXPIRE).target
        task.end_finished(target)
        sign_off(task, target)
        task.view.move(target, task.work.now)
        task.view.give(None)
        task.save()
        return None

    return taskwork.move(workflow, services, server_request(base), identity, act)


def _is_due(stored: Stored) -> bool:
    """Tell whether a Task may have expired, by the last day that it states."""
    task = orjson.loads(stored.body)  # no number of it is looked at
    if View(task).state in ENDED:
        return False
    today = paris_day(present()).isoformat()
    ends = [
        part.get("valueDate") or part.get("valuePeriod", {}).get("end", "9999-12-31")
        for entry in task.get("input", ())
        for extension in entry.get("extension", ())
        for part in extension.get("extension", ())
        if part.get("url") in ("last-start", "validity")
    ]
    return bool(ends) and min(ends) < today
