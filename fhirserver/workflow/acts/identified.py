"""The dispenser's own identifiers of deliveries: what is sent again gets its first answer, and is counted once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Transaction
from fhirserver.store.commits import claims
from fhirserver.workflow import pushes
from fhirserver.workflow.context import executor_of

_KEY: Final = "dispense"
_REPEATED: Final = "prescription-repeated"
"""`Request.memory`: what deliveries of the push were answered that were recorded before, by position."""
_AN_IDENTIFIER: Final = Text("Cet identifiant de délivrance", "This delivery's identifier")


def again(
    services: Services, request: Request, transaction: Transaction, found: Sequence[Entry], deliveries: Sequence[Entry]
) -> list[Answer] | None:
    """Return the answers of the same push made before, by the dispenser's own identifiers.

    Of a push that repeats some deliveries among others, those are noted for `settle`.

    Raises:
        Conflict: another delivery was recorded under the same identifier.
    """
    told = pushes.told(request, found)
    request.memory[_REPEATED] = repeated = {}
    own = {entry.position: digest for entry, digest in zip(found, told.entries, strict=True)}
    names = {entry.position: _claims(request, entry.resource or {}) for entry in deliveries}
    claimed = transaction.claimed_of([name for each in names.values() for name in each])
    for first in claimed.values():
        if first["digest"] == told.whole:
            return pushes.answered(services, request, transaction, found, pushes.in_order(first, told))
    for entry in deliveries:
        firsts = [claimed[name] for name in names[entry.position] if name in claimed]
        digest = own[entry.position]
        same = next((first for first in firsts if digest in first.get("entries", ())), None)
        if same is not None:
            repeated[entry.position] = same["answers"][same["entries"].index(digest)]
        elif firsts and not pushes.changes_issued(transaction, entry):
            raise pushes.other_content(_AN_IDENTIFIER)
    return None


def settle(services: Services, request: Request, found: Sequence[Entry]) -> None:
    """Answer the deliveries of a push that were recorded before as they were then; the others are new."""
    for entry in found:
        first = request.memory.get(_REPEATED, {}).get(entry.position)
        if first is not None:
            entry.settled = pushes.first_answer(services, first)
            entry.identity = first[2]


def names_of(request: Request, entry: Entry) -> list[str]:
    """Return the names under which a delivery is claimed.

    Raises:
        Unprocessable: it has no identifier.
    """
    names = _claims(request, entry.resource or {})
    if not names:
        raise _without_identifier(entry)
    return names


def _claims(request: Request, resource: dict[str, Any]) -> list[str]:
    identifiers = resource.get("identifier")
    executor = executor_of(request.caller).key
    return [
        claims.name(_KEY, executor, str(identifier.get("system", "")), str(identifier["value"]))
        for identifier in (identifiers if isinstance(identifiers, list) else ())
        if isinstance(identifier, dict) and identifier.get("value")
    ]


def _without_identifier(entry: Entry) -> Unprocessable:
    return Unprocessable(
        Text(
            "Donnez un identifiant à cette délivrance (identifier) : répétée, elle ne comptera pas deux fois.",
            "Give this delivery an identifier: it lets you repeat it without its being counted twice.",
        ),
        expression=f"Bundle.entry[{entry.position}].resource.identifier",
        rule="prescription-identifier",
        code="required",
    )


def twice(entry: Entry) -> Unprocessable:
    """422: two deliveries of one line under one identifier in one push."""
    return Unprocessable(
        Text(
            "Une autre délivrance de cette ligne porte le même identifiant dans cet envoi : donnez à chacune le sien.",
            "Another delivery of this line has the same identifier in this push: give each its own.",
        ),
        expression=f"Bundle.entry[{entry.position}].resource.identifier",
        rule="prescription-identifier",
        code="duplicate",
    )
