"""What the commits of a prescription leave to be done after them, and what does it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fhirserver.interactions.outbox import Handler
from fhirserver.interactions.services import Services
from fhirserver.records.after import dispensings, prescriptions
from fhirserver.store import Transaction
from fhirserver.store.outbox import Lease
from fhirserver.workflow.acts import cancelling, dispensing, expiring, issuing
from fhirserver.workflow.after import printing
from fhirserver.workflow.context import Workflow, present


def handlers(workflow: Workflow) -> Mapping[str, Handler]:
    """Return what does each kind of task: print, expiry, and publishing in the DMP."""
    return {
        issuing.PRINT: partial(printing.draw, workflow),
        issuing.EXPIRE: partial(_expire, workflow),
        issuing.PUBLISH: partial(prescriptions.publish, workflow),
        cancelling.UNPUBLISH: partial(prescriptions.withdraw, workflow),
        dispensing.PUBLISH: partial(dispensings.publish, workflow),
        cancelling.UNDISPENSE: partial(dispensings.withdraw, workflow),
    }


def _expire(workflow: Workflow, services: Services, lease: Lease) -> None:
    identity, base = lease.body["task"], lease.body.get("base", "")
    again = expiring.expire(workflow, services, identity, base)

    def done(transaction: Transaction) -> None:
        if again is not None:
            transaction.enqueue(issuing.expiry(identity, base, again, present()))
        services.store.outbox.complete(transaction, lease)

    services.store.transact(done)
