"""Flask without what it would look for at every request and in every answer, and is known here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response
from werkzeug.datastructures import Headers

_PLAIN: Final = frozenset({200, 201})


class Application(Flask):
    """Flask behind a middleware, for functions that are no coroutines: it need not ask each of them at every request.

    Args:
        name: of the application.
        received: makes the middleware around what Flask does.
    """

    def __init__(self, name: str, received: Callable[[WSGIApplication], WSGIApplication]) -> None:
        super().__init__(name, static_folder=None)
        self._received = received(self.wsgi_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        return self._received(environ, start_response)

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
