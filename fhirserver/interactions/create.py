"""create: a new resource under an id of the server's (https://hl7.org/fhir/R4/http.html#create)."""

from __future__ import annotations

from typing import Any

from fhirserver.interactions.bundles import linking
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary
from fhirserver.interactions.writes import conditional, writing
from fhirserver.issues import Issue
from fhirserver.store import Draft, Transaction
from fhirserver.store.kept.files import Upload


def create(services: Services, request: Request, kind: str) -> Answer:
    """Store a new resource; with If-None-Exist, only when its criteria select none.

    Criteria in the address mean the same as in If-None-Exist: fhirpy and the clients of Aidbox send them there.

    Raises:
        InvalidResource: it breaks its profile.
        MultipleMatches: If-None-Exist selects several.
    """
    writing.allow(request, "c", kind)
    if kind == "Binary" and binary.is_content(request):
        return binary.create(services, request)
    resource = writing.resource_of_type(request.parse(), kind)
    request = conditional.with_criteria(request)
    if request.unit is None and services.router.concerns(request, resource):
        return services.router.push(request, resource)
    resource = linking.alone(services, request, resource)
    if request.conditions.none_exist is not None:
        return conditional.create(services, request, kind, resource)
    issues = writing.check(services, request, resource)
    return store(services, request, resource, issues, request.reserved)


def store(
    services: Services,
    request: Request,
    resource: dict[str, Any],
    issues: tuple[Issue, ...],
    identity: str | None = None,
) -> Answer:
    """Write a checked resource: one insert, or a part of the transaction that the request belongs to."""
    draft, upload = writing.prepared(services, request, resource, identity, "POST")
    if request.unit is not None or upload is not None or request.course is not None:
        return writing.commit(services, request, lambda transaction: plan(transaction, draft, upload, issues))
    stored = services.store.create(draft)
    place = writing.location(stored.type, stored.id, stored.version)
    return Answer(201, stored, location=place, issues=issues, written=True)


def plan(transaction: Transaction, draft: Draft, upload: Upload | None, issues: tuple[Issue, ...]) -> Answer:
    """Write a draft as a part of a transaction."""
    if upload is not None:
        transaction.keep_file(upload)
    planned = transaction.create(draft)
    place = writing.location(draft.type, planned.id, planned.version)
    return Answer(201, planned=planned, location=place, issues=issues, written=True)
