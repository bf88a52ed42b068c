"""Files that the pages need, all of them shipped: our own, and those of Swagger UI from its package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import flask_swagger_ui
from flask import Response, send_file

from fhirserver.errors import NotFound
from fhirserver.issues import Text

_OWN: Final = Path(__file__).parent / "static"
_SWAGGER: Final = Path(flask_swagger_ui.__file__).parent / "dist"
FILES: Final = {
    "style.css": _OWN,
    "docs.css": _OWN,
    "docs.js": _OWN,
    "icon.svg": _OWN,
    "swagger-ui.css": _SWAGGER,
    "swagger-ui-bundle.js": _SWAGGER,
}


def asset(name: str) -> Response:
    """Answer a file by its name.

    Raises:
        NotFound: the pages need no such file.
    """
    folder = FILES.get(name)
    if folder is None:
        raise NotFound(Text(f"Aucun fichier {name[:80]} ici.", f"No file {name[:80]} here."), rule="unknown-route")
    return send_file(folder / name, max_age=3600)
