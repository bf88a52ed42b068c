"""The process that works through the outbox, beside those that answer requests.

What it does takes long (drawing a PDF: the interpreter of a whole process), and nobody waits for it on a connection. It
is started, and started again when it dies, by `fhirserver serve`; what it had begun is done once its lease ends.
"""

from __future__ import annotations

import logging
import multiprocessing.process
import os
import signal
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final, Self

from fhirserver import app
from fhirserver.interactions.outbox import Worker
from fhirserver.serving.worker import keep
from fhirserver.settings import Settings
from fhirserver.store import Store, administered

DRAIN_SECONDS: Final = 10.0
_LOOK: Final = 0.5
"""Seconds between two looks whether the server that it works beside is there."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_INHERITED: Final = 1024
"""Files that a fork may have inherited."""
_STEADY: Final = 30.0
"""Seconds of work after which a process that dies is started again at once."""

_log: Final = logging.getLogger("fhirserver")


def work(settings: Settings, beside: int | None = None) -> None:
    """Work through the outbox until TERM or INT; the tasks under way are finished first.

    Args:
        settings: in force.
        beside: id of the server's process, the end of which is ours, too; None: on its own.
    """
    ended = threading.Event()

    def end(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's own signature
        ended.set()

    with suppress(OSError):
        Path("/proc/self/comm").write_text("outbox")  # what Linux shows of the process
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    store = Store(settings.mongodb_uri, settings.database, longest=settings.async_search_seconds)
    administered.connect(store, settings.mongodb_uri)
    services = app.services(settings, store)
    workers = [Worker(services, handlers) for handlers in app.handlers(settings)]
    keep()
    for worker in workers:
        worker.start()
    while not ended.wait(_LOOK) and beside in (None, os.getppid()):
        pass
    for worker in workers:
        worker.stop()
    until = time.monotonic() + DRAIN_SECONDS
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
    store.close()


class Companion:
    """Keeps one process at work on the outbox for as long as the server runs.

    It is forked, as the processes that answer requests are: what these have in common is loaded once.

    Args:
        settings: in force.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ending = threading.Event()
        self._process = self._forked()
        self._thread = threading.Thread(target=self._keep, name="outbox-companion", daemon=True)

    def __enter__(self) -> Self:
        # before other processes are forked: a fork of another thread at that moment would inherit the pipe by which
        # the end of each is noticed, and keep it open
        self._process.start()
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._ending.set()
        self._thread.join()

    def _keep(self) -> None:
        process = self._process
        pause = _FIRST_PAUSE
        while not self._ending.is_set():
            begun = time.monotonic()
            while process.is_alive():
                if self._ending.wait(_FIRST_PAUSE):
                    _end(process)
                    return
            pause = _FIRST_PAUSE if time.monotonic() - begun > _STEADY else min(2 * pause, _LONGEST_PAUSE)
            _log.error("the process of the outbox ended (%s); another begins in %.1f s", process.exitcode, pause)
            if self._ending.wait(pause):
                return
            process = self._forked()
            process.start()

    def _forked(self) -> multiprocessing.process.BaseProcess:
        forking = multiprocessing.get_context("fork")
        return forking.Process(target=_beside, args=(self._settings, os.getpid()), name="outbox")


def _beside(settings: Settings, server: int) -> None:
    for number in range(3, _INHERITED):
        # the server's address is free as soon as the server has ended
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.close(number)
    work(settings, server)


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.terminate()
    process.join(DRAIN_SECONDS + 1)
    if process.is_alive():
        process.kill()
        process.join()
