"""Binary: content of any type, kept as bytes, base64 only where FHIR is asked for.

https://hl7.org/fhir/R4/binary.html#rest: a body whose Content-Type is not one of FHIR's is the content itself, and a
read without a FHIR type in Accept gives it back as it was. `securityContext` goes with it as `X-Security-Context`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any, Final, Literal

from fhirserver import jsontext
from fhirserver.errors import BadRequest, RangeNotSatisfiable
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import subset
from fhirserver.interactions.writes import writing
from fhirserver.issues import Text
from fhirserver.store import Draft, Stored, Transaction
from fhirserver.store.kept.files import Upload

_FHIR: Final = ("application/fhir+json", "application/fhir+xml")
_CHUNK: Final = 1 << 16
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_ABOUT: Final = re.compile(r"(https?://[^\s?#]+/)?[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?")
_MEDIA: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;.*)?", re.ASCII)


def is_content(request: Request) -> bool:
    """Tell whether the body is the content itself."""
    if request.content is None:
        return False
    return request.content.media.partition(";")[0].strip().lower() not in _FHIR


def create(services: Services, request: Request) -> Answer:
    """Keep a body as a new Binary's content.

    Raises:
        BadRequest: on a condition, which the content alone cannot be searched for.
    """
    if request.conditions.none_exist is not None:
        raise BadRequest(
            Text(
                "If-None-Exist ne vaut que pour une ressource : envoyez le Binary en FHIR.",
                "If-None-Exist holds for resources only: send the Binary as FHIR.",
            ),
            rule="criteria",
        )
    draft, upload = _take(services, request, None, "POST")

    def work(transaction: Transaction) -> Answer:
        transaction.keep_file(upload)
        planned = transaction.create(draft)
        place = writing.location("Binary", planned.id, planned.version)
        return Answer(201, planned=planned, location=place, written=True)

    return writing.commit(services, request, work)


def update(services: Services, request: Request, identity: str) -> Answer:
    """Keep a body as the content of a Binary's next version."""
    draft, upload = _take(services, request, identity, "PUT")

    def work(transaction: Transaction) -> Answer:
        current = transaction.read("Binary", identity)
        write = Write("update", "Binary", identity, current, draft.resource)
        writing.allow_replacement(services, request, write, transaction)
        if current is None or current.deleted:
            writing.allow(request, "c", "Binary")
        transaction.keep_file(upload)
        planned = transaction.update(draft)
        place = writing.location("Binary", identity, planned.version)
        return Answer(201 if planned.created else 200, planned=planned, location=place, written=True)

    return writing.commit(services, request, work)


def _take(
    services: Services, request: Request, identity: str | None, method: Literal["POST", "PUT"]
) -> tuple[Draft, Upload]:
    content = request.content
    assert content is not None, "only bodies that are content come here"
    media = content.media.strip() or "application/octet-stream"
    if not _MEDIA.fullmatch(media):
        raise BadRequest(Text("Content-Type illisible.", "Unreadable Content-Type."), rule="content-type")
    resource: dict[str, Any] = {"resourceType": "Binary", "contentType": media}
    if content.about is not None:
        if not _ABOUT.fullmatch(content.about):
            raise BadRequest(
                Text("X-Security-Context attend Type/id.", "X-Security-Context expects Type/id."),
                rule="security-context",
            )
        resource["securityContext"] = {"reference": content.about}
    with content.open() as stream:
        upload = services.store.files.upload(iter(lambda: stream.read(_CHUNK), b""))
    if not upload.ref.size:
        services.store.files.discard(upload)
        raise BadRequest(Text("Le corps est vide.", "The body is empty."), rule="empty-body")
    draft, _ = writing.prepared(services, request, resource, identity, method)
    return replace(draft, files=(upload.ref,)), upload


def present(services: Services, request: Request, stored: Stored) -> Answer:
    """Answer a Binary as its content, or as the resource when a FHIR format was asked for."""
    if request.wants_resource:
        whole = complete(services, stored)
        cut = subset.choose(services.definitions, request.pairs())
        return Answer(200, stored, json=whole if cut is None else jsontext.write(cut(jsontext.read(whole))))
    resource = jsontext.read(stored.body)
    about = str((resource.get("securityContext") or {}).get("reference", ""))
    told = {"Accept-Ranges": "bytes", **({"X-Security-Context": about} if _fits(about) else {})}
    content = services.store.files.open(stored.files[0])
    assert content is not None, "content is kept in the commit of its version"
    media = str(resource.get("contentType", ""))
    media = media if _fits(media) else "application/octet-stream"
    if request.ranges is None or not _RANGE.fullmatch(request.ranges):
        # other units and several ranges are ignored, as RFC 9110 (14.2) allows
        head = {**told, "Content-Length": str(content.size)}
        return Answer(200, stored, raw=content.pieces(), media=media, headers=head)
    start, end = _bounds(request.ranges, content.size)
    head = {
        **told,
        "Content-Range": f"bytes {start}-{end - 1}/{content.size}",
        "Content-Length": str(end - start),
    }
    return Answer(206, stored, raw=content.pieces(start, end), media=media, headers=head)


def complete(services: Services, stored: Stored) -> bytes:
    """Return a Binary as FHIR JSON, its content in base64."""
    data = services.store.files.read(stored.files[0])
    return jsontext.write({**jsontext.read(stored.body), "data": base64.b64encode(data).decode("ascii")})


def whole(services: Services, stored: Stored) -> dict[str, Any]:
    """Return a resource as it was written: a Binary with its content, which is kept beside it."""
    body = complete(services, stored) if stored.type == "Binary" and stored.files else stored.body
    resource: dict[str, Any] = jsontext.read(body)
    return resource


def returned(services: Services, request: Request, answer: Answer) -> Answer:
    """Have a write of a Binary that came as FHIR answer all of it: clients take the answer for what is stored now."""
    stored = answer.stored
    if stored is None or not answer.written or stored.type != "Binary" or not stored.files:
        return answer
    asked = request.prefer.returning
    if asked == "representation" or (asked is None and (request.method == "PATCH" or not is_content(request))):
        answer.json = complete(services, stored)
    return answer


def _fits(value: str) -> bool:
    """Tell whether a value that a resource states may stand in a header: FHIR's strings may have line ends."""
    return bool(value) and value.isascii() and value.isprintable()


def _bounds(ranges: str, size: int) -> tuple[int, int]:
    """Return first and past-last byte of a single range; raises RangeNotSatisfiable."""
    match = _RANGE.fullmatch(ranges)
    assert match is not None, "checked by the caller"
    first, last = match[1], match[2]
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    elif last:
        start, end = max(size - int(last), 0), size
    else:
        start, end = size, size
    if start >= end:
        raise RangeNotSatisfiable(
            Text(f"L'intervalle dépasse les {size} octets.", f"The range exceeds the {size} bytes."),
            rule="range",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
