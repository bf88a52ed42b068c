"""$validate: would this resource be stored (https://hl7.org/fhir/R4/resource-operation-validate.html)."""

from __future__ import annotations

from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.errors import BadRequest
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.outcomes import outcome
from fhirserver.issues import Issue, Text
from fhirserver.operations.registry import Call, Operation

_MODES: Final = ("create", "update", "delete", "profile")


def validate(call: Call) -> Answer:
    """Answer the findings about a resource in the body, or about the stored one.

    Raises:
        BadRequest: no resource, an unknown mode, or one of several profiles at once.
    """
    assert call.kind is not None, "offered on types and instances"
    decide(call.request.caller, "r", call.kind)
    given = call.parameters() if call.request.method == "POST" or call.request.query else {}
    mode = _one(given, "mode")
    if mode is not None and mode not in _MODES:
        offered = ", ".join(_MODES)
        raise BadRequest(Text(f"mode vaut l'un de {offered}.", f"mode is one of {offered}."), rule="mode")
    profile = _one(given, "profile")
    resource = (given.get("resource") or [None])[0]
    if resource is None and call.identity is not None:
        stored = reading.read(call.services, call.request, call.kind, call.identity).stored
        assert stored is not None, "a read answers a version"
        resource = jsontext.read(stored.body)
    if not isinstance(resource, dict):
        raise BadRequest(Text("Aucune ressource à valider.", "No resource to validate."), rule="resource")
    issues = [*_route_issues(call, resource), *call.request.notes]
    issues += call.services.checker.issues(resource, (profile,) if profile else ())
    return Answer(200, resource=outcome(issues, call.request.language))


def _route_issues(call: Call, resource: dict[str, Any]) -> list[Issue]:
    named = resource.get("resourceType")
    if named == call.kind:
        return []
    text = Text(f"La ressource n'est pas du type {call.kind}.", f"The resource is not of the type {call.kind}.")
    return [Issue("error", "invalid", text, str(call.kind), "resource-type")]


def _one(given: dict[str, list[Any]], name: str) -> str | None:
    values = given.get(name, [])
    if len(values) > 1:
        raise BadRequest(Text(f"{name} est donné deux fois.", f"{name} is given twice."), rule="parameter")
    return str(values[0]) if values else None


OPERATION: Final = Operation(
    "validate",
    validate,
    "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    types=("*",),
    instances=("*",),
)
