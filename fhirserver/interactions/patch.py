"""patch: a change of the current version (https://hl7.org/fhir/R4/http.html#patch).

The body's media type says which language it is in: JSON Patch, merge patch, XML Patch, or FHIRPath Patch (a Parameters
resource). `application/json` is a JSON Patch when it is an array and a merge patch when it is an object, which is what
some clients send. In a Bundle, a Binary carries the first three.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Unprocessable, UnsupportedMediaType
from fhirserver.interactions import read as reading
from fhirserver.interactions import update, visibility, writing
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.patching import fhirpath_patch, json_patch, xml_patch
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Transaction

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
XML_PATCH: Final = "application/xml-patch+xml"
FHIR: Final = ("application/fhir+json", "application/fhir+xml")
MEDIA: Final = (JSON_PATCH, MERGE_PATCH, XML_PATCH, *FHIR)

Change = Callable[[dict[str, Any]], Any]


def patch(services: Services, request: Request, kind: str, identity: str) -> Answer:
    """Change the current version.

    Raises:
        NotFound, Gone: there is none.
        UnsupportedMediaType: a patch language that is not spoken here.
        BadRequest: no patch.
        Unprocessable: it does not apply, touches the id or the type, or leaves an invalid resource.
        PreconditionFailed: If-Match names a version no longer current.
    """
    writing.allow(request, "u", kind)
    change = read(services, request)
    return writing.commit(
        services,
        request,
        lambda transaction: apply(services, request.within(transaction), kind, identity, change),
    )


def read(services: Services, request: Request) -> Change:
    """Return what the body does to a resource."""
    if request.content is not None:
        media = request.content.media.partition(";")[0].strip().lower()
        if media not in FHIR:
            return _change(services, media, request.content.read())
    body = request.parse()
    if body.get("resourceType") == "Binary":
        media = str(body.get("contentType", "")).partition(";")[0].strip().lower()
        try:
            return _change(services, media, base64.b64decode(body.get("data", ""), validate=True))
        except (binascii.Error, TypeError, ValueError):
            raise BadRequest(
                Text("Binary.data n'est pas du base64.", "Binary.data is no base64."), expression="Binary.data"
            ) from None
    if body.get("resourceType") != "Parameters":
        raise BadRequest(
            Text(
                "Un FHIRPath Patch est une ressource Parameters.",
                "A FHIRPath Patch is a Parameters resource.",
            ),
            expression=str(body.get("resourceType", "")) or None,
            rule="fhirpath-patch",
        )
    return lambda resource: fhirpath_patch.apply(services.engine, resource, body)


def _change(services: Services, media: str, data: bytes) -> Change:
    if media == XML_PATCH:
        return lambda resource: services.xml.read(xml_patch.apply(services.xml.write(resource), data))[0]
    if media not in (JSON_PATCH, MERGE_PATCH, "application/json"):
        raise UnsupportedMediaType(
            Text(
                f"PATCH n'accepte pas « {media[:80]} » ; envoyez {', '.join(MEDIA)}.",
                f'PATCH does not take "{media[:80]}"; send {", ".join(MEDIA)}.',
            ),
            rule="content-type",
            headers={"Accept-Patch": ", ".join(MEDIA)},
        )
    body = jsontext.read(data)
    if media == "application/json" and isinstance(body, dict) and body.get("resourceType") == "Parameters":
        return lambda resource: fhirpath_patch.apply(services.engine, resource, body)
    if media == JSON_PATCH or (media == "application/json" and isinstance(body, list)):
        return lambda resource: json_patch.apply(resource, body, fhir=True)
    if not isinstance(body, dict):
        raise BadRequest(
            Text("Un merge patch est un objet JSON.", "A merge patch is a JSON object."), rule="merge-patch"
        )
    return lambda resource: json_patch.merge(resource, body, fhir=True)


def apply(services: Services, request: Request, kind: str, identity: str, change: Change) -> Answer:
    """Change the current version within the transaction that the request is part of."""
    transaction = request.unit
    assert isinstance(transaction, Transaction), "a patch reads and writes on one view"
    current = transaction.read(kind, identity)
    writing.require_match(request.conditions, current, f"{kind}/{identity}")
    if current is None:
        raise visibility.not_found(kind, identity)
    if current.deleted:
        raise reading.gone(current)
    changed = change(jsontext.read(current.body))
    _require_identity(changed, kind, identity)
    issues = writing.check(services, request, changed)
    return update.replace(services, request.without_conditions(), changed, identity, issues, "PATCH")


def _require_identity(changed: Any, kind: str, identity: str) -> None:
    """Refuse a patch that makes another resource of it; version and time are the server's anyway."""
    if not isinstance(changed, dict) or changed.get("resourceType") != kind or changed.get("id") != identity:
        raise Unprocessable(
            Text(
                "Un patch ne change ni le type ni l'id d'une ressource.",
                "A patch changes neither the type nor the id of a resource.",
            ),
            expression=f"{kind}.id",
            rule="patch-identity",
        )
