"""Does what commits leave to be done after them (`Transaction.enqueue`), each kind by its handler.

Each outbox task is done by one worker, and its effect commits together with its being done (`Outbox.complete`): exactly
once, also when processes are killed in between. `app.handlers` names the handlers; `serving/outbox.py` runs them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from fhirserver.errors import Failure, Unavailable
from fhirserver.interactions.services import Services
from fhirserver.store.outbox import Lease, LeaseLost

Handler = Callable[[Services, Lease], None]
"""Does one task: plans its effect and `services.store.outbox.complete(transaction, lease)` in one transaction."""

_log: Final = logging.getLogger("fhirserver")
_IDLE: Final = 0.25
"""Seconds between two looks at an empty outbox."""
_TROUBLE: Final = 2.0


class Worker:
    """Works through the outbox, one task after the other, until it is stopped.

    Args:
        services: what handlers work with.
        handlers: by kind of task; tasks of other kinds are left to other workers.
    """

    def __init__(self, services: Services, handlers: Mapping[str, Handler]) -> None:
        self._services = services
        self._handlers = handlers
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin; the thread ends with its process."""
        self._thread.start()

    def stop(self) -> None:
        """End after the task under way."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the end of the task under way, but not longer."""
        self._thread.join(timeout=seconds)

    def once(self) -> bool:
        """Do one task that is due; False if there is none."""
        outbox = self._services.store.outbox
        lease = outbox.take(list(self._handlers))
        if lease is None:
            return False
        try:
            self._handlers[lease.kind](self._services, lease)
        except LeaseLost:
            _log.info("outbox task %s was taken by another worker", lease.id)
        except Unavailable as error:
            _log.warning("outbox task %s (%s) waits, attempt %s: %s", lease.id, lease.kind, lease.tries, error)
            outbox.fail(lease, f"{type(error).__name__}: {error}")
        except Exception as error:  # noqa: BLE001 - a task that fails is tried again, whatever the reason; it is logged
            _log.exception("outbox task %s (%s) failed, attempt %s", lease.id, lease.kind, lease.tries)
            outbox.fail(lease, f"{type(error).__name__}: {error}")
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                busy = self.once()
            except Failure:
                # MongoDB is away: the tasks stay where they are
                self._stop.wait(_TROUBLE)
                continue
            except Exception:  # noqa: BLE001 - a worker that ends without a word would leave all tasks undone; it is logged
                _log.exception("the outbox cannot be worked through")
                self._stop.wait(_TROUBLE)
                continue
            if not busy:
                self._stop.wait(_IDLE)
