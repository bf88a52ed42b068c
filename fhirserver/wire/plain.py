"""Plain FHIR requests: answered without Flask's routing, contexts and hooks, which cost more than a read does.

What only browsers ask for stays Flask's: pages, cookies, preflights and pages of other origins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final
from wsgiref.types import WSGIEnvironment

from flask import Response

from fhirserver.wire.gateway import BASE, Gateway
from fhirserver.wire.safety import secure

_BELOW_BASE: Final = re.compile(rf"{BASE}/[!-.0-~][!-~]*").fullmatch
_START: Final = len(BASE) + 1


class Plain:
    """Answers requests under `/fhir` that need nothing beside it."""

    def __init__(
        self, gateway: Gateway, methods: Collection[str], count: Callable[[str, Response], None], *, origins: bool
    ) -> None:
        """Take what answers.

        Args:
            gateway: answers FHIR requests.
            methods: those that FHIR has.
            count: counts the answers.
            origins: whether pages of other origins may call the server: then Flask's hooks mark each answer.
        """
        self._gateway = gateway
        self._methods = frozenset() if origins else frozenset(methods)
        self._count = count

    def answer(self, environ: WSGIEnvironment) -> Response | None:
        """Return the answer to a plain request; None for any other."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if (
            method not in self._methods
            or "HTTP_COOKIE" in environ
            or "html" in environ.get("HTTP_ACCEPT", "").lower()
            or "_format" in environ["QUERY_STRING"]
            or not _BELOW_BASE(path)
        ):
            return None
        response = self._gateway.answer(environ, path[_START:])
        self._count(method, response)
        return secure(response)
