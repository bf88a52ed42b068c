"""The Flask application: its few routes, and what every answer carries."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from fhirserver.errors import Failure, MethodNotAllowed, NotFound
from fhirserver.interactions.shown.outcomes import INTERNAL
from fhirserver.issues import Issue, Text
from fhirserver.wire.cross_origin import CrossOrigin
from fhirserver.wire.description.building import Surface
from fhirserver.wire.gateway import BASE, Gateway
from fhirserver.wire.intake import Intake
from fhirserver.wire.openapi import describe
from fhirserver.wire.operation import Monitor
from fhirserver.wire.response import Application
from fhirserver.wire.safety import secure

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")
"""Those that FHIR's addresses answer, be it by telling which others they offer."""

_log: Final = logging.getLogger("fhirserver")


def build(gateway: Gateway, ping: Callable[[], None], surface: Surface) -> Flask:
    """Return the application.

    Args:
        gateway: answers what is under `/fhir`.
        ping: raises when the store does not answer.
        surface: what is offered, for its description.
    """
    settings = gateway.settings
    app = Application(
        "fhirserver", lambda inner: Intake(inner, gateway.working, settings.body_seconds, settings.max_body)
    )
    app.url_map.merge_slashes = False
    monitor = Monitor(ping)
    origins = CrossOrigin(settings.cors_origins)
    options: dict[str, Any] = {"methods": METHODS, "provide_automatic_options": False}
    for rule in (BASE, f"{BASE}/"):
        app.add_url_rule(rule, "fhir", gateway.view, strict_slashes=False, **options)
    app.add_url_rule(f"{BASE}/<path:path>", "fhir", gateway.view, **options)
    app.add_url_rule("/health", "health", monitor.health)
    app.add_url_rule("/ready", "ready", monitor.ready)
    app.add_url_rule("/metrics", "metrics", monitor.metrics)

    describe(app, surface)

    @app.before_request
    def begin() -> Response | None:
        return origins.preflight()

    @app.after_request
    def finish(response: Response) -> Response:
        monitor.count(response)
        return origins.mark(secure(response))

    def refuse(error: Exception) -> Response:
        language = gateway.language(request.environ)
        if isinstance(error, Failure):
            return gateway.refuse(error, language)
        if isinstance(error, HTTPException):
            failure = _failure(error)
            if failure is not None:
                return gateway.refuse(failure, language)
            issue = Issue("error", "processing", Text(error.name, error.name))
            return gateway.outcome_response(error.code or 500, [issue], language)
        _log.exception("request failed: %s %s", request.method, request.path)
        return gateway.outcome_response(500, [INTERNAL], language)

    app.register_error_handler(Exception, refuse)
    return app


def _failure(error: HTTPException) -> Failure | None:
    """Return what an error of Flask's routing means here."""
    if error.code == 404:  # noqa: PLR2004 - not found
        return NotFound(
            Text(
                f"Rien à l'adresse {request.path[:100]} ; FHIR est sous {BASE}.",
                f"Nothing at {request.path[:100]}; FHIR is under {BASE}.",
            ),
            rule="unknown-route",
        )
    if error.code == 405:  # noqa: PLR2004 - method not allowed
        allowed = ", ".join(sorted(set(getattr(error, "valid_methods", None) or METHODS) - {"TRACE"}))
        return MethodNotAllowed(
            Text(
                f"{request.method[:20]} n'est pas offert ; offerts : {allowed}.",
                f"{request.method[:20]} is not offered; offered: {allowed}.",
            ),
            headers={"Allow": allowed},
            rule="method",
        )
    return None
