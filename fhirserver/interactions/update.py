"""update: the next version of a resource, or its first (https://hl7.org/fhir/R4/http.html#update)."""

from __future__ import annotations

from typing import Any, Literal

from fhirserver.errors import BadRequest, InvalidResource
from fhirserver.interactions.bundles import linking
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Interaction, Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary
from fhirserver.interactions.writes import writing
from fhirserver.issues import Issue
from fhirserver.store import Transaction


def update(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Store a resource under an id; 201 when nothing, or only a deleted resource, was there.

    Raises:
        BadRequest: the body names another id.
        InvalidResource: it breaks its profile.
        PreconditionFailed: If-Match names a version no longer current.
    """
    writing.allow_change(services, request, "u", kind, identity)
    if kind == "Binary" and binary.is_content(request):
        return binary.update(services, request, identity)
    resource = request.parse()
    try:
        writing.resource_of_type(resource, kind)
        writing.resource_of_id(resource, kind, identity)
        if request.unit is None and services.router.concerns(request, resource):
            return services.router.push(request, resource)
        resource = linking.alone(services, request, resource)
        issues = writing.check(services, request, resource)
    except (BadRequest, InvalidResource) as failure:
        # what nobody changes that way says so, however the body is made
        raise writing.fixed(services, request, kind, identity) or failure from None
    return replace(services, request, resource, identity, issues)


def replace(  # noqa: PLR0913, PLR0917 - what an update consists of
    services: Services,
    request: Request,
    resource: dict[str, Any],
    identity: str,
    issues: tuple[Issue, ...],
    method: Literal["PUT", "PATCH"] = "PUT",
) -> Answer:
    """Write a checked resource as the current version of its id."""
    kind = resource["resourceType"]
    draft, upload = writing.prepared(services, request, resource, identity, method)

    def work(transaction: Transaction) -> Answer:
        current = transaction.read(kind, identity)
        interaction: Interaction = "patch" if method == "PATCH" else "update"
        write = Write(interaction, kind, identity, current, resource)
        writing.allow_replacement(services, request, write, transaction)
        if current is None or current.deleted:
            writing.allow(request, "c", kind)
        elif services.settings.unchanged_update == "skip" and writing.same(draft, current):
            place = writing.location(kind, identity, current.version)
            return Answer(200, current, location=place, issues=issues, written=True)
        if upload is not None:
            transaction.keep_file(upload)
        planned = transaction.update(draft)
        place = writing.location(kind, identity, planned.version)
        return Answer(201 if planned.created else 200, planned=planned, location=place, issues=issues, written=True)

    return writing.commit(services, request, work)
