"""What all writes share: the body's identity, its checks, its draft, its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.access.scopes import Letter
from fhirserver.errors import BadRequest, Failure, Forbidden, MethodNotAllowed, NotFound, PreconditionFailed
from fhirserver.interactions.exchange import Answer, Conditions, Request
from fhirserver.interactions.guards import Interaction, Write
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import visibility
from fhirserver.interactions.writes import content, dangling
from fhirserver.interactions.writes.placing import place
from fhirserver.issues import Issue, Text
from fhirserver.store import Draft, Stored, Transaction
from fhirserver.store.kept.files import Upload
from fhirserver.store.kept.ids import id_beside, new_id


def allow(request: Request, letter: Letter, kind: str) -> None:
    """Allow a write on a type; what a patient writes is held to his own record by a guard (`records/changing.py`).

    Raises:
        Forbidden: not granted.
    """
    decide(request.caller, letter, kind)


def allow_change(services: Services, request: Request, letter: Letter, kind: str, identity: str) -> None:
    """Allow an update, patch or delete of one resource; what nobody may change says so to everyone who sees it.

    Raises:
        MethodNotAllowed: nobody changes it that way; the text names the way.
        Forbidden: not granted.
    """
    try:
        decide(request.caller, letter, kind)
    except Forbidden:
        refusal = fixed(services, request, kind, identity)
        if refusal is not None:
            raise refusal from None
        raise


def fixed(services: Services, request: Request, kind: str, identity: str) -> MethodNotAllowed | None:
    """Return why nobody may change a resource, as far as the caller may see it."""
    reader = services.store if request.unit is None else request.unit
    try:
        grant = decide(request.caller, "r", kind)
        current = visibility.require(services, request, grant, reader.read(kind, identity), kind, identity)
        asked: Interaction = "delete" if request.method == "DELETE" else "update"
        services.guards.write(services, request, Write(asked, kind, identity, current, None))
    except MethodNotAllowed as failure:
        # the refusal of another method is no answer to one that is offered: there, the token does not allow it
        return None if request.method in failure.headers.get("Allow", "") else failure
    except Failure:
        return None
    return None


def resource_of_type(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the body once it names the route's type; raises BadRequest."""
    named = resource.get("resourceType")
    if named != kind:
        shown = named if isinstance(named, str) else "?"
        raise BadRequest(
            Text(
                f"Le corps est une ressource « {shown[:64]} », l'adresse attend {kind}.",
                f'The body is a "{shown[:64]}" resource, the address expects {kind}.',
            ),
            expression=kind,
            rule="resource-type",
        )
    return resource


def resource_of_id(resource: dict[str, Any], kind: str, identity: str) -> None:
    """Require that the body names the address's id (https://hl7.org/fhir/R4/http.html#update); raises BadRequest."""
    named = resource.get("id")
    if named != identity:
        fr, en = ("absent", "none") if named is None else (str(named)[:64], str(named)[:64])
        raise BadRequest(
            Text(
                f"L'id du corps ({fr}) doit être celui de l'adresse ({identity}).",
                f"The id in the body ({en}) must be the address's ({identity}).",
            ),
            expression=f"{kind}.id",
            rule="id-mismatch",
        )


def check(services: Services, request: Request, resource: dict[str, Any]) -> tuple[Issue, ...]:
    """Validate by the policy in force; return warnings and notes.

    Raises:
        InvalidResource: it must not be stored.
    """
    if request.checked is not None:
        return request.checked
    issues = (*request.notes, *services.checker.check(resource))
    return issues + dangling.check(services, request, resource)


def prepared(
    services: Services,
    request: Request,
    resource: dict[str, Any],
    identity: str | None,
    method: Literal["POST", "PUT", "PATCH"],
) -> tuple[Draft, Upload | None]:
    """Return what the store takes: the resource with its index values, origin and place; and a Binary's content."""
    if method == "POST":
        services.guards.write(services, request, Write("create", resource["resourceType"], identity, None, resource))
    ready = request.memory.get(content.READY, {}).get(identity)
    resource, upload = content.split(services.store, resource, ready)
    if identity is None:
        partition, beside = place(resource)
        if request.unit is not None:
            identity = request.unit.reserve(resource["resourceType"], partition, beside)
        else:
            identity = id_beside(beside) if beside and not partition else new_id(partition)
    draft = Draft(
        resource=resource,
        id=identity,
        index=services.indexer.extract({**resource, "id": identity}, f"{request.base}/"),
        origin=request.provenance(),
        method=method,
        files=(upload.ref,) if upload else (),
    )
    return draft, upload


