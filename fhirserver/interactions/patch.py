"""patch: a change of the current version (https://hl7.org/fhir/R4/http.html#patch).

The body's media type says which language it is in: JSON Patch, merge patch, XML Patch, or FHIRPath Patch (a Parameters
resource). `application/json` is a JSON Patch when it is an array and a merge patch when it is an object, which is what
some clients send. In a Bundle, a Binary carries the first three.
"""

from __future__ import annotations

from typing import Final

from fhirserver.access.decide import decide
from fhirserver.interactions import read as reading
from fhirserver.interactions import update
from fhirserver.interactions.bundles import linking
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.patching import Change, Patcher, narrative
from fhirserver.interactions.patching.patcher import JSON_PATCH, MERGE_PATCH, XML_PATCH
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary, visibility
from fhirserver.interactions.writes import writing
from fhirserver.store import Transaction

FHIR: Final = ("application/fhir+json", "application/fhir+xml")
MEDIA: Final = (JSON_PATCH, MERGE_PATCH, XML_PATCH, *FHIR)


def patch(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Change the current version.

    Raises:
        NotFound, Gone: there is none.
        UnsupportedMediaType: a patch language that is not spoken here.
        BadRequest: no patch.
        Unprocessable: it does not apply, touches the id or the type, or leaves an invalid resource.
        PreconditionFailed: If-Match names a version no longer current.
    """
    writing.allow_change(services, request, "u", kind, identity)
    change = read(services, request)
    return writing.commit(
        services,
        request,
        lambda transaction: apply(services, request.within(transaction), kind, identity, change),
    )


def read(services: Services, request: Request) -> Change:
    """Return what the body does to a resource."""
    patcher = Patcher(services.engine, services.xml)
    if request.content is not None:
        media = request.content.media.partition(";")[0].strip().lower()
        if media not in FHIR:
            return patcher.read(media, request.content.read())
    return patcher.from_resource(request.parse())


def apply(services: Services, request: Request, kind: str, identity: str, change: Change) -> Answer:
    """Change the current version within the transaction that the request is part of."""
    transaction = request.unit
    assert isinstance(transaction, Transaction), "a patch reads and writes on one view"
    grant = decide(request.caller, "u", kind)
    current = visibility.require(services, request, grant, transaction.read(kind, identity), kind, identity)
    writing.require_match(request.conditions, current, f"{kind}/{identity}")
    if current.deleted:
        raise reading.gone(current)
    before = binary.whole(services, current)
    changed = linking.alone(services, request, narrative.without_stale(before, change(binary.whole(services, current))))
    # what may not be changed is refused before what the change leaves invalid; a guard may give marks to keep
    services.guards.write(services, request, Write("patch", kind, identity, current, changed))
    issues = writing.check(services, request, changed)
    return update.replace(services, request.without_conditions(), changed, identity, issues, "PATCH")
