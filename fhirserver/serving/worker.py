"""What a server process loads: the WSGI application of the settings in its environment."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from typing import Final
from wsgiref.types import WSGIApplication

from fhirserver import settings
from fhirserver.app import create_app

_YOUNG: Final = 20_000
"""Objects made since the last look of the garbage collector: a request makes thousands, and hardly any cycle."""

_LOOK: Final = 0.5
"""Seconds between two looks whether the process that started this one is there."""


def application() -> WSGIApplication:
    """Return the application; called once in each process, after it was forked."""
    # until granian's own handler is there, a process that is told to end has nothing to finish
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
    app = create_app(settings.read(), ahead=True)
    keep()
    return app


def _end_with(server: int) -> None:
    """End this process, which would go on answering, when the one that started it was killed."""
    while os.getppid() == server:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGTERM)


def keep() -> None:
    """Tell the garbage collector that what was made so far stays for good (5 % of a request's time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
