"""Starts the server processes and what they need, and ends them in order.

granian's choice and its settings: docs/decisions/server-choice.md.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType
from typing import Final

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from fhirserver import app
from fhirserver.access import issuer
from fhirserver.serving.checking import checked, doubtful
from fhirserver.serving.outbox import Companion
from fhirserver.settings import Settings, environment
from fhirserver.store import Store, signing_keys
from fhirserver.store.local import LocalMongod
from fhirserver.wire.intake import RECEIVING
from fhirserver.workflow.after import receipts

BACKLOG: Final = 1024
THREADS: Final = 4
"""Threads of each process that answer requests, unless the settings say otherwise."""
DRAIN_SECONDS: Final = 10
CRASHES: Final = 3
"""Times within `CRASHES_WITHIN` seconds that all processes may end before the server gives up."""
CRASHES_WITHIN: Final = 60.0

_log: Final = logging.getLogger("fhirserver")


def run(settings: Settings) -> None:
    """Serve until TERM or INT; requests under way are finished first.

    Raises:
        SettingError: a setting cannot be used.
        LocalMongodError: no MONGODB_URI, and no local mongod.
    """
    settings = checked(settings)
    for line in doubtful(settings):
        _warn(line)
    with ExitStack() as stack:
        if not settings.mongodb_uri:
            mongod = stack.enter_context(LocalMongod(settings.state / "mongodb"))
            settings = replace(settings, mongodb_uri=mongod.uri)
            mongod.watch()
        prepare(settings)
        for line in _lacking(settings):
            _warn(line)
        os.environ.update(environment(settings))
        # most of these threads only wait for a client, or for their turn (wire/turns.py)
        logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
        signal.signal(signal.SIGINT, _end)
        for _ in range(settings.outbox_processes):
            stack.enter_context(Companion(settings))
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"serving FHIR at http://{shown}:{settings.port}/fhir", flush=True)  # noqa: T201 - what an operator waits for
        _serve(settings)


def _serve(settings: Settings) -> None:
    """Serve, and go on when granian ends by itself: it does so where one of its processes dies twice within seconds.

    Raises:
        SystemExit: it happens again and again.
    """
    crashes: deque[float] = deque(maxlen=CRASHES)
    while True:
        server = Granian(
            "fhirserver.serving.worker:application",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=settings.workers or os.cpu_count() or 1,
            http=HTTPModes.http1,
            blocking_threads=RECEIVING,
            backlog=BACKLOG,
            respawn_failed_workers=True,
            workers_kill_timeout=DRAIN_SECONDS,
            log_level=LogLevels.warning,
        )
        try:
            server.serve()
        except SystemExit:
            crashes.append(time.monotonic())
            again_and_again = len(crashes) == CRASHES and crashes[-1] - crashes[0] < CRASHES_WITHIN
            if server.interrupt_signal or again_and_again:
                raise
            _log.error("the processes of the server ended; they begin again")
        else:
            return


def prepare(settings: Settings) -> None:
    """Do once what the processes would otherwise all do: indexes, the demo issuer's key, compiled definitions."""
    if settings.believes_demo_issuer:
        issuer.private_key(settings.state)
    store = Store(settings.mongodb_uri, settings.database)
    try:
        store.prepare(app.indexes())
    finally:
        store.close()


def _lacking(settings: Settings) -> Iterator[str]:
    """Tell which keys of receipts other machines have, and this one lacks."""
    store = Store(settings.mongodb_uri, settings.database)
    try:
        lacking = signing_keys.missing(store, [key["kid"] for key in receipts.published(settings.state)["keys"]])
    finally:
        store.close()
    if lacking:
        yield (
            f"FHIRSERVER_STATE: receipts of this database are signed with keys that are not in {settings.state} "
            f"({', '.join(lacking)}): copy receipt-key*.pem from the other machines"
        )


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr, flush=True)  # noqa: T201 - to whoever starts it


def _end(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's own signature
    os.kill(os.getpid(), signal.SIGTERM)
