"""`/openapi.json`: the description of the API (OpenAPI 3.1) through flask-smorest; `?type=` describes one type.

FHIR routes are declared from the same types, operations and search parameters as the CapabilityStatement; bodies stay
bytes, so no schema of ours restates FHIR's. It is made when first asked for.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from apispec import APISpec
from flask import Flask, Response, request
from flask_smorest import Api

from fhirserver import __version__, jsontext
from fhirserver.errors import NotFound
from fhirserver.issues import Text
from fhirserver.wire.description.building import Surface, responses, schemas
from fhirserver.wire.description.routes import TAGS

_ABOUT: Final = (
    "FHIR R4 (4.0.1): ordonnance numérique, DMP. Every request but `metadata` carries a signed token; in a sandbox "
    "`fhirserver token --role operator` makes one with which the examples work: first that of `transaction`, which "
    "stores what the others speak of. Refusals are OperationOutcomes that say in French and English what to mend."
)
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JWT of an issuer that the server knows, with SMART scopes (docs/access.md).",
}


class FhirApi(Api):  # type: ignore[misc] # flask-smorest publishes no types
    """flask-smorest's API without its error handlers: failures leave as OperationOutcomes."""

    def _register_error_handlers(self) -> None:
        """Leave errors to the application."""


class Description:
    """The description, whole or of one type, each made once."""

    def __init__(self, api: Api, surface: Surface) -> None:
        self._api = api
        self._surface = surface
        self._made: dict[tuple[str, int], bytes] = {}
        self._making = threading.Lock()

    def view(self) -> Response:
        """Answer `GET /openapi.json`.

        Raises:
            NotFound: `type` names none that is offered.
        """
        kind = request.args.get("type", "")
        if kind and kind not in self._surface.types:
            raise NotFound(
                Text(f"« {kind[:64]} » n'est pas offert ici.", f'"{kind[:64]}" is not offered here.'),
                rule="unknown-type",
            )
        asked = kind, self._surface.registry.generation
        with self._making:
            if asked not in self._made:
                self._made[asked] = jsontext.write(self._write(kind))
        return Response(self._made[asked], content_type="application/json", headers={"Cache-Control": "max-age=60"})

    def _write(self, kind: str) -> dict[str, Any]:
        spec: APISpec = self._api.spec
        written: dict[str, Any] = dict(spec.to_dict())
        written["paths"] = self._surface.paths(kind or None)
        return written


def describe(app: Flask, surface: Surface) -> None:
    """Add `/openapi.json` to an application."""
    app.config.update(API_TITLE="fhirserver", API_VERSION=f"v{__version__}", OPENAPI_VERSION="3.1.0")
    api = FhirApi(
        app,
        spec_kwargs={
            "info": {"description": _ABOUT},
            "security": [{"bearer": []}],
            "servers": [{"url": "/"}],
            "tags": [{"name": name, "description": about} for name, about in TAGS],
        },
    )
    api.spec.components.security_scheme("bearer", _TOKEN)
    for name, schema in schemas().items():
        api.spec.components.schema(name, schema)
    for name, response in responses().items():
        api.spec.components.response(name, response)
    app.add_url_rule("/openapi.json", "openapi", Description(api, surface).view)
