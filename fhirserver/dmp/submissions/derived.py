"""The submission set of a document that came without one (ITI-105, the server's own): made from document and sender.

IHE MHD 4.2.3, figure 3.105.4-1: the recipient makes the submission set from the DocumentReference and the context, so
that the document is found by its lot (ITI-66) like any other.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fhirserver.dmp.names import LIST_TYPES, SOURCE_ID, URI
from fhirserver.dmp.submissions.flavours import PROFILES, Flavour

_SOURCES: Final = uuid.UUID("0d7f1c9e-5b0a-5f4b-9b57-3f5d0c3e8a11")


def submission_set(document: Mapping[str, Any], reference: str, client: str, at: datetime) -> dict[str, Any]:
    """Return the List, of MHD's minimal profile.

    Args:
        document: the DocumentReference, as it is stored.
        reference: to it.
        client: who sent it; his sourceId is made from this name, and the same each time.
        at: the moment of the submission.
    """
    source = next(iter(document.get("author", ())), None)
    told = {
        "resourceType": "List",
        "meta": {"profile": [PROFILES[Flavour.MINIMAL].submission_set]},
        "extension": [
            {"url": SOURCE_ID, "valueIdentifier": {"value": f"urn:oid:2.25.{uuid.uuid5(_SOURCES, client).int}"}}
        ],
        "identifier": [
            {"use": "official", "system": URI, "value": f"urn:uuid:{uuid.uuid4()}"},
            {"use": "usual", "system": URI, "value": f"urn:oid:2.25.{uuid.uuid4().int}"},
        ],
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
        "subject": document["subject"],
        "date": at.isoformat(timespec="seconds"),
        "entry": [{"item": {"reference": reference}}],
    }
    if document.get("description"):
        told["title"] = document["description"]
    if source is not None:
        told["source"] = source
        contained = _needed(source, document)
        if contained:
            told["contained"] = contained
    return told


def _needed(source: Mapping[str, Any], document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the contained resources of a document that a reference leads to, each once."""
    inside = {f"#{item.get('id')}": item for item in document.get("contained", ())}
    waiting, found = [source], dict[str, dict[str, Any]]()
    while waiting:
        name = str(waiting.pop().get("reference", ""))
        item = inside.get(name)
        if item is not None and name not in found:
            found[name] = item
            waiting += [item[key] for key in ("practitioner", "organization") if isinstance(item.get(key), Mapping)]
    return [*found.values()]
