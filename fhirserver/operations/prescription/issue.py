"""`$issue-prescription`: issue the lines of a Bundle or of Parameters; the answer has number, Tasks, code and PDF."""

from __future__ import annotations

import base64
from typing import Any

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Failure
from fhirserver.interactions import transaction
from fhirserver.interactions.bundles import entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer
from fhirserver.issues import Text
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription.lines import LINE_TYPES
from fhirserver.prescription.print import code_image
from fhirserver.workflow.acts import issuing
from fhirserver.workflow.after import printing
from fhirserver.workflow.context import Workflow

_TAKEN = ("line", "bundle", "resource")


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters: number, Task of each kind, code image as PNG and SVG, PDF, and the lines.

    Raises:
        BadRequest: nothing that could be issued.
        Failure: as for a push.
    """
    asked.professional(call)
    asked.nothing_in_address(call)
    return issued(workflow, call, call.request.parse())


def issued(workflow: Workflow, call: Call, body: dict[str, Any]) -> Answer:
    """Issue what a body holds; also for `$replace`."""
    request = call.request
    request.memory[issuing.ISSUE] = True
    sent = _resources(body)
    found = _entries(call, [resource for _, resource in sent])
    try:
        answers = transaction.commit(call.services, request, found)
    except Failure as failure:
        if not _is_bundle(sent[0][1]):
            failure.issues = tuple(entries.located(failure.issues, [place for place, _ in sent]))
        raise
    made = request.memory.get(issuing.ISSUED)
    if not made:
        raise BadRequest(
            Text("Aucune ligne active : rien n'est émis.", "No active line: nothing is issued."),
            rule="prescription-issue",
        )
    told: list[dict[str, Any]] = []
    for each in made:
        told += _told(workflow, call, each["number"], each["tasks"])
    lines = [answer.stored for answer in answers if answer.stored is not None and answer.stored.type in LINE_TYPES]
    told += [{"name": "line", "resource": jsontext.read(stored.body)} for stored in lines]
    return Answer(200, resource={"resourceType": "Parameters", "parameter": told})


def _told(workflow: Workflow, call: Call, number: str, tasks: list[str]) -> list[dict[str, Any]]:
    printed = printing.wait(call.services, tasks)
    stored = [call.services.store.read("Task", identity) for identity in tasks]
    return [
        {"name": "number", "valueIdentifier": workflow.identifier(number)},
        *({"name": "task", "resource": jsontext.read(each.body)} for each in stored if each is not None),
        _attachment("code-png", "image/png", code_image.png(number)),
        _attachment("code-svg", "image/svg+xml", code_image.svg(number)),
        *([_attachment("pdf", "application/pdf", printed)] if printed else []),
    ]


def _attachment(name: str, media: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "valueAttachment": {"contentType": media, "data": base64.b64encode(data).decode("ascii")}}


def _resources(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the resources that were sent, each with its place.

    Raises:
        BadRequest: none; a parameter that the operation does not have, or without a resource; a Bundle beside others.
    """
    if body.get("resourceType") != "Parameters":
        return [(str(body.get("resourceType")), body)]
    listed = body.get("parameter")
    found = []
    for at, each in enumerate(listed if isinstance(listed, list) else []):
        resource = each.get("resource") if isinstance(each, dict) and each.get("name") in _TAKEN else None
        if not isinstance(resource, dict):
            raise _expected(f"Parameters.parameter[{at}]")
        found.append((f"Parameters.parameter[{at}].resource", resource))
    bundle = next((place for place, resource in found if _is_bundle(resource)), None)
    if not found or (bundle is not None and len(found) > 1):
        raise _expected(bundle or "Parameters")
    return found


def _expected(place: str) -> BadRequest:
    return BadRequest(
        Text(
            "Envoyez un Bundle (« bundle »), seul, ou des paramètres « line » qui portent chacun une ligne.",
            'Send a Bundle ("bundle"), by itself, or parameters "line" that hold one line each.',
        ),
        expression=place,
        rule="prescription-parameters",
    )


def _is_bundle(resource: dict[str, Any]) -> bool:
    return resource.get("resourceType") == "Bundle"


def _entries(call: Call, resources: list[dict[str, Any]]) -> list[Entry]:
    """Return what was sent as the entries of a transaction; draft lines become active: they are being issued."""
    if _is_bundle(resources[0]):
        bundle = resources[0]
        listed = bundle.get("entry", [])
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
                kind = entry["resource"].get("resourceType")
                entry.setdefault("request", {"method": "POST", "url": str(kind)})
        read = entries.read(bundle, call.request.base, call.services.settings.max_bundle_entries)
        faults = [issue for each in read if isinstance(each, Failure) for issue in each.issues]
        if faults:
            raise BadRequest(faults[0].text, issues=faults)
        found = [each for each in read if isinstance(each, Entry)]
    else:
        found = [
            Entry(at, "POST", (str(each.get("resourceType")),), "", each, None, {}) for at, each in enumerate(resources)
        ]
    if not found:
        raise _expected("Bundle")
    for entry in found:
        if entry.kind in LINE_TYPES and entry.resource is not None and entry.resource.get("status") == "draft":
            entry.resource = {**entry.resource, "status": "active"}
    return found
