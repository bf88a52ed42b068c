"""What a server process loads: the WSGI application of the settings in its environment."""

from __future__ import annotations

import logging

from flask import Flask

from fhirserver import settings
from fhirserver.app import create_app


def application() -> Flask:
    """Return the application; called once in each process, after it was forked."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return create_app(settings.read())
