"""Who sees what of an issued prescription.

An executing professional sees one only if he found it by its number (or holds it, which begins by that): what he found
stays open to him for a while, by the audit record of the finding. Pregnancy termination: prescriber and executor only.
Where the patient opposed it, prescribers do not see the execution (décret 2023-1222). A doctor, dentist or midwife who
executes such a prescription (imaging, acts) finds it by its number as other executors do. Patients: by a setting; their
representatives see neither of these nor a minor's secret.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fhirserver.access.caller import Role
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.prescription.lines import LINE_TYPES
from fhirserver.search.asked.query import And, Node, Not, Or, Written
from fhirserver.store import Stored
from fhirserver.workflow.context import EXECUTING, Workflow, executor_of, prescriber_keys, present
from fhirserver.workflow.marks import BY, MINOR, NUMBER, OF, OPPOSED, SECRET, mark_of

FINDING_TYPES: Final = frozenset({"Observation", "Specimen", "ImagingStudy", "Media"})
DISPENSE_TYPES: Final = frozenset({"MedicationDispense", "Procedure", "DiagnosticReport", "SupplyDelivery"})
TYPES: Final = LINE_TYPES | DISPENSE_TYPES | FINDING_TYPES | {"Task", "RequestGroup", "Binary"}
"""Types that may belong to a prescription."""
_MOST: Final = 5_000
_MEMORY: Final = "prescriptions-opened"
_ALL: Final = "prescriptions-opened-all"


def open_to(  # noqa: PLR0913 - who, what, how, until when, with whom
    workflow: Workflow,
    request: Request,
    number: str,
    action: str,
    *,
    until: datetime | None = None,
    shared: bool = False,
    **more: object,
) -> None:
    """Record that the caller found or holds a prescription: from here on he sees it, until that moment at least.

    Where his structure holds it (`shared`), those who execute there see it as he does.
    """
    usual = present() + timedelta(days=workflow.settings.prescription_access_days)
    until = usual if until is None else max(usual, until)
    names = _names(request)
    grant = {"to": names if shared else names[0], "of": number, "until": until}
    request.record(action, "Task", None, grant=grant, **more)
    request.memory.setdefault(_MEMORY, set()).add(number)


def is_open(services: Services, request: Request, number: str) -> bool:
    """Tell whether the caller found this prescription."""
    known = request.memory.setdefault(_MEMORY, set())
    if number in known:
        return True
    if _ALL in request.memory:
        return False
    if services.store.audit.grants(_names(request), number, present()):
        known.add(number)
        return True
    return False


def opened(services: Services, request: Request) -> tuple[str, ...]:
    """Return the prescriptions that the caller found, the latest first."""
    known: set[str] = request.memory.setdefault(_MEMORY, set())
    if _ALL not in request.memory:
        known.update(services.store.audit.granted(_names(request), present(), _MOST))
        request.memory[_ALL] = True
    return tuple(sorted(known))


def _names(request: Request) -> list[str]:
    """Return the names under which something may have been opened to the caller: his own, then his structure's."""
    executor = executor_of(request.caller)
    in_practice = executor.structure is not None and request.caller.role in EXECUTING
    return [executor.key, *([f"structure:{executor.structure}"] if in_practice else [])]


def shows(workflow: Workflow, services: Services, request: Request, stored: Stored) -> bool:
    """Tell whether the caller may see a version."""
    mark = mark_of(stored)
    if mark is None or request.caller.role is Role.OPERATOR:
        return True
    if request.caller.role is Role.PATIENT:
        return workflow.settings.patient_reads_prescriptions and not (
            request.caller.representative and (mark.secret or mark.minor)
        )
    if not set(mark.by).isdisjoint(prescriber_keys(request.caller)):
        return not (mark.opposed and mark.part == "task" and request.caller.role not in EXECUTING)
    if request.caller.role in EXECUTING:
        return is_open(services, request, mark.number)
    by_him = not set(mark.of).isdisjoint(prescriber_keys(request.caller))
    if mark.opposed:
        return not by_him and is_open(services, request, mark.number)
    return by_him or not mark.secret or is_open(services, request, mark.number)


def limit(workflow: Workflow, services: Services, request: Request, kind: str) -> Node | None:
    """Return the same as a condition of a search."""
    role = request.caller.role
    if kind not in TYPES or role is Role.OPERATOR:
        return None
    if role is Role.PATIENT:
        if not workflow.settings.patient_reads_prescriptions:
            return Written(NUMBER, ())
        return And((Written(SECRET, ()), Written(MINOR, ()))) if request.caller.representative else None
    own = Written(BY, prescriber_keys(request.caller))
    found = opened(services, request)
    by_number: tuple[Node, ...] = (Written(NUMBER, found),) if found else ()
    if role in EXECUTING:
        return Or((Written(NUMBER, ()), own, *by_number))
    unopposed = Written(OPPOSED, ())
    mine = own if kind != "Task" else And((own, unopposed))
    of_his = Written(OF, prescriber_keys(request.caller))
    to_execute = tuple(And((each, Not(own), Not(of_his))) for each in by_number)
    return Or((mine, And((unopposed, Or((Written(SECRET, ()), of_his, *by_number)))), *to_execute))
