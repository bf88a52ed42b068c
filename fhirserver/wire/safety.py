"""Headers that keep a browser from doing harm with what it is sent."""

from __future__ import annotations

from typing import Final

from flask import Response

_ACTIVE: Final = ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")


def secure(response: Response) -> Response:
    """Forbid content sniffing; send what a browser would run (HTML, SVG, XML) as an attachment, in a sandbox."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    media = response.mimetype or ""
    if media in _ACTIVE or (media.endswith("+xml") and media != "application/fhir+xml"):
        response.headers["Content-Disposition"] = "attachment"
        response.headers["Content-Security-Policy"] = "sandbox"
    return response
