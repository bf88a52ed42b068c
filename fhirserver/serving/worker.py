"""What a server process loads: the WSGI application of the settings in its environment."""

from __future__ import annotations

import logging

from wsgiref.types import WSGIApplication

from fhirserver import settings
from fhirserver.app import create_app


def application() -> WSGIApplication:
    """Return the application; called once in each process, after it was forked."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return create_app(settings.read())
