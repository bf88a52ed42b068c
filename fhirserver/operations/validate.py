"""$validate: would this resource be stored (https://hl7.org/fhir/R4/resource-operation-validate.html)."""

from __future__ import annotations

from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.errors import BadRequest, Conflict, Forbidden
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown.outcomes import outcome
from fhirserver.interactions.writes import referrers
from fhirserver.issues import Issue, Text
from fhirserver.operations.registry import OF_THE_ANSWER, Call, Operation

_PARAMETERS: Final = ("resource", "mode", "profile")
_MODES: Final = ("create", "update", "delete", "profile")


def validate(call: Call) -> Answer:
    """Answer the findings about a resource in the body, or about the stored one.

    Raises:
        BadRequest: no resource, an unknown mode, a mode without what it needs, or several profiles at once.
    """
    assert call.kind is not None, "offered on types and instances"
    decide(call.request.caller, "r", call.kind)
    given = call.parameters() if call.request.method == "POST" or call.request.query else {}
    for name in given:
        if name not in _PARAMETERS and name not in OF_THE_ANSWER:
            offered = ", ".join(_PARAMETERS)
            text = Text(
                f"$validate n'offre pas le paramètre « {name[:40]} » ; offerts : {offered}.",
                f'$validate does not offer the parameter "{name[:40]}"; offered: {offered}.',
            )
            raise BadRequest(text, rule="parameter")
    mode = _one(given, "mode")
    if mode is not None and mode not in _MODES:
        offered = ", ".join(_MODES)
        raise BadRequest(Text(f"mode vaut l'un de {offered}.", f"mode is one of {offered}."), rule="mode")
    profile = _one(given, "profile")
    if mode == "profile" and profile is None:
        text = Text("mode=profile demande le paramètre profile.", "mode=profile needs the parameter profile.")
        raise BadRequest(text, rule="parameter")
    resource = (given.get("resource") or [None])[0]
    if mode == "delete":
        return Answer(200, resource=outcome(_deletable(call), call.request.language))
    if resource is None and call.identity is not None:
        stored = reading.read(call.services, call.request, call.kind, call.identity).stored
        assert stored is not None, "a read answers a version"
        resource = jsontext.read(stored.body)
    if not isinstance(resource, dict):
        raise BadRequest(Text("Aucune ressource à valider.", "No resource to validate."), rule="resource")
    issues = [*_route_issues(call, resource, mode), *call.request.notes]
    issues += call.services.checker.issues(resource, (profile,) if profile else ())
    return Answer(200, resource=outcome(issues, call.request.language))


def _deletable(call: Call) -> list[Issue]:
    """Return what stands in the way of deleting the instance: its content is not looked at."""
    if call.kind is None or call.identity is None:
        text = Text("mode=delete vaut pour une ressource : Type/id.", "mode=delete is for an instance: Type/id.")
        raise BadRequest(text, rule="mode")
    place = (call.kind, call.identity)
    reading.read(call.services, call.request, *place)
    try:
        decide(call.request.caller, "d", call.kind)
        call.services.store.transact(lambda unit: referrers.refuse_if_any(call.services, call.request, unit, [place]))
    except (Conflict, Forbidden) as failure:
        return list(failure.issues)
    return []


def _route_issues(call: Call, resource: dict[str, Any], mode: str | None) -> list[Issue]:
    """Return where the resource does not go with the address: its type, and for an update its id."""
    named, own = resource.get("resourceType"), resource.get("id")
    if named != call.kind:
        text = Text(f"La ressource n'est pas du type {call.kind}.", f"The resource is not of the type {call.kind}.")
        return [Issue("error", "invalid", text, str(call.kind), "resource-type")]
    if mode == "update" and (own is None or call.identity not in (None, own)):
        shown, sent = call.identity or "…", str(own)[:64]
        text = Text(
            f"Une mise à jour porte l'id de l'adresse ({shown}), le corps {f'a {sent}' if own else 'est sans id'}.",
            f"An update has the address's id ({shown}), the body has {sent if own else 'none'}.",
        )
        return [Issue("error", "invalid", text, f"{call.kind}.id", "id-mismatch")]
    return []


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
