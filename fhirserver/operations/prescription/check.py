"""`$check-prescription`: what the rules say of lines before they are pushed; nothing is stored."""

from __future__ import annotations

from typing import Any

from fhirserver.errors import BadRequest
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
        InvalidResource: a resource that is not readable as FHIR.
    """
    asked.professional(call)
    asked.nothing_in_address(call)
    sent = _resources(call)
    if not any(str(each.get("resourceType")) in lines.LINE_TYPES for each in sent):
        raise BadRequest(
            Text("Aucune ligne à contrôler.", "No line to check."), expression="Parameters", rule="prescription-line"
        )
    call.services.checker.require_readable(*sent)
    near = [
        Entry(at, "POST", (str(each.get("resourceType")),), "", each, None, {}, identity=str(each.get("id", at)))
        for at, each in enumerate(sent)
    ]
    parties = Parties(Work(workflow, call.services, call.request, reads(call.services), present()), near)
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in sent]}
    read = lines.read_all(bundle, resolve=parties.resolve, kinds=workflow.tables.kinds)
    facts = parties.facts(read, call.request.caller)
    said = alerts.ordered(
        [
            *parties.strangers(read, call.request.caller),
            *checking.check(read, facts, workflow.tables),
        ]
    )
    told = outcome(checking.issues(said), call.request.language)
    return Answer(200, resource=alerts.parameters(said, told))


def _resources(call: Call) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for values in call.parameters().values():
        for each in values:
            if not isinstance(each, dict):
                continue
            if each.get("resourceType") == "Bundle":
                listed = each.get("entry", [])
                found += _linked(listed if isinstance(listed, list) else [])
            elif "resourceType" in each:
                found.append(each)
    return found


def _linked(listed: list[Any]) -> list[dict[str, Any]]:
    """Return the resources of a Bundle's entries with the links between them as `Type/id`."""
    found = [entry for entry in listed if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
    resources = [{**entry["resource"], "id": entry["resource"].get("id", str(at))} for at, entry in enumerate(found)]
    places = {
        entry["fullUrl"]: f"{resource.get('resourceType')}/{resource['id']}"
        for entry, resource in zip(found, resources, strict=True)
        if isinstance(entry.get("fullUrl"), str)
    }
    return [references.rewrite(resource, places.get) for resource in resources]
