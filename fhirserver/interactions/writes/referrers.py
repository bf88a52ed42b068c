"""Who refers to a resource: what is referred to is not deleted, unless the setting allows it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from fhirserver.access.decide import decide
from fhirserver.errors import Conflict, Forbidden
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.search.indexing.indexes import COMPARTMENT_UPDATED, KEYS
from fhirserver.search.types.reference import index_key
from fhirserver.store import Stored, Transaction

_NAMED: Final = 10


def refuse_if_any(
    services: Services,
    request: Request,
    transaction: Transaction,
    deleted: Sequence[tuple[str, str]],
    spared: Collection[tuple[str, str]] = (),
) -> None:
    """Refuse to delete what current resources refer to, naming some of those that the caller may know of.

    Args:
        services: of this server.
        request: that deletes.
        transaction: that deletes.
        deleted: types and ids to be deleted: they may refer to one another.
        spared: resources that the same commit writes anew; what they say then is looked at there.

    Raises:
        Conflict: others refer to one of them, and the setting `delete_referenced` refuses.
    """
    if services.settings.delete_referenced == "allow":
        return
    ours = {f"{kind}/{identity}" for kind, identity in (*deleted, *spared)}
    for kind, identity in deleted:
        others = [name for name in _names(services, transaction, f"{kind}/{identity}", len(ours)) if name not in ours]
        if others:
            raise _referenced(f"{kind}/{identity}", _known(services, request, others))


def _known(services: Services, request: Request, names: Sequence[str]) -> list[str]:
    """Return those of the resources that the caller may see."""
    places = [(kind, identity) for kind, _, identity in (name.partition("/") for name in names)]
    read = services.store.read_many(places)
    return [f"{kind}/{identity}" for (kind, identity), stored in read.items() if _sees(services, request, kind, stored)]


def _sees(services: Services, request: Request, kind: str, stored: Stored) -> bool:
    try:
        return visibility.sees(services, request, decide(request.caller, "r", kind), stored)
    except Forbidden:
        return False


def _referenced(place: str, names: Sequence[str]) -> Conflict:
    shown = ", ".join(names[:_NAMED])
    text = Text(
        f"{place} est désignée par {shown} : supprimez ou modifiez d'abord ces ressources.",
        f"{shown} refer to {place}: delete or change these resources first.",
    )
    if not shown:
        text = Text(f"{place} est désignée par d'autres ressources.", f"Other resources refer to {place}.")
    return Conflict(text, rule="referenced")


def _names(services: Services, transaction: Transaction, place: str, more: int) -> list[str]:
    """Return who refers to a resource: through a compartment, or by the key that all other references have."""
    types = {"$in": sorted(services.types)}
    found = []
    for condition, hint in (({"s.a": place}, COMPARTMENT_UPDATED), ({"s.k": index_key(place)}, KEYS)):
        found += transaction.find(
            {"t": types, **condition, "live": True}, limit=_NAMED + more, projection={"t": 1, "i": 1}, hint=hint
        )
    return list(dict.fromkeys(f"{document['t']}/{document['i']}" for document in found))
