"""Headers that keep a browser from doing harm with what it is sent."""

from __future__ import annotations

import re
from typing import Final

from flask import Response

_INERT: Final = re.compile(
    r"(?:application/(?:pdf|dicom|octet-stream|zip|rtf|(?:[\w.-]+\+)?json|fhir\+xml)|text/(?:plain|csv|rtf)"
    r"|(?:image|audio|video)/[\w.-]+)(?:\s*;[^,]*)?",
    re.ASCII | re.IGNORECASE,
)
"""Types in which a browser runs nothing; a comma would have it take the last of several types
(https://fetch.spec.whatwg.org/#concept-header-extract-mime-type)."""


def secure(response: Response) -> Response:
    """Forbid content sniffing, and content from elsewhere on our own pages."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    if response.mimetype == "application/fhir+xml" and "Content-Security-Policy" not in response.headers:
        # a browser shows it as a document of its own, narratives included
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if response.mimetype == "text/html" and "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
        )
    return response


def confine(response: Response) -> Response:
    """Send content that a browser may run (HTML, SVG, XML, whatever is not known to be inert) as an attachment."""
    if not _INERT.fullmatch(response.content_type or ""):
        response.headers["Content-Disposition"] = "attachment"
        response.headers["Content-Security-Policy"] = "sandbox"
    return response