def commit(services: Services, request: Request, work: Callable[[Transaction], Answer]) -> Answer:
    """Do transactional work: in the transaction that the request is part of, or in one of its own."""
    if request.unit is not None:
        return work(request.unit)
    course = request.course

    def sealed(transaction: Transaction) -> Answer:
        answer = work(transaction)
        if course is not None:
            course.seal(transaction, answer.settle())
        return answer

    return services.store.transact(sealed).settle()


def allow_replacement(services: Services, request: Request, write: Write, transaction: Transaction) -> None:
    """Hold an update to what its caller may see, to the guards, and to its conditions.

    These come last, since they tell of a version: who may not know of it is answered as if there was none.

    Raises:
        Failure: as `visibility.require`, a guard, or `require_match` says.
    """
    name = f"{write.kind}/{write.identity}"
    try:
        if write.current is not None:
            grant = decide(request.caller, "u", write.kind)
            inside = request.within(transaction)
            visibility.require(services, inside, grant, write.current, write.kind, str(write.identity))
        services.guards.write(services, request, write)
    except NotFound:
        if write.interaction == "update":
            require_match(request.conditions, None, name)
        raise
    require_match(request.conditions, write.current, name)


def require_match(conditions: Conditions, current: Stored | None, name: str) -> None:
    """Hold a write to its If-Match, or else If-Unmodified-Since, and If-None-Match (RFC 9110, 13.2.2).

    Raises:
        PreconditionFailed: another version is current; the answer's ETag tells which.
    """
    there = current is not None and not current.deleted
    if conditions.match and not (
        there and current is not None and ("*" in conditions.match or str(current.version) in conditions.match)
    ):
        now = f"la version {current.version}" if there and current else "absente"
        now_en = f"version {current.version}" if there and current else "absent"
        raise PreconditionFailed(
            Text(
                f"If-Match ne vaut plus : {name} est à présent {now}. Relisez-la avant de la modifier.",
                f"If-Match does not hold: {name} is now {now_en}. Read it again before changing it.",
            ),
            rule="if-match",
            headers={"ETag": current.etag} if current else {},
        )
    since = conditions.unmodified_since
    # Last-Modified travels in whole seconds
    if since and not conditions.match and current is not None and current.updated >= since + timedelta(seconds=1):
        raise PreconditionFailed(
            Text(
                f"If-Unmodified-Since ne vaut plus : {name} a changé depuis. Relisez-la avant de la modifier.",
                f"If-Unmodified-Since does not hold: {name} has changed since. Read it again before changing it.",
            ),
            rule="if-unmodified-since",
            headers={"ETag": current.etag},
        )
    if (
        conditions.none_match
        and there
        and current is not None
        and ("*" in conditions.none_match or str(current.version) in conditions.none_match)
    ):
        raise PreconditionFailed(
            Text(f"If-None-Match ne vaut pas : {name} existe.", f"If-None-Match does not hold: {name} exists."),
            rule="if-none-match",
            headers={"ETag": current.etag},
        )


def location(stored_type: str, identity: str, version: int) -> str:
    """Return where a version is, below the base."""
    return f"{stored_type}/{identity}/_history/{version}"


def same(draft: Draft, current: Stored) -> bool:
    """Tell whether a write would change nothing but version and time."""
    files = tuple(file.hash for file in draft.files)
    return files == current.files and _comparable(draft.resource) == _comparable(jsontext.read(current.body))


def _comparable(resource: Mapping[str, Any]) -> bytes:
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name not in ("meta", "id")}
    return jsontext.canonical({**rest, "meta": meta} if meta else rest)
