"""Many resources from files into the store: through the same checks, index values and commits as any write.

Files hold a resource, a Bundle, or one of them a line (NDJSON). Transactions and batches are performed; the resources
of other Bundles but documents and messages are stored one by one, references among them following. A resource without
an id gets one made from its place in the file, so that loading again changes nothing. What cannot be stored is
reported, the rest is loaded.

What a transaction or an entry of a batch does is claimed in its commit, by its place and text: loaded again, it is not
done again.

Loading is an operator's import, by whoever holds the database's address: profiles, references, index values, versions
and audit are as for any write; the rules of prescribing and of the DMP, which decide upon a caller's acts, and their
numbering take part in the transactions of a file only (docs/operations.md).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Caller, Role
from fhirserver.access.scopes import Scope
from fhirserver.errors import BadRequest, Failure, Unavailable
from fhirserver.interactions.bundles import bundle, linking
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.router import ID
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import references, writing
from fhirserver.issues import Issue, Text
from fhirserver.store import Draft, Store, Transaction
from fhirserver.store.commits import claims
from fhirserver.store.kept.files import Upload
from fhirserver.store.outbox import LeaseLost

BATCH: Final = 500
"""Resources of one commit."""
_NAMES: Final = uuid.UUID("8f1d7c1e-6b1c-4f0e-9d5c-2a1f4c3b7e90")
_WHOLE: Final = ("document", "message")
_LOADER: Final = Caller(
    "load",
    "fhirserver load",
    "urn:fhirserver:local",
    Role.OPERATOR,
    (Scope("system", "*", "cruds"),),
    purpose="SYSADMIN",
)


@dataclass(frozen=True, slots=True)
class Item:
    """One text to be loaded: a resource or a Bundle, and where it stands."""

    file: str
    position: int
    data: bytes

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file}:{self.position}"


@dataclass(slots=True)
class Outcome:
    """What became of a batch of items.

    Attributes:
        stored: how many resources are stored.
        faults: where others were refused, and why.
        away: the database did not answer: the batch is to be loaded again.
    """

    stored: int = 0
    faults: list[tuple[str, tuple[Issue, ...]]] = field(default_factory=list)
    away: bool = False


def items(file: Path) -> Iterator[Item]:
    """Yield what a file holds: its lines, or the whole of it."""
    if file.suffix in (".ndjson", ".jsonl"):
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield Item(str(file), number, line)
    else:
        yield Item(str(file), 1, file.read_bytes())


@dataclass(frozen=True, slots=True)
class _Once:
    """The course of what a transaction or an entry of a batch does: done by one load only, once.

    Attributes:
        last: False: a load waits for the database, it does not take its silence for a refusal.
    """

    store: Store
    claim: str

    @property
    def last(self) -> bool:
        return False

    def seal(self, transaction: Transaction, answer: Answer) -> None:
        """Claim it with its writes.

        Raises:
            LeaseLost: another load has done it.
        """
        if transaction.claimed(self.claim) is not None:
            raise LeaseLost
        entries = (answer.resource or {}).get("entry", ())
        transaction.claim(self.claim, {"stored": len(entries) or 1})

    def entry(self, position: int) -> _Once:
        return _Once(self.store, claims.name("load", self.claim, str(position)))

    def done(self) -> Answer | None:
        return None if self.stored() is None else Answer(200)

    def stored(self) -> int | None:
        """Return how many resources an earlier load stored; None: there was none."""
        found = self.store.transact(lambda transaction: transaction.claimed(self.claim))
        return None if found is None else int(found["stored"])


def load(services: Services, batch: Sequence[Item]) -> Outcome:
    """Store a batch of items; resources share commits of up to BATCH."""
    outcome = Outcome()
    pending: list[tuple[str, Draft, Upload | None]] = []
    try:
        for item in batch:
            try:
                for place, resource in _resources(services, item, outcome):
                    pending.append((place, *_draft(services, place, resource)))
            except Failure as failure:
                _note(outcome, item.place, failure)
        for start in range(0, len(pending), BATCH):
            _store(services, pending[start : start + BATCH], outcome)
    except Unavailable:
        outcome.away = True
    return outcome


def _note(outcome: Outcome, place: str, failure: Failure) -> None:
    """Note a refusal; raise the failure of a database that does not answer, which refuses nothing."""
    if isinstance(failure, Unavailable) and failure.issues[0].code != "too-costly":
        raise failure
    outcome.faults.append((place, failure.issues))


def _resources(services: Services, item: Item, outcome: Outcome) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of an item; perform it when it is a transaction or a batch."""
    resource = jsontext.read(item.data)
    if not isinstance(resource, dict):
        raise BadRequest(Text("Une ressource est attendue.", "A resource is expected."), rule="json-object")
    if resource.get("resourceType") != "Bundle" or resource.get("type") in _WHOLE:
        yield item.place, resource
        return
    if resource.get("type") in ("transaction", "batch"):
        outcome.stored += _perform(services, item, resource, outcome)
        return
    inside: list[tuple[str, dict[str, Any]]] = []
    places: dict[str, str] = {}
    for position, entry in enumerate(resource.get("entry", ())):
        inner = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            place = f"{item.place}#entry[{position}]"
            inner = {"resourceType": inner.get("resourceType"), "id": str(uuid.uuid5(_NAMES, place)), **inner}
            inside.append((place, inner))
            if str(entry.get("fullUrl")).startswith(linking.LOCAL):
                places[entry["fullUrl"]] = f"{inner['resourceType']}/{inner['id']}"
    for place, inner in inside:
        yield place, references.rewrite(inner, places.get)


