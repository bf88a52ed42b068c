"""Does what commits leave to be done after them, in a thread of each server process.

Each outbox task is done by one worker, and its effect commits together with its being done: exactly once, also when
servers are killed in between.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from fhirserver.errors import Failure
from fhirserver.interactions.services import Services
from fhirserver.records import prescriptions
from fhirserver.store import Transaction
from fhirserver.store.outbox import Lease, LeaseLost
from fhirserver.workflow.acts import cancelling, expiring, issuing
from fhirserver.workflow.after import printing
from fhirserver.workflow.context import Workflow

Handler = Callable[[Workflow, Services, Lease], None]

_log: Final = logging.getLogger("fhirserver")
_IDLE: Final = 0.25
"""Seconds between two looks at an empty outbox."""
_TROUBLE: Final = 2.0


def _expire(workflow: Workflow, services: Services, lease: Lease) -> None:
    expiring.expire(workflow, services, lease.body["task"])

    def done(transaction: Transaction) -> None:
        services.store.outbox.complete(transaction, lease)

    services.store.transact(done)


HANDLERS: Final[Mapping[str, Handler]] = {
    issuing.PRINT: printing.draw,
    issuing.EXPIRE: _expire,
    issuing.PUBLISH: prescriptions.publish,
    cancelling.UNPUBLISH: prescriptions.withdraw,
}


class Worker:
    """Works through the outbox until it is stopped."""

    def __init__(self, workflow: Workflow, services: Services) -> None:
        self._workflow = workflow
        self._services = services
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin; the thread ends with its process."""
        self._thread.start()

    def stop(self) -> None:
        """End after the task under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def once(self) -> bool:
        """Do one task that is due; False if there is none."""
        lease = self._services.store.outbox.take(list(HANDLERS))
        if lease is None:
            return False
        try:
            HANDLERS[lease.kind](self._workflow, self._services, lease)
        except LeaseLost:
            _log.info("outbox task %s was taken by another worker", lease.id)
        except Exception as error:  # noqa: BLE001 - a task that fails is tried again, whatever the reason; it is logged
            _log.exception("outbox task %s (%s) failed, attempt %s", lease.id, lease.kind, lease.tries)
            self._services.store.outbox.fail(lease, f"{type(error).__name__}: {error}")
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self.once()
            except Failure:
                # MongoDB is away: the tasks stay where they are
                self._stop.wait(_TROUBLE)
                continue
            if not busy:
                self._stop.wait(_IDLE)
