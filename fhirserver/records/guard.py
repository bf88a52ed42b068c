"""The records of the DMP as a guard of the REST interactions (`interactions/guards.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.dmp.habilitation import Habilitation
from fhirserver.documents.guard import DocumentGuard
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish, Guard, Pairs, Write
from fhirserver.interactions.services import Services
from fhirserver.records import changing, conditions, existence, feeding, identities, scope, sight, traces
from fhirserver.records.after import merging
from fhirserver.search.asked.query import Node
from fhirserver.store import Stored, Transaction


class RecordGuard(Guard):
    """Keeps what belongs to a record, and shows it to whom it may concern.

    Args:
        matrix: who reads which type.
        documents: tells what feeds a record; stands before this guard, so that what it marks is known here.
        at_identity: whether a first qualified identity creates the record.
    """

    def __init__(self, matrix: Habilitation, documents: DocumentGuard, *, at_identity: bool) -> None:
        self.matrix = matrix
        self._documents = documents
        self._at_identity = at_identity

    def write(self, services: Services, request: Request, write: Write) -> None:
        """Refuse what the DMP does not know; keep the marks of a changed document."""
        if self._documents.in_force:
            changing.require_feeding(request, write)
        identities.require_same(services, request, write)
        changing.check(services, request, self.matrix, write)

    def shows(self, services: Services, request: Request, stored: Stored) -> bool:
        """Tell whether the caller may see a version."""
        return sight.shows(services, request, self.matrix, stored)

    def limit(self, services: Services, request: Request, kind: str) -> Node | None:
        """Return the same as a condition."""
        return conditions.limit(services, request, self.matrix, kind)

    def keeps(self, stored: Stored) -> bool:
        """Tell whether a version belongs to a record."""
        return sight.mark_of(stored) is not None

    def search(self, services: Services, request: Request, pairs: Pairs, *, form: bool) -> None:
        """Note which records a search concerns."""
        del form
        scope.note(services, request, pairs)

    def answer(self, services: Services, request: Request, kind: str, pairs: Pairs) -> Answer | None:
        """Answer TD0.2, and a patient's question of who accessed his record."""
        if existence.is_asked(services, request, kind, pairs):
            return existence.answer(services, request, self.matrix, pairs)
        if traces.is_asked(request, kind):
            return traces.answer(services, request, self.matrix, pairs)
        return None

    def seen(self, services: Services, request: Request, found: Sequence[Stored]) -> None:
        """Note which documents of which record were shown."""
        traces.note(services, request, self.matrix, found)

    def concerns(self, request: Request, found: Sequence[Entry]) -> bool:
        """Tell whether a push feeds a record, brings an identity that opens one, or says that one was replaced."""
        if self._documents.concerns(request, found):
            return True
        if merging.replaced(request, found):
            return True
        return self._at_identity and any(feeding.qualified(entry) for entry in found)

    def plan(
        self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
    ) -> Finish | None:
        """Create the records that a push opens."""
        if self._at_identity:
            feeding.identities(services, request, transaction, found)
        feeding.plan(services, request, transaction, found)
        merging.note(transaction, merging.replaced(request, found))
        return None
