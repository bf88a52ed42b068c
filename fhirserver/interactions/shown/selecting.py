"""Which resources do criteria select: search, for the server's own needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.store import Transaction

_HIDDEN: Final = 50
"""How many hidden resources may stand before those that a caller may see."""


def identities(  # noqa: PLR0913, PLR0917 - what a selection consists of
    services: Services,
    kind: str,
    pairs: Sequence[tuple[str, str]],
    most: int,
    transaction: Transaction,
    request: Request | None = None,
) -> list[str]:
    """Return the ids of at most `most` resources that criteria select, as a transaction sees them.

    For a request, what guards hide from its caller is not selected: nobody learns by a condition what he may not read.

    Raises:
        BadRequest: a criterion cannot be understood.
    """
    if request is None or request.caller.everything:
        found: list[str] = services.searcher.ids(kind, pairs, most, transaction.session)
        return found
    # by `shows`, not by `limit`: what limits a search may depend on whom that search names
    chosen = []
    for identity in services.searcher.ids(kind, pairs, most + _HIDDEN, transaction.session):
        stored = transaction.read(kind, identity)
        if stored is not None and services.guards.shows(services, request.within(transaction), stored):
            chosen.append(identity)
    return chosen[:most]
