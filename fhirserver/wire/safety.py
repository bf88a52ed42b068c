"""Headers that keep a browser from doing harm with what it is sent."""

from __future__ import annotations

from typing import Final

from flask import Response

_ACTIVE: Final = ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")


def secure(response: Response) -> Response:
    """Forbid content sniffing, and content from elsewhere on our own pages."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "text/html" and "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        )
    return response


def confine(response: Response) -> Response:
    """Send content that a browser would run (HTML, SVG, XML) as an attachment, in a sandbox."""
    media = response.mimetype or ""
    if media in _ACTIVE or (media.endswith("+xml") and media != "application/fhir+xml"):
        response.headers["Content-Disposition"] = "attachment"
        response.headers["Content-Security-Policy"] = "sandbox"
    return response
