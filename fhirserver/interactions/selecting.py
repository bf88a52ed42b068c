"""Which resources do criteria select: search, for the server's own needs."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.search.mongo_conditions import Narrowing
from fhirserver.store import Transaction


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
    narrowing: Narrowing | None = None
    if request is not None and not request.caller.everything:
        asker = request
        narrowing = lambda each: services.guards.limit(services, asker, each)  # noqa: E731 - one use, on the spot
    found: list[str] = services.searcher.ids(kind, pairs, most, transaction.session, narrowing)
    return found
