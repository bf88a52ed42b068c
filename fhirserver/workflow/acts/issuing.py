"""Issuing, applied: active orders of a push become numbered prescriptions with their Tasks, in the same commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Role
from fhirserver.errors import Unprocessable
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish, Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.transaction import BUNDLE
from fhirserver.interactions.writes import placing
from fhirserver.issues import Text
from fhirserver.prescription import alternatives, checking, issuing, lines, number
from fhirserver.prescription.executor import Executor
from fhirserver.prescription.issuing import Prescription, Sent
from fhirserver.prescription.lines import PARIS
from fhirserver.prescription.tasks import View
from fhirserver.store import Task, Transaction
from fhirserver.store.commits import claims
from fhirserver.workflow import pushes
from fhirserver.workflow.acts import replacing
from fhirserver.workflow.context import Work, Workflow, prescriber_keys, present
from fhirserver.workflow.marks import Mark, dmp_order, is_minors_secret
from fhirserver.workflow.parties import Parties, not_the_prescriber

ISSUE: Final = "prescription-issue"
"""`Request.memory`: the push goes through `$issue-prescription`, so that its orders are issued whoever sends them."""
ISSUED: Final = "prescriptions-issued"
"""`Request.memory`: what the push issued, a list of `{number, tasks}`."""
PRINT: Final = "prescription-print"
EXPIRE: Final = "prescription-expire"
PUBLISH: Final = "prescription-publish"
"""Kinds of outbox tasks."""
_KEY: Final = "push"
_GROUP: Final = "RequestGroup"
_A_GROUP: Final = Text("Cet identifiant de groupe", "This group identifier")


@dataclass(frozen=True, slots=True)
class _Issue:
    prescription: Prescription
    number: str
    tasks: tuple[str, ...]
    rpps: str | None


def orders(request: Request, found: Sequence[Entry]) -> list[Entry]:
    """Return the entries of a push that are issued: active orders, unless an operator writes plain FHIR."""
    if request.caller.role in (Role.OPERATOR, Role.PATIENT) and ISSUE not in request.memory:
        return []
    return [entry for entry, resource in pushes.written(found) if issuing.is_order(resource)]


def require_issued(request: Request, write: Write) -> None:
    """Refuse a patch by which a draft would become an active order that nobody issued.

    Raises:
        Unprocessable: names what issues it.
    """
    if write.interaction != "patch" or write.proposed is None or request.caller.role in (Role.OPERATOR, Role.PATIENT):
        return
    if not issuing.is_order(write.proposed):
        return
    if write.current is not None and issuing.is_order(jsontext.read(write.current.body)):
        return
    raise Unprocessable(
        Text(
            "Une ébauche devient une ordonnance par PUT, ou par $issue-prescription, non par PATCH : c'est alors "
            "qu'elle est contrôlée et numérotée.",
            "A draft becomes a prescription by PUT, or by $issue-prescription, not by PATCH: that is when it is "
            "checked and numbered.",
        ),
        expression=f"{write.kind}.status",
        rule="prescription-issue",
        code="business-rule",
    )


def again(
    services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
) -> list[Answer] | None:
    """Return the answers of the same push made before, by the editor's group identifiers.

    Raises:
        Conflict: the same key with other content.
        Forbidden: another professional's push.
    """
    names = _claims(request, [entry.resource or {} for entry in orders(request, found)])
    if not names:
        return None
    told = pushes.told(request, found)
    claimed = pushes.before(transaction, names, told, _A_GROUP, found)
    if claimed is None:
        return None
    by = claimed.get("by")
    if by is not None and request.caller.rpps not in (None, by) and request.caller.role is not Role.OPERATOR:
        # the number is a secret: of two professionals with the same software, one is not told the other's
        raise not_the_prescriber("Bundle")
    request.memory[ISSUED] = claimed["issued"]
    if len(claimed["issued"]) == 1:
        request.memory[BUNDLE] = {"identifier": claimed["identifier"]}
    return pushes.answered(services, request, transaction, found, pushes.in_order(claimed, told))


def plan(
    workflow: Workflow, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
) -> Finish | None:
    """Plan all prescriptions of a push.

    Raises:
        Unprocessable, Forbidden: it is not issued; the issues name the elements.
    """
    chosen = [entry for entry in orders(request, found) if not pushes.changes_issued(transaction, entry)]
    if not chosen:
        return None
    work = Work(workflow, services, request, transaction, present())
    told = pushes.told(request, found)
    parties = Parties(work, found)
    by_position = {entry.position: entry for entry in chosen}
    names = _claims(request, [entry.resource or {} for entry in chosen])
    sent = [_sent(entry, parties, workflow) for entry in chosen]
    groups = [entry for entry, _ in pushes.written(found) if entry.kind == _GROUP]
    issued = [
        _issue(work, parties, prescription, by_position, groups)
        for prescription in issuing.prescriptions(sent, workflow.root)
    ]
    summary = [{"number": each.number, "tasks": list(each.tasks)} for each in issued]
    replacing.apply(work, parties, [line for each in issued for line in each.prescription.lines])
    request.memory[ISSUED] = summary
    identifier = workflow.identifier(issued[0].number)
    if len(issued) == 1:
        request.memory[BUNDLE] = {"identifier": identifier}

    def finish(answers: Sequence[Answer]) -> None:
        claim = {
            **pushes.kept(told, answers),
            "issued": summary,
            "identifier": identifier,
            "by": issued[0].rpps,
        }
        for name in names:
            transaction.claim(name, claim)

    return finish


def _issue(
    work: Work, parties: Parties, prescription: Prescription, entries: dict[int, Entry], groups: Sequence[Entry]
) -> _Issue:
    """Plan one prescription: its lines under their number, its Tasks, and what is to be done after the commit."""
    caller, workflow, transaction = work.request.caller, work.workflow, work.transaction
    rpps = None
    for line in prescription.lines:
        rpps = parties.require_prescriber(line, caller)
        parties.require_patient(line)
    facts = parties.facts(prescription.lines, caller)
    refusals = checking.refusals(prescription.lines, facts, workflow.tables)
    if refusals:
        raise Unprocessable(refusals[0].text, issues=refusals)
    chosen = number.issue(workflow.settings.prescription_prefix)
    # a structure that pushes for its own may end it for them
    pushing = () if caller.rpps or caller.role is Role.OPERATOR else prescriber_keys(caller)
    by = (f"rpps:{rpps}", *pushing) if rpps else prescriber_keys(caller)
    planned = issuing.plan(prescription, chosen, workflow.root, _reference(rpps), work.now, workflow.tables)
    by_reference = {each.reference: each.line for each in prescription.sent}
    tasks = {kind: transaction.reserve("Task", *placing.place(task)) for kind, task in planned.tasks.items()}
    minor = any(is_minors_secret(line) for line in prescription.lines)
    for each in prescription.sent:
        entries[each.at].resource = planned.resources[each.at]
        mark = Mark(chosen, "line", by, prescription.secret, task=tasks[each.line.kind], minor=minor)
        entries[each.at].marks = mark.kept()
    of_group = Mark(chosen, "group", by, prescription.secret, task=next(iter(tasks.values())), minor=minor)
    own = _number_groups(prescription, groups, workflow.identifier(chosen), of_group)
    of_task = Mark(chosen, "task", by, prescription.secret, prescription.opposed, minor=minor)
    printed = transaction.reserve("Binary", beside=next(iter(tasks.values())))
    for kind, task in planned.tasks.items():
        View(task).add_print(f"Binary/{printed}")
        View(task).relate([group.resource or {} for group in own])
        former = [f"Task/{identity}" for identity in replacing.replaced(work.request)]
        above = [*former, *(f"{_GROUP}/{group.identity}" for group in own)]
        if above:
            task["basedOn"] = [{"reference": reference} for reference in above]
        work.create(task, of_task, tasks[kind])
        expire_later(work, task, tasks[kind], by_reference)
    transaction.claim(claims.name("number", chosen), {"tasks": list(tasks.values())})
    body = {
        "task": next(iter(tasks.values())),
        "binary": printed,
        "lines": [each.reference for each in prescription.sent],
        "observations": parties.observations,
        "profession": caller.profession if caller.rpps else None,
    }
    transaction.enqueue(Task(PRINT, body))
    if not prescription.secret:
        transaction.enqueue(Task(PUBLISH, body, dmp_order(chosen)))
    return _Issue(prescription, chosen, tuple(tasks.values()), rpps)


def _number_groups(
    prescription: Prescription, groups: Sequence[Entry], identifier: dict[str, str], mark: Mark
) -> list[Entry]:
    """Put the number on each RequestGroup of a prescription, and return them."""
    references = [each.reference for each in prescription.sent]
    own = [each for each in groups if alternatives.concerns(each.resource or {}, prescription.group, references)]
    for each in own:
        strangers = {one for pair in alternatives.pairs(each.resource or {}) for one in pair}.difference(references)
        if strangers:
            raise _strangers(each, min(strangers))
        each.resource = lines.with_group(each.resource or {}, identifier)
        each.marks = mark.kept()
    return own


def _strangers(group: Entry, reference: str) -> Unprocessable:
    return Unprocessable(
        Text(
            f"« {reference[:100]} » n'est pas une ligne de cette ordonnance : des alternatives sont d'une seule.",
            f'"{reference[:100]}" is no line of this prescription: alternatives are of one.',
        ),
        expression=f"Bundle.entry[{group.position}].resource.action",
        rule="prescription-alternative",
        code="business-rule",
    )


def expire_later(work: Work, task: dict[str, Any], identity: str, by_reference: dict[str, lines.Line]) -> None:
    """Have the Task expire after the last day on which anything of it may be executed, as things stand."""
    due = day_after(View(task).ends(by_reference, work.workflow.tables))
    if due is not None:
        work.transaction.enqueue(expiry(identity, work.request.base, due, work.now))


def expiry(identity: str, base: str, due: datetime, now: datetime) -> Task:
    """Return what looks at a Task at a moment, whether it has expired; `base`: of this service, for a receipt."""
    return Task(EXPIRE, {"task": identity, "base": base}, delay=max(0.0, (due - now).total_seconds()))


def day_after(last: date | None) -> datetime | None:
    """Return the moment at which a last day is over."""
    return None if last is None else datetime.combine(last + timedelta(days=1), time(), PARIS)


def _sent(entry: Entry, parties: Parties, workflow: Workflow) -> Sent:
    resource = entry.resource or {}
    line = lines.read(
        resource,
        f"Bundle.entry[{entry.position}].resource",
        resolve=parties.resolve,
        kinds=workflow.tables.kinds,
    )
    return Sent(line, f"{entry.kind}/{entry.identity}", entry.position)


def _claims(request: Request, resources: Sequence[dict[str, Any]]) -> list[str]:
    names = []
    for resource in resources:
        group = lines.group_of(resource)
        if group is not None and group.get("value"):
            names.append(pushes.claim_of(_KEY, request, str(group.get("system", "")), str(group["value"])))
    return list(dict.fromkeys(names))


def _reference(rpps: str | None) -> dict[str, Any] | None:
    return Executor(rpps).reference() if rpps else None
