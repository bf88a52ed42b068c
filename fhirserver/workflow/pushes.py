"""A push that was sent before: recognised by the editor's own key, and answered as the first time.

The key is the editor's group identifier (of a prescription) or the dispenser's identifier (of a delivery), with the
client. What is compared is the content (`digests`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from fhirserver.errors import Conflict
from fhirserver.interactions.bundles import entries as bundle_entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import writing
from fhirserver.issues import Text
from fhirserver.store import Transaction
from fhirserver.store.commits import claims
from fhirserver.workflow.digests import Digests, digests
from fhirserver.workflow.marks import mark_of

DIGEST: Final = "prescription-digest"
_READS: Final = ("GET", "HEAD")
_OF_AN_ID: Final = 2


def written(found: Sequence[Entry]) -> Iterator[tuple[Entry, dict[str, Any]]]:
    """Yield the entries that write a resource of their address's type, and that nobody has settled, with it."""
    for entry in found:
        resource = entry.resource
        if entry.method not in ("POST", "PUT") or resource is None or entry.settled is not None:
            continue
        if entry.kind == resource.get("resourceType"):
            yield entry, resource


def changes_issued(transaction: Transaction, entry: Entry) -> bool:
    """Tell whether an entry updates what is issued already: the guard of writes refuses it."""
    identity = entry.identity or (entry.path[1] if len(entry.path) == _OF_AN_ID else None)
    return (
        entry.method == "PUT" and identity is not None and mark_of(transaction.read(entry.kind, identity)) is not None
    )


def told(request: Request, found: Sequence[Entry]) -> Digests:
    """Return the digests of a push as it was sent: taken before references are resolved, and remembered."""
    if DIGEST not in request.memory:
        request.memory[DIGEST] = digests(found)
    return cast("Digests", request.memory[DIGEST])


def claim_of(kind: str, request: Request, *parts: str) -> str:
    """Return the name under which a push of this client is claimed."""
    return claims.name(kind, request.caller.client, *parts)


def before(
    transaction: Transaction, names: Sequence[str], told: Digests, what: Text, found: Sequence[Entry]
) -> dict[str, Any] | None:
    """Return what the first push under one of these names left; None: it is new, or would change what is issued.

    Raises:
        Conflict: another content was pushed under the same key.
    """
    for name in names:
        claimed = transaction.claimed(name)
        if claimed is None:
            continue
        if claimed["digest"] != told.whole:
            if any(changes_issued(transaction, entry) for entry in found):
                return None
            raise other_content(what)
        return claimed
    return None


def other_content(what: Text) -> Conflict:
    """409: another content was pushed under the same key."""
    return Conflict(
        Text(
            f"{what.fr} a déjà été envoyé avec un autre contenu : donnez un nouvel identifiant à un nouvel envoi.",
            f"{what.en} was already sent with other content: give a new identifier to a new push.",
        ),
        rule="prescription-key",
        code="duplicate",
    )


def kept(told: Digests, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return what a claim keeps of a push: what tells it from another, and what it was answered."""
    return {"digest": told.whole, "entries": list(told.entries), "answers": remembered(answers)}


def in_order(claimed: Mapping[str, Any], told: Digests) -> list[list[Any]]:
    """Return what the entries of the first push were answered, in the order of the same push now."""
    left: dict[str, list[list[Any]]] = {}
    for own, answer in zip(claimed["entries"], claimed["answers"], strict=True):
        left.setdefault(own, []).append(answer)
    return [left[own].pop(0) for own in told.entries]


def remembered(answers: Sequence[Answer]) -> list[list[Any]]:
    """Return answers as a claim keeps them: status, type, id, version; reads are made again."""
    kept = []
    for answer in answers:
        subject = answer.planned or answer.stored
        kept.append(
            [answer.status, subject.type, subject.id, subject.version]
            if subject is not None and answer.written
            else [answer.status, None, None, None]
        )
    return kept


def answered(
    services: Services, request: Request, transaction: Transaction, found: Sequence[Entry], kept: Sequence[list[Any]]
) -> list[Answer]:
    """Return the answers of the first push."""
    return [
        services.router.perform(bundle_entries.as_request(request, entry, transaction))
        if entry.method in _READS
        else first_answer(services, answer)
        for entry, answer in zip(found, kept, strict=True)
    ]


def first_answer(services: Services, kept: Sequence[Any]) -> Answer:
    """Return the answer of an entry of the first push."""
    status, kind, identity, version = kept
    stored = services.store.vread(kind, identity, version) if kind else None
    place = writing.location(kind, identity, version) if kind else None
    return Answer(status, stored, location=place, written=True)
