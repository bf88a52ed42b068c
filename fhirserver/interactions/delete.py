"""delete: a tombstone takes the resource's place; its history stays (https://hl7.org/fhir/R4/http.html#delete)."""

from __future__ import annotations

from fhirserver.access.decide import decide
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import visibility
from fhirserver.interactions.writes import referrers, writing
from fhirserver.issues import Issue, Text
from fhirserver.store import Transaction

_DELETED = Issue("information", "informational", Text("Supprimée.", "Deleted."))
NOTHING = Issue("information", "informational", Text("Rien à supprimer.", "Nothing to delete."))


def delete(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Delete a resource; deleting what is not there, or not for this caller, changes nothing and succeeds.

    Raises:
        PreconditionFailed: If-Match names a version no longer current.
        Conflict: other resources refer to it (setting `delete_referenced`).
    """
    writing.allow_change(services, request, "d", kind, identity)
    grant = decide(request.caller, "d", kind)

    def work(transaction: Transaction) -> Answer:
        inside = request.within(transaction)
        current = transaction.read(kind, identity)
        if current is not None and not visibility.sees(services, inside, grant, current):
            current = None
        writing.require_match(request.conditions, current, f"{kind}/{identity}")
        if current is None or current.deleted:
            return Answer(204, issues=(NOTHING,), written=True)
        services.guards.write(services, request, Write("delete", kind, identity, current, None))
        if not request.in_bundle:
            referrers.refuse_if_any(services, inside, transaction, [(kind, identity)])
        planned = transaction.delete(kind, identity, request.provenance())
        return Answer(204, planned=planned, issues=(_DELETED,), written=True)

    return writing.commit(services, request, work)
