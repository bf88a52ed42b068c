"""All operations of the ordonnance numérique, as they are offered."""

from __future__ import annotations

from fhirserver.operations.prescription import asked, find
from fhirserver.operations.registry import Operation
from fhirserver.workflow.context import Workflow


def operations(workflow: Workflow) -> tuple[Operation, ...]:
    """Return them, wired to a server's workflow."""
    return (asked.operation("find-prescription", find.run, workflow),)
