"""The PDF of a prescription: drawn after the commit that issued it, kept as a Binary that its Tasks name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.interactions.services import Services
from fhirserver.prescription import alternatives, lines
from fhirserver.prescription.lines import Line
from fhirserver.prescription.print import pdf, printing
from fhirserver.prescription.print.printing import Sources
from fhirserver.prescription.tasks import View
from fhirserver.store import Draft, Stored, Transaction
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts.expiring import server_request
from fhirserver.workflow.context import Work, Workflow, present
from fhirserver.workflow.marks import Mark, mark_of
from fhirserver.workflow.parties import Parties

MEDIA: Final = "application/pdf"
PATIENCE: Final = 5.0
"""Seconds that a push which asks for the PDF waits for it."""
_PAUSE: Final = 0.03


def draw(workflow: Workflow, services: Services, lease: Lease) -> None:
    """Draw one prescription and keep it, with the outbox task marked as done in the same commit."""

    def attempt(transaction: Transaction) -> None:
        work = Work(workflow, services, server_request(), transaction, present())
        body = lease.body
        task = transaction.read("Task", body["task"])
        mark = mark_of(task)
        if task is not None and mark is not None and not transaction.exists("Binary", body["binary"]):
            _keep(work, body, mark, drawn(work, task, body))
        services.store.outbox.complete(transaction, lease)

    services.store.transact(attempt)


def wait(services: Services, tasks: list[str]) -> bytes | None:
    """Return the PDF of newly issued Tasks as soon as it is there; None if it does not come in time."""
    stored = services.store.read("Task", tasks[0]) if tasks else None
    if stored is None:
        return None
    named = View(jsontext.read(stored.body)).outputs("print")
    until = time.monotonic() + PATIENCE
    while named and time.monotonic() < until:
        binary = services.store.read("Binary", named[0].partition("/")[2])
        if binary is not None and binary.files:
            return services.store.files.read(binary.files[0])
        time.sleep(_PAUSE)
    return None


def lines_of(work: Work, body: Mapping[str, Any]) -> list[Line]:
    """Return the lines of a prescription as they stand, in the order of the task's body."""
    parties = Parties(work)
    read = []
    for reference in body["lines"]:
        kind, _, identity = reference.partition("/")
        stored = work.transaction.read(kind, identity)
        assert stored is not None, "lines are issued in the commit that asks for their print"
        read.append(
            lines.read(jsontext.read(stored.body), reference, resolve=parties.resolve, kinds=work.workflow.tables.kinds)
        )
    return read


def drawn(work: Work, task: Stored, body: Mapping[str, Any]) -> bytes:
    """Draw the lines that a body names, as a PDF."""
    parties = Parties(work)
    read = lines_of(work, body)
    first = read[0].resource
    person, role = parties.prescriber(first)
    pushed = [found for name in body["observations"] if (found := parties.resolve(name)) is not None]
    view = View(jsontext.read(task.body))
    sources = Sources(
        patient=parties.of(first, "subject") or {"name": [{"text": first.get("subject", {}).get("display", "")}]},
        practitioner=person or {"name": [{"text": first.get("requester", {}).get("display", "")}]},
        role=role,
        organization=parties.of(role, "organization") if role else None,
        observations=parties.measures(read, pushed),
        profession=body["profession"],
        alternatives=_alternatives(work, view),
    )
    printed = printing.prescription(
        view.number,
        read,
        sources,
        work.workflow.tables,
        code_is_secured=work.workflow.settings.prescription_code_is_secured,
    )
    return pdf.draw(printed)


def _alternatives(work: Work, view: View) -> set[tuple[str, str]]:
    """Return the pairs of lines of which one is executed, as the RequestGroups of a Task say."""
    above = (each["reference"].partition("/") for each in view.task.get("basedOn", ()))
    groups = (work.transaction.read(kind, identity) for kind, _, identity in above if kind == "RequestGroup")
    return {pair for group in groups if group is not None for pair in alternatives.pairs(jsontext.read(group.body))}


def _keep(work: Work, body: Mapping[str, Any], of: Mark, content: bytes) -> None:
    resource = {
        "resourceType": "Binary",
        "contentType": MEDIA,
        "securityContext": {"reference": f"Task/{body['task']}"},
    }
    # of the prescription, not of its execution: the prescriber's own, whatever the patient opposed
    mark = replace(of, part="print", task=body["task"], opposed=False)
    work.transaction.create(
        Draft(
            resource=resource,
            id=body["binary"],
            index=work.services.indexer.extract({**resource, "id": body["binary"]}),
            origin={**work.request.provenance(), **mark.kept()},
            files=(work.transaction.put_file(content),),
        )
    )
