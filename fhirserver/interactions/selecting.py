"""Which resources do criteria select: search, for the server's own needs."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.interactions.services import Services
from fhirserver.store import Transaction


def identities(
    services: Services,
    kind: str,
    pairs: Sequence[tuple[str, str]],
    most: int,
    transaction: Transaction | None = None,
) -> list[str]:
    """Return the ids of at most `most` resources, as the transaction sees them."""
    raise NotImplementedError
