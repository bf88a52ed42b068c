"""The ordonnance numérique's part in the REST interactions (`interactions/guards.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhirserver.access.caller import Role
from fhirserver.errors import MethodNotAllowed, NotFound
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish, Guard, Pairs, Write
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.search.asked.query import Node
from fhirserver.store import Stored, Transaction
from fhirserver.workflow import numbers, pushes, sight
from fhirserver.workflow.acts import dispensing, findings, identified, issuing
from fhirserver.workflow.context import Workflow
from fhirserver.workflow.marks import Part, mark_of

_INSTEAD: Final[dict[Part, Text]] = {
    "line": Text(
        "utilisez $cancel (annuler ou arrêter) ou $replace (remplacer)",
        "use $cancel (cancel or stop) or $replace",
    ),
    "group": Text(
        "utilisez $cancel ou $replace sur l'ordonnance",
        "use $cancel or $replace on the prescription",
    ),
    "task": Text(
        "utilisez $take, $release, $dispense, $close, $cancel ou $replace",
        "use $take, $release, $dispense, $close, $cancel or $replace",
    ),
    "dispense": Text(
        "utilisez $cancel sur la délivrance, dans le délai de correction, puis $dispense",
        "use $cancel on the delivery, within the time for corrections, then $dispense",
    ),
    "receipt": Text("un reçu signé ne change pas", "a signed receipt does not change"),
    "print": Text("l'impression d'une ordonnance ne change pas", "the print of a prescription does not change"),
}


class PrescriptionGuard(Guard):
    """Issues what is pushed, keeps what is issued, and shows it to whom it may concern."""

    def __init__(self, workflow: Workflow) -> None:
        self._workflow = workflow

    def write(self, services: Services, request: Request, write: Write) -> None:
        """Refuse every update, patch and delete of what is issued, whoever asks.

        Raises:
            MethodNotAllowed: names the operation to use.
            NotFound: the caller may not know of it.
            Unprocessable: a patch that would make a draft active without issuing it, or record a delivery that
                nobody decided upon.
        """
        mark = mark_of(write.current)
        if mark is None or write.current is None or write.current.deleted:
            issuing.require_issued(request, write)
            dispensing.require_decided(self._workflow, services, request, write)
            return
        if not self.shows(services, request, write.current):
            raise NotFound(
                Text(f"{write.kind}/{write.identity} n'existe pas ici.", f"{write.kind}/{write.identity} is not here."),
                rule="unknown-id",
            )
        if mark.part == "finding":
            findings.keep(request, write, mark)
            return
        instead = _INSTEAD[mark.part]
        raise MethodNotAllowed(
            Text(
                f"{write.kind}/{write.identity} appartient à une ordonnance émise : {instead.fr}.",
                f"{write.kind}/{write.identity} belongs to an issued prescription: {instead.en}.",
            ),
            headers={"Allow": "GET, HEAD"},
            rule="prescription-issued",
            code="business-rule",
        )

    def shows(self, services: Services, request: Request, stored: Stored) -> bool:
        """Tell whether the caller may see a version."""
        return sight.shows(self._workflow, services, request, stored)

    def limit(self, services: Services, request: Request, kind: str) -> Node | None:
        """Return the same as a condition."""
        return sight.limit(self._workflow, services, request, kind)

    def keeps(self, stored: Stored) -> bool:
        """Tell whether a version belongs to a prescription."""
        return mark_of(stored) is not None

    def form(self, pairs: Pairs) -> Pairs:
        """Understand a number as it was typed."""
        return numbers.as_stored(pairs, self._workflow.root)

    def search(self, services: Services, request: Request, pairs: Pairs, *, form: bool) -> None:
        """Keep numbers out of urls; a number in a form is an attempt to find its prescription."""
        if request.caller.role is Role.OPERATOR:
            return
        if form:
            numbers.of_search(self._workflow, services, request, request.pairs(), form=False)
        numbers.of_search(self._workflow, services, request, pairs, form=form)

    def concerns(self, request: Request, found: Sequence[Entry]) -> bool:
        """Tell whether a push holds orders to be issued, executions of lines, or what was found in executing them."""
        return bool(
            issuing.orders(request, found) or dispensing.recorded(request, found) or findings.of_lines(request, found)
        )

    def hopes(self, request: Request, found: Sequence[Entry]) -> bool:
        """Take a new prescription for new until its number's commit shows otherwise; a delivery is looked for first."""
        if dispensing.recorded(request, found):
            return False
        # of the content as it was sent
        request.memory.pop(pushes.DIGEST, None)
        pushes.told(request, found)
        return True

    def again(
        self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
    ) -> list[Answer] | None:
        """Return the answers of the same push."""
        request.memory.pop(pushes.DIGEST, None)
        pushes.told(request, found)
        given = issuing.again(services, request, transaction, found)
        return dispensing.again(services, request, transaction, found) if given is None else given

    def check(self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
        """Take deliveries that were recorded before out of what is new."""
        del transaction
        identified.settle(services, request, found)

    def plan(
        self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
    ) -> Finish | None:
        """Issue the orders of a push, and decide on the executions in it."""
        finishes = (
            issuing.plan(self._workflow, services, request, transaction, found),
            dispensing.plan(self._workflow, services, request, transaction, found),
        )
        findings.plan(request, transaction, found)

        def finish(answers: Sequence[Answer]) -> None:
            for each in finishes:
                if each is not None:
                    each(answers)

        return finish
