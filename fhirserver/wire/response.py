"""Answers whose headers are ready: what Flask would look for in each of them is known here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response
from werkzeug.datastructures import Headers

_PLAIN: Final = frozenset({200, 201})


class Application(Flask):
    """Flask for functions that are not coroutines, which it need not ask of each of them at every request."""

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
