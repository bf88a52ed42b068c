"""Who is who in a transaction: each entry's id, and every reference to it.

https://hl7.org/fhir/R4/http.html#trules and https://hl7.org/fhir/R4/bundle.html#references. Conditional entries and
references are decided first, on the view of the commit; new resources get their ids, patients before what is about
them, so that a record stays together; then what equals a fullUrl is rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fhirserver.errors import BadRequest, Failure, NotFound
from fhirserver.interactions import delete as deletion
from fhirserver.interactions.bundles import entries, linking
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import selecting
from fhirserver.interactions.shown.selecting import identities
from fhirserver.interactions.writes import conditional, placing, references, writing
from fhirserver.issues import Text
from fhirserver.search.mongo.together import Selection
from fhirserver.store import Transaction


def identify(services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
    """Give each entry its id, and rewrite the references among them.

    Raises:
        Failure: told with the entry's place in the Bundle.
    """
    selecting.ahead(services, request, transaction, _conditions(services, found))
    for entry in found:
        try:
            _decide(services, request, transaction, entry)
        except Failure as failure:
            failure.issues = tuple(entries.place(failure.issues, entry.position))
            raise
    _refuse_overlap(found)
    places = _reserve(transaction, found)
    left: list[tuple[Entry, list[str]]] = []
    for entry in found:
        # what a document refers to is within itself, and its bytes may be signed
        document = entry.kind == "Bundle" and (entry.resource or {}).get("type") == "document"
        if entry.resource is None or entry.method not in ("POST", "PUT", "PATCH") or document:
            continue
        entry.resource = _rewritten(entry.resource, entry.full_url, places)
        if entry.method != "PATCH" and (texts := linking.unplaced(entry.resource)):
            left.append((entry, texts))
    selecting.ahead(services, request, transaction, linking.selections(text for _, texts in left for text in texts))
    for entry, _ in left:
        try:
            entry.resource = _linked(services, request, transaction, found, entry)
        except Failure as failure:
            failure.issues = tuple(entries.place(failure.issues, entry.position))
            raise


def _conditions(services: Services, found: Sequence[Entry]) -> list[Selection]:
    """Return what conditional entries select, as far as that can be told before anything is decided."""
    conditions = []
    for entry in found:
        query = entry.query if entry.method in ("PUT", "PATCH", "DELETE") else None
        if entry.method == "POST":
            query = entry.asked.none_exist if entry.asked else entry.request.get("ifNoneExist")
        if len(entry.path) == 1 and entry.kind in services.types and query and isinstance(query, str):
            with suppress(BadRequest):  # told where it is decided
                conditions.append((entry.kind, tuple(selecting.criteria(query.lstrip("?")))))
    return conditions


def _decide(services: Services, request: Request, transaction: Transaction, entry: Entry) -> None:
    """Find out which resource an entry is about."""
    kind = entry.kind
    if len(entry.path) == 2 and entry.method in ("PUT", "PATCH", "DELETE"):  # noqa: PLR2004 - Type/id
        entry.identity = entry.path[1]
    elif len(entry.path) == 1 and kind in services.types:
        if entry.method == "POST":
            _decide_create(services, request, transaction, entry)
        elif entry.method in ("PUT", "PATCH", "DELETE"):
            _decide_conditional(services, request, transaction, entry)


def _decide_create(services: Services, request: Request, transaction: Transaction, entry: Entry) -> None:
    criteria = entries.conditions_of(entry).none_exist
    if criteria is None:
        return
    writing.allow(request, "c", entry.kind)
    found = conditional.select(services, request, transaction, entry.kind, selecting.criteria(criteria))
    if len(found) > 1:
        raise conditional.several(entry.kind, criteria)
    entry.request = {name: value for name, value in entry.request.items() if name != "ifNoneExist"}
    if entry.asked is not None:
        entry.asked = replace(entry.asked, none_exist=None)
    if found:
        existing = transaction.read(entry.kind, found[0])
        assert existing is not None, "the search saw it on the same view"
        if not services.guards.shows(services, request.within(transaction), existing):
            raise conditional.taken(entry.kind)
        entry.identity = existing.id
        place = writing.location(existing.type, existing.id, existing.version)
        entry.settled = Answer(200, existing, location=place, written=True)


def _decide_conditional(services: Services, request: Request, transaction: Transaction, entry: Entry) -> None:
    found = conditional.select(services, request, transaction, entry.kind, selecting.criteria(entry.query))
    seen = conditional.known(services, request, transaction, entry.kind, found)
    if entry.method == "PUT" and found and not seen:
        raise conditional.taken(entry.kind)
    found = seen
    if len(found) > 1:
        raise conditional.several(entry.kind, entry.query)
    named = (entry.resource or {}).get("id")
    if found:
        entry.identity = found[0]
        if entry.method == "PUT" and entry.resource is not None:
            if named is not None:
                writing.resource_of_id(entry.resource, entry.kind, found[0])
            entry.resource = {**entry.resource, "id": found[0]}
    elif entry.method == "DELETE":
        entry.settled = Answer(204, issues=(deletion.NOTHING,), written=True)
        return
    elif entry.method == "PATCH":
        raise NotFound(
            Text(f"Les critères ne désignent aucune ressource {entry.kind}.", f"The criteria select no {entry.kind}."),
            rule="no-match",
        )
    elif isinstance(named, str):
        entry.identity = named
    else:
        entry.identity = transaction.reserve(entry.kind, *placing.place(entry.resource or {}))
        entry.resource = {**(entry.resource or {}), "id": entry.identity}
    entry.path, entry.query = (entry.kind, entry.identity), ""


def _refuse_overlap(found: Sequence[Entry]) -> None:
    """Refuse two entries that write one resource (https://hl7.org/fhir/R4/http.html#trules)."""
    seen: dict[tuple[str, str], int] = {}
    urls: dict[str, int] = {}
    for entry in found:
        if entry.method in ("PUT", "PATCH", "DELETE") and entry.identity is not None:
            name = (entry.kind, entry.identity)
            if name in seen:
                raise _twice(entry.position, seen[name], "/".join(name))
            seen[name] = entry.position
        if entry.full_url and entry.method in ("POST", "PUT"):
            if entry.full_url in urls:
                raise _twice(entry.position, urls[entry.full_url], entry.full_url)
            urls[entry.full_url] = entry.position


def _reserve(transaction: Transaction, found: Sequence[Entry]) -> dict[str, str]:
    """Give new resources their ids; return where each fullUrl leads."""
    places: dict[str, str] = {}
    for patients in (True, False):
        for entry in found:
            if (entry.kind == "Patient") is not patients or entry.method not in ("POST", "PUT") or not entry.kind:
                continue
            if entry.method == "POST" and entry.identity is None and entry.resource is not None:
                if len(entry.path) > 1:
                    continue
                entry.identity = transaction.reserve(entry.kind, *placing.place(entry.resource, places))
            if entry.full_url and entry.identity:
                places[entry.full_url] = f"{entry.kind}/{entry.identity}"
    return places


def _rewritten(resource: dict[str, Any], full_url: str | None, places: dict[str, str]) -> dict[str, Any]:
    """Return a resource with the references among entries rewritten; a definition keeps the url that is its name."""
    rewritten: dict[str, Any] = references.rewrite(resource, places.get)
    if full_url is not None and resource.get("url") == full_url:
        return {**rewritten, "url": full_url}
    return rewritten


def _linked(
    services: Services, request: Request, transaction: Transaction, found: Sequence[Entry], entry: Entry
) -> dict[str, Any]:
    """Return an entry's resource with its conditional references replaced; a `urn:` that is left is refused."""
    resource = entry.resource or {}
    for path, text in references.literals(resource, entry.kind):
        if text.startswith(linking.LOCAL):
            raise BadRequest(
                Text(
                    f"Aucune entrée de la transaction n'a pour fullUrl « {text[:80]} ».",
                    f'No entry of the transaction has the fullUrl "{text[:80]}".',
                ),
                expression=path,
                rule="unresolved-reference",
                code="not-found",
            )

    def select(kind: str, pairs: list[tuple[str, str]]) -> set[str]:
        chosen = set(identities(services, kind, pairs, 2, transaction, request)) if kind in services.types else set()
        return chosen | {
            each.identity
            for each in found
            if each.kind == kind and each.identity and each.method in ("POST", "PUT") and _has(each.resource, pairs)
        }

    resource = linking.replace(resource, entry.kind, select)
    _refuse_lost_attachments(resource, entry.kind)
    return resource


def _has(resource: dict[str, Any] | None, pairs: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a resource of the Bundle carries an identifier: the one criterion that is looked for there."""
    if len(pairs) != 1 or pairs[0][0] != "identifier" or "|" not in pairs[0][1]:
        return False
    system, _, value = pairs[0][1].partition("|")
    identifiers = (resource or {}).get("identifier")
    return any(
        isinstance(item, dict) and item.get("system") == system and item.get("value") == value
        for item in (identifiers if isinstance(identifiers, list) else [identifiers])
    )


def _refuse_lost_attachments(value: Any, path: str) -> None:
    """Refuse an attachment whose url names an entry that is not there."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "attachment" and isinstance(item, dict) and str(item.get("url", "")).startswith("urn:uuid:"):
                raise BadRequest(
                    Text(
                        f"Aucune entrée de la transaction n'a pour fullUrl « {item['url'][:80]} ».",
                        f'No entry of the transaction has the fullUrl "{item["url"][:80]}".',
                    ),
                    expression=f"{path}.attachment.url",
                    rule="unresolved-reference",
                    code="not-found",
                )
            _refuse_lost_attachments(item, f"{path}.{name}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            _refuse_lost_attachments(item, f"{path}[{position}]")


def _twice(position: int, before: int, what: str) -> BadRequest:
    return BadRequest(
        Text(
            f"{what} figure déjà dans l'entrée {before} : une transaction ne touche une ressource qu'une fois.",
            f"{what} is in entry {before} already: a transaction touches a resource once.",
        ),
        expression=f"Bundle.entry[{position}]",
        rule="overlap",
        code="duplicate",
    )
