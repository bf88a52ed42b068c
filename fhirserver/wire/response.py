"""Answers whose headers are ready: what Flask would look for in each of them is known here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response
from werkzeug.datastructures import Headers

_PLAIN: Final = frozenset({200, 201})


class Application(Flask):
    """Flask for functions that are not coroutines, which it need not ask of each of them at every request.

    Attributes:
        plain: answers requests that need nothing of Flask (`plain.py`), and gives None for any other.
    """

    plain: Callable[[WSGIEnvironment], Response | None] | None = None

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer a request."""
        response = self.plain(environ) if self.plain else None
        return super().wsgi_app(environ, start_response) if response is None else response(environ, start_response)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


class Ready(Response):
    """An answer of bytes, whose `Location`, if any, is an absolute address."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Return the headers to send; a plain answer needs its length only."""
        location = self.headers.get("Location")
        if self.status_code not in _PLAIN or not self.is_sequence or not (location is None or location.isascii()):
            return super().get_wsgi_headers(environ)
        self.headers["Content-Length"] = str(sum(map(len, self.response)))
        return self.headers
