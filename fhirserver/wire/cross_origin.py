"""Pages of other origins that may call the server: none by default (https://fetch.spec.whatwg.org/#cors-protocol)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from flask import Response, request

EXPOSED: Final = (
    "ETag, Location, Content-Location, Last-Modified, X-Request-Id, "
    "X-Progress, Retry-After, Expires, Preference-Applied, X-Security-Context"
)
_ALLOWED: Final = (
    "Authorization, Content-Type, Accept, Accept-Language, If-Match, If-None-Match, If-None-Exist, "
    "If-Modified-Since, If-Unmodified-Since, Prefer, Range, X-Request-Id, X-Security-Context"
)


class CrossOrigin:
    """Answers preflights and marks answers for the origins of the setting."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self) -> Response | None:
        """Answer a preflight request, which carries no token; None for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        response = Response(status=204)
        if self._allows(request.headers.get("Origin")):
            response.headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PUT, PATCH, DELETE"
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED
            response.headers["Access-Control-Max-Age"] = "600"
        return response

    def mark(self, response: Response) -> Response:
        """Let a page of an allowed origin see an answer."""
        if not self._origins:
            return response
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if self._allows(origin):
            response.headers["Access-Control-Allow-Origin"] = str(origin)
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response

    def _allows(self, origin: str | None) -> bool:
        return origin is not None and (origin in self._origins or "*" in self._origins)
