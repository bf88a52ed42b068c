"""All operations of the ordonnance numérique, as they are offered."""

from __future__ import annotations

from fhirserver.operations.prescription import asked, close, dispense, find, release, take
from fhirserver.operations.registry import Operation
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
    )
