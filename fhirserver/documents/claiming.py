"""The uniqueIds of documents: claimed for ever by the push that brings them, and what that means for another push.

A push is taken for new, and its commit claims its uniqueIds; whether they were claimed before is looked for only when
that commit fails, or when the push is refused: by then it may be one that came before, which gets its first answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from fhirserver.errors import Failure
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.store import Transaction
from fhirserver.store.commits import claims
from fhirserver.workflow import pushes

T = TypeVar("T")

_CLAIM: Final = "document"
_USED: Final = "documents-claimed"
"""Under this name of `Request.memory`: which uniqueIds of a push were claimed before, once that was looked for."""


def before(  # noqa: PLR0913, PLR0917 - a push, and what it is recognised by
    services: Services,
    request: Request,
    transaction: Transaction,
    found: Sequence[Entry],
    names: Sequence[str],
    digest: str,
    order: Sequence[int],
) -> list[Answer] | None:
    """Return the answers of the same push made before: by this client, with this very content; None if there is none.

    Args:
        services: the parts of this process.
        request: the push.
        transaction: that it is to be committed by.
        found: its entries as they were sent.
        names: uniqueIds of its documents.
        digest: what tells its content from another's.
        order: the positions of its entries, as `claim` was given them.
    """
    claimed = _claimed(request, transaction, names)
    same = all(each["digest"] == digest and each["client"] == request.caller.client for each in claimed)
    if not names or len(claimed) < len(names) or not same:
        return None
    kept = next(each["answers"] for each in claimed if "answers" in each)
    if len(kept) != len(found):
        return None
    by_position = dict(zip(order, kept, strict=True))
    return pushes.answered(services, request, transaction, found, [by_position[entry.position] for entry in found])


def decided(
    request: Request, transaction: Transaction, names: Sequence[str], decide: Callable[[frozenset[str]], T]
) -> T:
    """Decide on a push, told which of its uniqueIds were claimed before; a refusal names those too.

    Args:
        request: the push.
        transaction: that it is to be committed by.
        names: uniqueIds of its documents.
        decide: raises a Failure that names all faults.
    """
    if _USED not in request.memory:
        try:
            return decide(frozenset())
        except Failure:
            _claimed(request, transaction, names)
    return decide(request.memory[_USED])


def claim(  # noqa: PLR0913, PLR0917 - a push, and what it is answered
    request: Request,
    transaction: Transaction,
    names: Sequence[str],
    digest: str,
    order: Sequence[int],
    answers: Sequence[Answer],
) -> None:
    """Claim uniqueIds for ever, the first of them with what a retry is answered.

    Args:
        request: the push.
        transaction: that commits it.
        names: uniqueIds of its documents.
        digest: what tells its content from another's.
        order: the positions of its entries, in an order that a retry finds again.
        answers: of its entries, as they were sent.
    """
    content: dict[str, Any] = {"client": request.caller.client, "digest": digest}
    told = {"answers": pushes.remembered([answers[position] for position in order])}
    for position, name in enumerate(names):
        transaction.claim(claims.name(_CLAIM, name), content if position else content | told)


def _claimed(request: Request, transaction: Transaction, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the first pushes of uniqueIds left, and remember which were claimed."""
    claimed = {claims.name(_CLAIM, name): name for name in names}
    found = transaction.claimed_of([*claimed]) if claimed else {}
    request.memory[_USED] = frozenset(claimed[each] for each in found)
    return [*found.values()]
