"""read: the current version of a resource (https://hl7.org/fhir/R4/http.html#read)."""

from __future__ import annotations

from datetime import timedelta

from fhirserver.access.decide import decide
from fhirserver.errors import Gone
from fhirserver.interactions.exchange import Answer, Conditions, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary, subset, visibility
from fhirserver.issues import Text
from fhirserver.store import Stored


def read(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Answer the current version, as the bytes it was stored as.

    Raises:
        NotFound: no such resource, or none that the caller may know of.
        Gone: it is deleted.
    """
    grant = decide(request.caller, "r", kind)
    store = services.store if request.unit is None else request.unit
    stored = visibility.require(services, request, grant, store.read(kind, identity), kind, identity)
    if stored.deleted:
        raise gone(stored)
    request.record("read", kind, identity, version=stored.version)
    services.guards.seen(services, request, (stored,))
    return present(services, request, stored)


def present(services: Services, request: Request, stored: Stored) -> Answer:
    """Answer a version: as content for a Binary, 304 when the client has it, a part of it when asked for one."""
    if not_modified(request.conditions, stored):
        return Answer(304, stored)
    if stored.type == "Binary" and stored.files:
        return binary.present(services, request, stored)
    if "_summary" in request.query or "_elements" in request.query:
        return subset.present(services, request, stored)
    return Answer(200, stored)


def not_modified(conditions: Conditions, stored: Stored) -> bool:
    """Tell whether the client has this version already; If-None-Match decides before If-Modified-Since."""
    if conditions.none_match:
        return "*" in conditions.none_match or str(stored.version) in conditions.none_match
    since = conditions.modified_since
    # Last-Modified travels in whole seconds
    return since is not None and stored.updated < since + timedelta(seconds=1)


def gone(stored: Stored) -> Gone:
    """Return the failure of a deleted resource."""
    return Gone(
        Text(
            f"{stored.type}/{stored.id} est supprimée (version {stored.version}).",
            f"{stored.type}/{stored.id} is deleted (version {stored.version}).",
        ),
        rule="deleted",
        headers={"ETag": stored.etag},
    )
