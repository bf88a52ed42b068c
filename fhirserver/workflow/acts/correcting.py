"""A report that corrects one that stands already: the result changes, and nothing is executed anew.

Source: DiagnosticReport.status of FHIR R4 (amended, corrected, appended: a final report was modified). What stands for
an issued line is not updated: the laboratory records the corrected report beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhirserver import jsontext
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.prescription.execution import executions
from fhirserver.store import Stored
from fhirserver.workflow.context import prescriber_keys
from fhirserver.workflow.marks import mark_of
from fhirserver.workflow.taskwork import TaskWork

_MODIFIED: Final = frozenset({"amended", "corrected", "appended"})


def is_correction(task: TaskWork, entry: Entry, lines: Sequence[str]) -> bool:
    """Tell whether a report modifies what the caller, or his structure, has reported of each of these lines."""
    if entry.kind != "DiagnosticReport" or (entry.resource or {}).get("status") not in _MODIFIED:
        return False
    reported: set[str] = set()
    for reference in task.view.outputs("dispense"):
        stored = (
            task.work.transaction.read(*reference.split("/")) if reference.startswith("DiagnosticReport/") else None
        )
        if stored is not None and _is_own(task, stored):
            reported.update(executions.lines_of(jsontext.read(stored.body)))
    return reported.issuperset(lines)


def _is_own(task: TaskWork, stored: Stored) -> bool:
    mark, caller = mark_of(stored), task.work.request.caller
    by = () if mark is None else mark.by
    same_place = caller.structure is not None and any(name.endswith(f"@{caller.structure}") for name in by)
    return same_place or not set(by).isdisjoint(prescriber_keys(caller))
