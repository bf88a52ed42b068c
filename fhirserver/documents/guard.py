"""The feeding of the DMP as a guard of the REST interactions (`interactions/guards.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhirserver.access.decide import decide
from fhirserver.dmp.submissions.flavours import BY_PROFILE
from fhirserver.documents import claiming, publishing, submitting
from fhirserver.errors import BadRequest
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.guards import Finish, Guard
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Transaction


class DocumentGuard(Guard):
    """Takes over the pushes that feed a record: ITI-65 Bundles and ITI-105 creates.

    Args:
        in_force: whether resources must meet what they claim; under the policy `base` no push is a DMP transaction.
    """

    def __init__(self, *, in_force: bool) -> None:
        self.in_force: Final = in_force

    def batch(self, request: Request, profiles: Sequence[str]) -> None:  # noqa: ARG002 - whoever sends it
        """Refuse a submission whose Bundle is a batch: all of it is stored, or nothing.

        Raises:
            BadRequest: its type is to be transaction.
        """
        if self.in_force and any(profile in BY_PROFILE for profile in profiles):
            raise BadRequest(
                Text(
                    "Une soumission (ITI-65) est un Bundle de type transaction, pas batch.",
                    "A submission (ITI-65) is a Bundle of type transaction, not batch.",
                ),
                expression="Bundle.type",
                rule="bundle-type",
            )

    def concerns(self, request: Request, found: Sequence[Entry]) -> bool:
        """Tell whether a push feeds a record."""
        return self.in_force and (publishing.is_publication(request, found) or submitting.is_submission(request, found))

    def hopes(self, request: Request, found: Sequence[Entry]) -> bool:  # noqa: ARG002 - any push
        """Take a push for new until its commit shows otherwise: its uniqueIds are claimed once."""
        return True

    def again(
        self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
    ) -> list[Answer] | None:
        """Return the answers of the same push; Forbidden: the caller may not feed records."""
        decide(request.caller, "c", "DocumentReference")
        read = publishing.read if publishing.is_publication(request, found) else submitting.read
        sent = read(services, request, found)
        return claiming.before(services, request, transaction, found, sent.names, sent.digest, sent.order)

    def check(self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]) -> None:
        """Name every fault of the push."""
        if publishing.is_publication(request, found):
            publishing.check(services, request, transaction, found)
        else:
            submitting.check(services, request, transaction, found)

    def plan(
        self, services: Services, request: Request, transaction: Transaction, found: Sequence[Entry]
    ) -> Finish | None:
        """Plan what the push brings with it."""
        if publishing.is_publication(request, found):
            return publishing.plan(services, request, transaction, found)
        return submitting.plan(services, request, transaction, found)
