"""A report of what was executed already: it corrects an earlier one, or tells the result of an act that was recorded.

It executes nothing anew. Source: DiagnosticReport of FHIR R4: of the status amended, corrected or appended, a final
report was modified; and an act (Procedure) and its report both name the order that they fulfil.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from fhirserver import jsontext
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.prescription.execution import executions
from fhirserver.store import Stored
from fhirserver.workflow.context import prescriber_keys
from fhirserver.workflow.marks import mark_of
from fhirserver.workflow.taskwork import TaskWork

_MODIFIED: Final = frozenset({"amended", "corrected", "appended"})


def is_further_report(task: TaskWork, entry: Entry, lines: Sequence[str], pushed: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether a report, of each of these lines, tells of what the caller or his structure has executed already.

    Args:
        task: of the lines.
        entry: what is recorded.
        lines: that it names.
        pushed: executions of the same push by reference, with their lines.
    """
    if entry.kind != "DiagnosticReport":
        return False
    told = Counter(
        (reference.partition("/")[0], line)
        for reference in dict.fromkeys((*task.view.outputs("dispense"), *task.view.outputs("report")))
        for line in pushed.get(reference) or _own_lines(task, reference)
    )
    modified = (entry.resource or {}).get("status") in _MODIFIED
    return all(
        (modified and told[entry.kind, line]) or told["Procedure", line] > told[entry.kind, line] for line in lines
    )


def _own_lines(task: TaskWork, reference: str) -> Iterator[str]:
    kind, _, identity = reference.partition("/")
    stored = task.work.transaction.read(kind, identity)
    if stored is not None and _is_own(task, stored):
        yield from executions.lines_of(jsontext.read(stored.body))


def _is_own(task: TaskWork, stored: Stored) -> bool:
    mark, caller = mark_of(stored), task.work.request.caller
    by = () if mark is None else mark.by
    same_place = caller.structure is not None and any(name.endswith(f"@{caller.structure}") for name in by)
    return same_place or not set(by).isdisjoint(prescriber_keys(caller))
