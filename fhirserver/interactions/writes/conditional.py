"""Conditional interactions: what a search selects is created once, updated, patched or deleted.

https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #cdelete. The criteria are looked up inside the transaction
that writes, under a lock of their name: of many at once, one creates, and the others find what it made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhirserver.errors import BadRequest, Conflict, MultipleMatches, NotFound
from fhirserver.interactions import create as creation
from fhirserver.interactions import delete as deletion
from fhirserver.interactions import patch as patching
from fhirserver.interactions import update as updating
from fhirserver.interactions.bundles import linking
from fhirserver.interactions.exchange import Answer, Request, query_pairs
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.selecting import CONTROL, criteria, identities
from fhirserver.interactions.writes import referrers, writing
from fhirserver.issues import Text
from fhirserver.store import Transaction


def with_criteria(request: Request) -> Request:
    """Return a create whose address holds criteria as one with If-None-Exist.

    Raises:
        BadRequest: it has that header too, and other criteria in it.
    """
    if not request.query or request.in_bundle:
        return request
    names = (name.partition(":")[0] for name, _ in query_pairs(request.query))
    if all(name in CONTROL for name in names):
        return request
    if request.conditions.none_exist not in (None, request.query):
        raise BadRequest(
            Text(
                "If-None-Exist et l'adresse portent des critères différents : n'en gardez qu'un.",
                "If-None-Exist and the address hold different criteria: keep one of them.",
            ),
            rule="criteria",
        )
    return replace(request, conditions=replace(request.conditions, none_exist=request.query))


def select(  # noqa: PLR0913, PLR0917 - what a selection consists of
    services: Services,
    request: Request,
    transaction: Transaction,
    kind: str,
    pairs: list[tuple[str, str]],
    most: int = 2,
) -> list[str]:
    """Return the ids that criteria select, as this commit will see them; of those that find none, one commits."""
    found = identities(services, kind, pairs, most, transaction, request)
    if not found:
        transaction.lock(f"{kind}?" + "&".join(f"{name}={value}" for name, value in sorted(pairs)))
    return found


def known(services: Services, request: Request, transaction: Transaction, kind: str, found: list[str]) -> list[str]:
    """Return those of the selected ids of which the caller may know."""
    inside = request.within(transaction)
    versions = [transaction.read(kind, identity) for identity in found]
    return [stored.id for stored in versions if stored is not None and services.guards.shows(services, inside, stored)]


def create(services: Services, request: Request, kind: str, resource: dict[str, Any]) -> Answer:
    """Create unless If-None-Exist selects a resource, which is answered then.

    Raises:
        MultipleMatches: it selects several.
    """
    pairs = criteria(request.conditions.none_exist or "")
    issues = writing.check(services, request, resource)
    draft, upload = writing.prepared(services, request, resource, None, "POST")

    def work(transaction: Transaction) -> Answer:
        found = select(services, request, transaction, kind, pairs)
        if len(found) > 1:
            raise several(kind, "If-None-Exist")
        if found:
            existing = transaction.read(kind, found[0])
            assert existing is not None, "the search saw it on the same view"
            if not services.guards.shows(services, request.within(transaction), existing):
                raise taken(kind)
            request.record("read", kind, existing.id, version=existing.version)
            place = writing.location(kind, existing.id, existing.version)
            return Answer(200, existing, location=place, written=True)
        return creation.plan(transaction, draft, upload, issues)

    return writing.commit(services, request, work)


def update(services: Services, request: Request, kind: str) -> Answer:
    """Update what the criteria select; create when they select nothing.

    With an id in the body and no match the id is taken for the new resource, unless it is in use (409).

    Raises:
        MultipleMatches: they select several.
        BadRequest: the body names another id than the one selected.
    """
    writing.allow(request, "u", kind)
    pairs = _asked(services, request)
    resource = writing.resource_of_type(request.parse(), kind)
    if request.unit is None and services.router.concerns(request, resource):
        return services.router.push(request, resource)
    resource = linking.alone(services, request, resource)

    def work(transaction: Transaction) -> Answer:
        found = select(services, request, transaction, kind, pairs)
        if len(found) > 1:
            raise several(kind, request.query)
        named = resource.get("id")
        inner = request.within(transaction)
        if found:
            if not known(services, request, transaction, kind, found):
                raise taken(kind)
            if named is not None:
                writing.resource_of_id(resource, kind, found[0])
            changed = {**resource, "id": found[0]}
            return updating.replace(services, inner, changed, found[0], writing.check(services, inner, changed))
        writing.allow(request, "c", kind)
        if named is None:
            writing.require_match(request.conditions, None, kind)
            issues = writing.check(services, inner, resource)
            return creation.store(services, inner, resource, issues)
        if transaction.exists(kind, named):
            raise Conflict(
                Text(
                    f"Les critères ne désignent rien, mais {kind}/{named} existe déjà.",
                    f"The criteria select nothing, but {kind}/{named} exists already.",
                ),
                expression=f"{kind}.id",
                rule="id-taken",
            )
        return updating.replace(services, inner, resource, named, writing.check(services, inner, resource))

    return writing.commit(services, request, work)


def patch(services: Services, request: Request, kind: str) -> Answer:
    """Patch the one resource that the criteria select.

    Raises:
        NotFound: they select nothing.
        MultipleMatches: they select several.
    """
    writing.allow(request, "u", kind)
    pairs = _asked(services, request)
    change = patching.read(services, request)

    def work(transaction: Transaction) -> Answer:
        found = known(services, request, transaction, kind, select(services, request, transaction, kind, pairs))
        if len(found) > 1:
            raise several(kind, request.query)
        if not found:
            raise NotFound(
                Text(f"Les critères ne désignent aucune ressource {kind}.", f"The criteria select no {kind}."),
                rule="no-match",
            )
        return patching.apply(services, request.within(transaction), kind, found[0], change)

    return writing.commit(services, request, work)


def delete(services: Services, request: Request, kind: str) -> Answer:
    """Delete what the criteria select: one resource, or where the setting allows it several, all of them or none.

    Raises:
        MultipleMatches: they select several, and the setting is `single`, or more than one commit may hold.
        Conflict: other resources refer to one of them (setting `delete_referenced`).
    """
    writing.allow(request, "d", kind)
    pairs = _asked(services, request)
    multiple = services.settings.conditional_delete == "multiple"
    most = services.settings.max_bundle_entries if multiple else 1

    def work(transaction: Transaction) -> Answer:
        selected = select(services, request, transaction, kind, pairs, most + 1)
        if multiple and len(selected) > most:
            raise _too_many(kind, most)
        found = known(services, request, transaction, kind, selected)
        if len(found) > most:
            raise several(kind, request.query)
        if not found:
            writing.require_match(request.conditions, None, kind)
            return Answer(204, issues=(deletion.NOTHING,), written=True)
        together = replace(request.within(transaction), in_bundle=True)
        answers = {identity: deletion.delete(services, together, kind, identity) for identity in found}
        deleted = [(kind, identity) for identity, answer in answers.items() if answer.planned is not None]
        referrers.refuse_if_any(services, together, transaction, deleted)
        last = answers[found[-1]]
        return last if len(found) == 1 else Answer(204, issues=last.issues, written=True)

    return writing.commit(services, request, work)


def _asked(services: Services, request: Request) -> list[tuple[str, str]]:
    """Return the criteria of the address, which guards may refuse there."""
    pairs = criteria(request.query)
    services.guards.search(services, request, pairs, form=False)
    return pairs


def several(kind: str, query: str) -> MultipleMatches:
    """Return the failure of criteria that are not precise enough."""
    return MultipleMatches(
        Text(
            f"Les critères désignent plusieurs ressources {kind} ; précisez-les ({query[:120]}).",
            f"The criteria select several {kind} resources; make them more precise ({query[:120]}).",
        ),
        rule="multiple-matches",
    )


def _too_many(kind: str, most: int) -> MultipleMatches:
    return MultipleMatches(
        Text(
            f"Les critères désignent plus de {most} ressources {kind}, le plus qu'une requête supprime "
            "(réglage FHIRSERVER_MAX_BUNDLE_ENTRIES) ; précisez-les.",
            f"The criteria select more than {most} {kind} resources, the most that one request deletes "
            "(setting FHIRSERVER_MAX_BUNDLE_ENTRIES); make them more precise.",
        ),
        rule="multiple-matches",
    )


def taken(kind: str) -> Conflict:
    """Return the failure of criteria that select what the caller may not know of: neither told nor made twice."""
    return Conflict(
        Text(
            f"Ces critères ne permettent pas de créer une ressource {kind} : ils sont déjà employés.",
            f"These criteria do not allow to create a {kind}: they are in use.",
        ),
        rule="criteria-taken",
    )
