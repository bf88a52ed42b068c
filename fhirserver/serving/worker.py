"""What a server process loads: the WSGI application of the settings in its environment."""

from __future__ import annotations

import gc
import logging
import signal
from typing import Final
from wsgiref.types import WSGIApplication

from fhirserver import settings
from fhirserver.app import create_app

_YOUNG: Final = 20_000
"""Objects made since the last look of the garbage collector: a request makes thousands, and hardly any cycle."""


def application() -> WSGIApplication:
    """Return the application; called once in each process, after it was forked."""
    # until granian's own handler is there, a process that is told to end has nothing to finish
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = create_app(settings.read(), ahead=True)
    keep()
    return app


def keep() -> None:
    """Tell the garbage collector that what was made so far stays for good (5 % of a request's time)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