def _perform(services: Services, item: Item, resource: dict[str, Any], outcome: Outcome) -> int:
    request = _request(resource)
    once = _Once(services.store, claims.name("load", item.place, hashlib.sha256(item.data).hexdigest()))
    before = once.stored()
    if before is not None:
        return before
    request.course = once
    try:
        answer = bundle.perform(services, request)
    except LeaseLost:
        return _perform(services, item, resource, outcome)
    stored = 0
    for position, entry in enumerate((answer.resource or {}).get("entry", ())):
        if entry["response"]["status"].startswith("2"):
            stored += 1
            continue
        told = entry["response"].get("outcome", {}).get("issue", [{}])[0].get("details", {}).get("text", "")
        issue = Issue("error", "processing", Text(told, told))
        outcome.faults.append((f"{item.place}#entry[{position}]", (issue,)))
    return stored


def _draft(services: Services, place: str, resource: dict[str, Any]) -> tuple[Draft, Upload | None]:
    kind = resource.get("resourceType")
    if kind not in services.types:
        shown = str(kind)[:64]
        raise BadRequest(Text(f"Type inconnu : {shown}.", f"Unknown type: {shown}."), rule="unknown-type")
    identity = resource.get("id")
    if identity is None:
        identity = str(uuid.uuid5(_NAMES, place))
        resource = {**resource, "id": identity}
    if not isinstance(identity, str) or not ID.fullmatch(identity):
        raise BadRequest(Text("id hors grammaire.", "id out of grammar."), expression=f"{kind}.id", rule="id")
    request = _request(resource)
    resource = linking.alone(services, request, resource)
    writing.check(services, request, resource)
    return writing.prepared(services, request, resource, identity, "PUT")


def _store(services: Services, pending: Sequence[tuple[str, Draft, Upload | None]], outcome: Outcome) -> None:
    """Store drafts in one commit; when that is refused, one by one, so that each fault is its own."""

    def work(transaction: Transaction) -> int:
        transaction.read_ahead((draft.type, str(draft.id)) for _, draft, _ in pending)
        for _, draft, upload in pending:
            current = transaction.read(draft.type, str(draft.id))
            if current is not None and not current.deleted and writing.same(draft, current):
                continue
            if upload is not None:
                transaction.keep_file(upload)
            transaction.update(draft)
        return len(pending)

    try:
        outcome.stored += services.store.transact(work)
    except Failure as failure:
        if len(pending) == 1:
            _note(outcome, pending[0][0], failure)
            return
        if isinstance(failure, Unavailable):
            raise
        for one in pending:
            _store(services, [one], outcome)


def _request(resource: dict[str, Any]) -> Request:
    base = "http://localhost/fhir"
    return Request("POST", (), "", _LOADER, base, lambda: resource, origin={"address": "local"})
