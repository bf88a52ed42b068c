"""`$check-prescription`: what the rules say of lines before they are pushed; nothing is stored."""

from __future__ import annotations

from typing import Any

from fhirserver.errors import BadRequest, InvalidResource
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.interactions.writes import references
from fhirserver.issues import Text
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.prescription import alerts, checking, lines
from fhirserver.workflow.context import Work, Workflow, present, reads
from fhirserver.workflow.parties import Parties


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters: the OperationOutcome as `return`, and each alert with its rule, level and source.

    Raises:
        BadRequest: no line.
        InvalidResource: a line that is not readable as FHIR.
    """
    asked.professional(call)
    sent = _resources(call)
    chosen = [each for each in sent if str(each.get("resourceType")) in lines.LINE_TYPES]
    if not chosen:
        raise BadRequest(
            Text("Aucune ligne à contrôler.", "No line to check."), expression="Parameters", rule="prescription-line"
        )
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in sent]}
    unreadable = [
        issue
        for each in chosen
        for issue in call.services.checker.issues(each)
        if issue.refuses and issue.code == "structure"
    ]
    if unreadable:
        raise InvalidResource(unreadable)

    near = [
        Entry(at, "POST", (str(each.get("resourceType")),), "", each, None, {}, identity=str(each.get("id", at)))
        for at, each in enumerate(sent)
    ]
    parties = Parties(Work(workflow, call.services, call.request, reads(call.services), present()), near)
    read = lines.read_all(bundle, resolve=parties.resolve, kinds=workflow.tables.kinds)
    facts = parties.facts(read[0], call.request.caller)
    said = checking.check(read, facts, workflow.tables)
    told = outcome(checking.issues(said, checking.confirmed(read, facts)), call.request.language)
    return Answer(200, resource=alerts.parameters(said, told))


def _resources(call: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for values in call.parameters().values():
        for each in values:
            if not isinstance(each, dict):
                continue
            if each.get("resourceType") == "Bundle":
                listed = each.get("entry", [])
                near = {
                    entry.get("fullUrl"): entry["resource"]
                    for entry in (listed if isinstance(listed, list) else [])
                    if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
                }
                found += _linked(near)
            elif "resourceType" in each:
                found.append(each)
    return found


def _linked(near: dict[Any, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the resources of a Bundle with the links between them as `Type/id`."""
    places = {
        url: f"{resource.get('resourceType')}/{resource.get('id', at)}"
        for at, (url, resource) in enumerate(near.items())
        if url
    }
    return [
        references.rewrite({**resource, "id": resource.get("id", str(at))}, places.get)
        for at, resource in enumerate(near.values())
    ]
