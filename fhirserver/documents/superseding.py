"""The old document of a replacement: its next version says `superseded`, in the commit that brings the new one."""

from __future__ import annotations

from dataclasses import replace

from fhirserver import jsontext
from fhirserver.dmp import marks
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import writing
from fhirserver.store import Transaction

KIND = "DocumentReference"


def supersede(services: Services, request: Request, transaction: Transaction, identity: str, record: str) -> Answer:
    """Plan the version that says `superseded`.

    Args:
        services: the parts of this process.
        request: the push.
        transaction: that brings the new document.
        identity: id of the old one.
        record: the patient's record, for the marks of the version.
    """
    current = transaction.read(KIND, identity)
    assert current is not None, "the checks saw it on the same view"
    changed = {**jsontext.read(current.body), "status": "superseded"}
    kept = dict(current.origin.get("dmp", {}))
    told = {"dmp": {**kept, **marks.of_document(changed, record, kept.get("authors", ()))}}
    inside = replace(request.within(transaction), marks=told)
    draft, _ = writing.prepared(services, inside, changed, identity, "PATCH")
    planned = transaction.update(draft)
    return Answer(200, planned=planned, location=writing.location(KIND, identity, planned.version), written=True)
