"""What is found when an act is executed (measures, specimens, images): hidden from whom the execution is hidden.

Of a pregnancy termination, of what the patient does not want prescribers to see, and of a minor's secret, a result
tells as much as the report that names it (décret 2023-1222, CSP L1111-5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from fhirserver.access.caller import Role
from fhirserver.errors import MethodNotAllowed
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.writes.references import literals, local
from fhirserver.issues import Text
from fhirserver.store import Transaction
from fhirserver.workflow import pushes
from fhirserver.workflow.context import prescriber_keys
from fhirserver.workflow.marks import Mark, mark_of
from fhirserver.workflow.sight import FINDING_TYPES

_ORDERS: Final = ("basedOn", "request")
"""Where they name what was ordered: `request` of Specimen, `basedOn` of the others."""
_LINE: Final = "ServiceRequest/"


def of_lines(request: Request, found: Sequence[Entry]) -> bool:
    """Tell whether a push holds findings that name an order, unless an operator or a patient writes plain FHIR."""
    return request.caller.role not in (Role.OPERATOR, Role.PATIENT) and any(
        entry.kind in FINDING_TYPES and any(_LINE in each for each in _named(resource))
        for entry, resource in pushes.written(found)
    )


def plan(request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Mark the findings of a push that tell of a hidden execution: by the line that they name, or a marked report's."""
    if request.caller.role in (Role.OPERATOR, Role.PATIENT):
        return
    entries = {f"{entry.kind}/{entry.identity}": entry for entry, _ in pushes.written(found)}
    findings = {name: entry for name, entry in entries.items() if entry.kind in FINDING_TYPES}
    for entry in findings.values():
        for reference in _named(entry.resource or {}):
            _mark(entry, _of_line(request, transaction, reference))
    for report in entries.values() if findings else ():
        mark = Mark.read(report.marks.get("rx"))
        if mark is not None and mark.part == "dispense":
            for _, reference in literals(report.resource, report.kind):
                if reference in findings:
                    _mark(findings[reference], replace(mark, part="finding"))


def keep(request: Request, write: Write, mark: Mark) -> None:
    """Let a finding be corrected, and stay as hidden as it was.

    Raises:
        MethodNotAllowed: an update by which it would no longer name what it is hidden for.
    """
    if write.interaction == "patch":
        request.marks = {**request.marks, **mark.kept()}
    elif write.interaction == "update" and write.proposed is not None and "rx" not in request.marks:
        raise MethodNotAllowed(
            Text(
                f"{write.kind}/{write.identity} est un résultat tenu secret : une mise à jour nomme encore la ligne "
                "exécutée (basedOn ; request d'un prélèvement), ou passe par PATCH.",
                f"{write.kind}/{write.identity} is a finding kept secret: an update still names the executed line "
                "(basedOn; request of a Specimen), or is a PATCH.",
            ),
            headers={"Allow": "GET, HEAD, PUT, PATCH"},
            rule="prescription-finding",
            code="business-rule",
        )


def _mark(entry: Entry, mark: Mark | None) -> None:
    if mark is not None and (mark.secret or mark.opposed or mark.minor):
        entry.marks = {**entry.marks, **mark.kept()}


def _of_line(request: Request, transaction: Transaction, reference: str) -> Mark | None:
    """Return the mark of what is found in executing a line; None where it is no issued one."""
    target = local(reference, request.base)
    if target is None or f"{target[0]}/" != _LINE:
        return None
    line = mark_of(transaction.read(*target))
    task = mark_of(transaction.read("Task", line.task)) if line is not None and line.task is not None else None
    if line is None or line.task is None or task is None:
        return None
    return task.executed("finding", prescriber_keys(request.caller), line.task)


def _named(resource: Mapping[str, Any]) -> Iterator[str]:
    for name in _ORDERS:
        listed = resource.get(name)
        for each in listed if isinstance(listed, list) else ():
            if isinstance(each, Mapping) and isinstance(each.get("reference"), str):
                yield each["reference"]
