"""Which resources do criteria select: search, for the server's own needs."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.interactions.services import Services
from fhirserver.store import Transaction


def identities(
    services: Services, kind: str, pairs: Sequence[tuple[str, str]], most: int, transaction: Transaction
) -> list[str]:
    """Return the ids of at most `most` resources that criteria select, as a transaction sees them.

    Raises:
        BadRequest: a criterion cannot be understood.
    """
    found: list[str] = services.searcher.ids(kind, pairs, most, transaction.session)
    return found
