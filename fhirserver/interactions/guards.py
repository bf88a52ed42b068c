"""Where the rules of the ordonnance numérique and of the DMP take part in the REST interactions.

A `Guard` is registered in `app.py`; it may refuse a write, hide what a caller must not see, refuse or note a search,
and take over a push (`this transaction issues a prescription`, `this Bundle is an ITI-65 submission`). Interactions
ask all guards at the same few places, so that a rule holds for instance reads, histories, searches, chains, includes,
batches and transactions alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fhirserver.search.asked.query import And, Node

if TYPE_CHECKING:
    from fhirserver.interactions.bundles.entries import Entry
    from fhirserver.interactions.exchange import Answer, Request
    from fhirserver.interactions.services import Services
    from fhirserver.store import Stored, Transaction

Interaction = Literal["create", "update", "patch", "delete"]
Pairs = Sequence[tuple[str, str]]
Finish = Callable[[Sequence["Answer"]], None]
"""Called at the end of a push's transaction with the answers of its entries, in their order."""


@dataclass(frozen=True, slots=True)
class Write:
    """A write that is about to be planned.

    Attributes:
        kind, identity: of the resource; a create has no identity yet where the server is to make one.
        current: the version that it replaces (a tombstone included); None where there never was one.
        proposed: what it would store; None for a delete.
    """

    interaction: Interaction
    kind: str
    identity: str | None
    current: Stored | None
    proposed: Mapping[str, Any] | None


class Guard:
    """What a room's rules may say; each method allows everything unless a subclass says otherwise."""

    def write(self, services: Services, request: Request, write: Write) -> None:
        """Refuse a write by raising a Failure.

        Updates, patches and deletes are asked inside the transaction that writes, with the version that they replace.
        """

    def shows(self, services: Services, request: Request, stored: Stored) -> bool:  # noqa: ARG002 - the default sees nothing to hide
        """Tell whether the caller may know of this version; False answers as if it were not there."""
        return True

    def limit(self, services: Services, request: Request, kind: str) -> Node | None:  # noqa: ARG002 - see shows
        """Return what of a type the caller may see, for searches, chains and includes; None: everything.

        It must agree with `shows`. `query.Written` is a condition on who wrote it and why, any other node of
        `search/asked/query.py` one on the index values.
        """
        return None

    def keeps(self, stored: Stored) -> bool:  # noqa: ARG002 - see shows
        """Tell whether this guard decides who sees a version: a copy elsewhere would show it to others."""
        return False

    def form(self, pairs: Pairs) -> Pairs:
        """Return the criteria of a form as the store knows them, where people type them otherwise."""
        return pairs

    def search(self, services: Services, request: Request, pairs: Pairs, *, form: bool) -> None:
        """Refuse or note a search before it runs; `form`: its criteria came in a body, not in a url."""

    def answer(self, services: Services, request: Request, kind: str, pairs: Pairs) -> Answer | None:  # noqa: ARG002 - see shows
        """Answer a search of one type in place of the store; None: the store answers."""
        return None

    def seen(self, services: Services, request: Request, found: Sequence[Stored]) -> None:
        """Note what an answer shows; the record of the answer itself is the last one of `request.trail`."""

    def batch(self, request: Request, profiles: Sequence[str]) -> None:
        """Refuse a batch by what its Bundle claims in `meta.profile`."""

    def concerns(self, request: Request, found: Sequence[Entry]) -> bool:  # noqa: ARG002 - see shows
        """Tell from method, type and content whether a push is this guard's to plan.

        Asked for each transaction, and for a create or update alone, which then runs as a transaction of one entry.
        """
        return False

    def again(
        self,
        services: Services,  # noqa: ARG002 - see shows
        request: Request,  # noqa: ARG002 - see shows
        transaction: Transaction,  # noqa: ARG002 - see shows
        found: Sequence[Entry],  # noqa: ARG002 - see shows
    ) -> list[Answer] | None:
        """Return the answers that this very push was given before; None: it is new. Entries are as they were sent."""
        return None

    def hopes(self, request: Request, found: Sequence[Entry]) -> bool:  # noqa: ARG002 - see shows
        """Tell whether a push may be taken for new unseen, since its commit claims what an earlier one has claimed.

        `again` is asked then when that shows, or when the push is refused. Entries are as they were sent.
        """
        return type(self).again is Guard.again

    def check(self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
        """Refuse a push by a Failure that names all its faults, before anything else does: entries are as sent."""

    def plan(
        self,
        services: Services,  # noqa: ARG002 - see shows
        request: Request,  # noqa: ARG002 - see shows
        transaction: Transaction,  # noqa: ARG002 - see shows
        found: Sequence[Entry],  # noqa: ARG002 - see shows
    ) -> Finish | None:
        """Decide on a push whose entries are identified, linked and valid; add to it or refuse it by a Failure.

        It may change `Entry.resource`, give `Entry.marks` (kept with the write under `w`), and plan further writes on
        the transaction. It must have no other effects, since the transaction may run again.
        """
        return None


class Guards:
    """All guards in force."""

    def __init__(self, guards: Iterable[Guard] = ()) -> None:
        self.all = tuple(guards)

    def write(self, services: Services, request: Request, write: Write) -> None:
        """Ask every guard about a write; raises what the first one raises."""
        for guard in self.all:
            guard.write(services, request, write)

    def shows(self, services: Services, request: Request, stored: Stored) -> bool:
        """Tell whether no guard hides a version from the caller."""
        return all(guard.shows(services, request, stored) for guard in self.all)

    def limit(self, services: Services, request: Request, kind: str) -> Node | None:
        """Return the conditions of all guards on a type."""
        nodes = [node for guard in self.all if (node := guard.limit(services, request, kind)) is not None]
        if not nodes:
            return None
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def keeps(self, stored: Stored) -> bool:
        """Tell whether some guard decides who sees a version."""
        return any(guard.keeps(stored) for guard in self.all)

    def form(self, pairs: Pairs) -> Pairs:
        """Return the criteria of a form as every guard understands them."""
        for guard in self.all:
            pairs = guard.form(pairs)
        return pairs

    def search(self, services: Services, request: Request, pairs: Pairs, *, form: bool) -> None:
        """Ask every guard about a search."""
        for guard in self.all:
            guard.search(services, request, pairs, form=form)

    def answer(self, services: Services, request: Request, kind: str, pairs: Pairs) -> Answer | None:
        """Return the first answer that a guard gives in place of the store."""
        answers = (guard.answer(services, request, kind, pairs) for guard in self.all)
        return next((answer for answer in answers if answer is not None), None)

    def seen(self, services: Services, request: Request, found: Sequence[Stored]) -> None:
        """Have every guard note what an answer shows."""
        for guard in self.all:
            guard.seen(services, request, found)

    def batch(self, request: Request, profiles: Sequence[str]) -> None:
        """Ask every guard about a batch; raises what the first one raises."""
        for guard in self.all:
            guard.batch(request, profiles)

    def concerned(self, request: Request, found: Sequence[Entry]) -> tuple[Guard, ...]:
        """Return the guards whose push this is."""
        return tuple(guard for guard in self.all if guard.concerns(request, found))
