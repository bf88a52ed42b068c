"""All operations of the ordonnance numérique, as they are offered."""

from __future__ import annotations

from fhirserver.operations.prescription import (
    asked,
    cancel,
    check,
    close,
    current,
    dispense,
    find,
    history,
    issue,
    release,
    replace,
    take,
)
from fhirserver.operations.registry import Operation
from fhirserver.prescription.execution.executions import EXECUTION_TYPES
from fhirserver.workflow.context import Workflow


def operations(workflow: Workflow) -> tuple[Operation, ...]:
    """Return them, wired to a server's workflow."""
    on_task = ("Task",)
    return (
        asked.operation("find-prescription", find.run, workflow),
        asked.operation("take", take.run, workflow, instances=on_task),
        asked.operation("release", release.run, workflow, instances=on_task),
        asked.operation("dispense", dispense.run, workflow, instances=on_task),
        asked.operation("close", close.run, workflow, instances=on_task),
        asked.operation("cancel", cancel.run, workflow, instances=(*on_task, *sorted(EXECUTION_TYPES))),
        asked.operation("issue-prescription", issue.run, workflow),
        asked.operation("check-prescription", check.run, workflow),
        asked.operation("replace", replace.run, workflow, instances=on_task),
        asked.operation("history-of-prescription", history.run, workflow, instances=on_task),
        asked.operation("current-medications", current.run, workflow, system=False, instances=("Patient",)),
    )
