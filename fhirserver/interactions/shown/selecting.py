"""Which resources do criteria select: search, for the server's own needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhirserver.access.decide import decide
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Request, query_pairs
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.search.mongo import together
from fhirserver.search.mongo.conditions import Narrowing
from fhirserver.search.mongo.together import Selection
from fhirserver.store import Transaction

CONTROL: Final = frozenset(
    "_format _pretty _count _sort _summary _elements _include _revinclude _total _contained _offset".split()  # noqa: SIM905 - one line
)
"""Parameters that say how a search is answered, not what it selects."""
_HIDDEN: Final = 50
"""How many hidden resources may stand before those that a caller may see."""
_BEYOND: Final = frozenset({"_has", "_filter", "_list"})


def criteria(query: str) -> list[tuple[str, str]]:
    """Return the search criteria of a conditional interaction.

    Raises:
        BadRequest: there are none: they would select everything.
    """
    pairs = [(name, value) for name, value in query_pairs(query) if name.partition(":")[0] not in CONTROL]
    if not any(value for _, value in pairs):
        raise BadRequest(
            Text(
                "Une interaction conditionnelle demande des critères de recherche (par exemple ?identifier=…).",
                "A conditional interaction needs search criteria (?identifier=… for instance).",
            ),
            rule="criteria",
        )
    return pairs


def beside_an_id(query: str) -> Text | None:
    """Return what is wrong with a write to one id whose address has criteria too: it would be done without them."""
    stray = next((name for name, _ in query_pairs(query) if name.partition(":")[0] not in CONTROL), None)
    if stray is None:
        return None
    return Text(
        f"« {stray[:40]} » à côté d'un id n'aurait aucun effet : écrivez à l'id seul (If-Match pour une condition), ou "
        "au type avec des critères.",
        f'"{stray[:40]}" beside an id would have no effect: write to the id alone (If-Match for a condition), or to '
        "the type with criteria.",
    )


def identities(  # noqa: PLR0913, PLR0917 - what a selection consists of
    services: Services,
    kind: str,
    pairs: Sequence[tuple[str, str]],
    most: int,
    transaction: Transaction | None,
    request: Request | None = None,
) -> list[str]:
    """Return the ids of at most `most` resources that criteria select, as a transaction sees them.

    For a request, what its caller may not see is not selected, nor does it decide in a chain: nobody learns by a
    condition what he may not read.

    Raises:
        BadRequest: a criterion cannot be understood.
        Forbidden: the caller may not read the type.
    """
    if request is None or request.caller.everything:
        return _selected(services, kind, pairs, most, transaction, request)[:most]
    grant = decide(request.caller, "r", kind)
    store = services.store if transaction is None else transaction
    inside = request if transaction is None else request.within(transaction)
    narrowing = _narrowing(services, inside, kind, pairs)
    # by `sees`, not by `limit`: what limits a search may depend on whom that search names
    chosen = []
    for identity in _selected(services, kind, pairs, most + _HIDDEN, transaction, request, narrowing):
        stored = store.read(kind, identity)
        if stored is not None and visibility.sees(services, inside, grant, stored):
            chosen.append(identity)
    return chosen[:most]


def ahead(
    services: Services,
    request: Request,
    transaction: Transaction,
    selections: Sequence[Selection],
    places: Sequence[tuple[str, str]] = (),
) -> None:
    """Have a transaction know what criteria select, and resources by type and id, by as few queries as can be."""
    offered = [selection for selection in selections if selection[0] in services.types]
    kinds = {kind for kind, _ in offered}
    # what is found of a type that is selected as well would not tell by which of the two
    transaction.read_ahead(place for place in places if place[0] in kinds)
    keys = transaction.unread(place for place in places if place[0] not in kinds)
    found = together.select(services.searcher, offered, transaction.session, f"{request.base}/", keys)
    for selection, documents in found.selected.items():
        transaction.remember(documents)
        transaction.selected[selection] = [document["i"] for document in documents]
    if found.complete:
        transaction.remember(found.beside, keys)


def _selected(  # noqa: PLR0913, PLR0917 - see identities
    services: Services,
    kind: str,
    pairs: Sequence[tuple[str, str]],
    most: int,
    transaction: Transaction | None,
    request: Request | None,
    narrowing: Narrowing | None = None,
) -> list[str]:
    base = f"{request.base}/" if request else ""
    if transaction is None or narrowing is not None:
        session = None if transaction is None else transaction.session
        return services.searcher.ids(kind, pairs, most, session, narrowing, base=base)
    selection = (kind, tuple(pairs))
    found = transaction.selected.get(selection)
    if found is None:
        found = services.searcher.ids(kind, pairs, most, transaction.session, base=base)
        if len(found) < most:
            transaction.selected[selection] = found
    return found


def _narrowing(services: Services, request: Request, kind: str, pairs: Sequence[tuple[str, str]]) -> Narrowing | None:
    """Return what limits criteria that look at other resources than those that they select; None: they do not."""
    if not any("." in name or name.partition(":")[0] in _BEYOND for name, _ in pairs):
        return None
    services.guards.search(services, request, pairs, form=False)
    return visibility.narrowing(services, request, decide(request.caller, "s", kind))
