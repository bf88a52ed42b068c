"""The description of the API: OpenAPI 3.1 at `/openapi.json` through flask-smorest.

FHIR routes are declared from the same types and operations as the CapabilityStatement; bodies stay bytes, so no schema
of ours restates FHIR's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from apispec import BasePlugin
from flask import Flask
from flask_smorest import Api

from fhirserver import __version__
from fhirserver.operations.registry import Operation
from fhirserver.wire.gateway import BASE

_FHIR_MEDIA: Final = ("application/fhir+json", "application/fhir+xml")
_OUTCOME: Final = {"description": "OperationOutcome: what is wrong, where, and how to mend it."}
_ROUTES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("/metadata", "get", "capabilities", "What the server does: its CapabilityStatement."),
    ("", "post", "transaction", "Perform a transaction (all or nothing) or a batch."),
    ("", "get", "search-system", "Search all types, or those of `_type`."),
    ("/_history", "get", "history-system", "The versions of all resources."),
    ("/{type}", "get", "search-type", "Search a type; parameters are in the CapabilityStatement."),
    ("/{type}", "post", "create", "Store a new resource; `If-None-Exist` makes it conditional."),
    ("/{type}", "put", "conditional-update", "Update what the criteria in the query select."),
    ("/{type}", "patch", "conditional-patch", "Patch what the criteria in the query select."),
    ("/{type}", "delete", "conditional-delete", "Delete what the criteria in the query select."),
    ("/{type}/_search", "post", "search-form", "Search a type by a form."),
    ("/{type}/_history", "get", "history-type", "The versions of all resources of a type."),
    ("/{type}/{id}", "get", "read", "The current version of a resource."),
    ("/{type}/{id}", "put", "update", "Store the next version of a resource, or its first."),
    ("/{type}/{id}", "patch", "patch", "Change a resource by JSON, merge, XML or FHIRPath Patch."),
    ("/{type}/{id}", "delete", "delete", "Delete a resource; its history stays."),
    ("/{type}/{id}/_history", "get", "history-instance", "The versions of a resource."),
    ("/{type}/{id}/_history/{version}", "get", "vread", "One version of a resource."),
)
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "create": ("If-None-Exist", "Prefer"),
    "update": ("If-Match", "If-None-Match", "Prefer"),
    "patch": ("If-Match", "Prefer"),
    "delete": ("If-Match",),
    "read": ("If-None-Match", "If-Modified-Since"),
    "transaction": ("Prefer",),
}
_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "type": {"type": "string", "example": "Patient"},
    "id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
    "version": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
}


class FhirApi(Api):  # type: ignore[misc] # flask-smorest publishes no types
    """flask-smorest's API without its error handlers: failures leave as OperationOutcomes."""

    def _register_error_handlers(self) -> None:
        """Leave errors to the application."""


def describe(app: Flask, types: Collection[str], operations: Iterable[Operation]) -> None:
    """Add `/openapi.json` to an application.

    Args:
        app: the application.
        types: the resource types offered.
        operations: the operations in force.
    """
    app.config.update(
        API_TITLE="fhirserver",
        API_VERSION=f"v{__version__}",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/",
    )
    api = FhirApi(
        app,
        spec_kwargs={
            "flask_plugin": BasePlugin(),
            "info": {"description": "FHIR R4: ordonnance numérique, DMP."},
            "security": [{"bearer": []}],
            "servers": [{"url": "/"}],
        },
    )
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    found = paths(sorted(types), operations)
    for path, item in found.items():
        api.spec.path(path=path, operations=item)


def paths(types: Sequence[str], operations: Iterable[Operation]) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI path items of all routes."""
    found: dict[str, dict[str, Any]] = {}
    for path, method, name, about in _ROUTES:
        found.setdefault(BASE + path, {})[method] = _operation(path, method, name, about, types)
    for operation in operations:
        levels = [""] if operation.system else []
        levels += ["/{type}" if kind == "*" else f"/{kind}" for kind in operation.types]
        levels += ["/{type}/{id}" if kind == "*" else f"/{kind}/{{id}}" for kind in operation.instances]
        for level in levels:
            path, name = f"{level}/${operation.name}", f"{level.strip('/').replace('/', '-')}${operation.name}"
            found[BASE + path] = {"post": _operation(path, "post", name, operation.definition, types)}
    for path, about in (("/health", "The process answers."), ("/ready", "The store answers."), ("/metrics", "Counts.")):
        found[path] = {"get": {"summary": about, "security": [], "responses": {"200": {"description": "OK"}}}}
    return found


def _operation(path: str, method: str, name: str, about: str, types: Sequence[str]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    for each in _PARAMETERS:
        if f"{{{each}}}" in path:
            schema = {**_PARAMETERS[each], "enum": list(types)} if each == "type" else _PARAMETERS[each]
            parameters.append({"name": each, "in": "path", "required": True, "schema": schema})
    parameters += [
        {"name": header, "in": "header", "required": False, "schema": {"type": "string"}}
        for header in _HEADERS.get(name, ())
    ]
    content = {media: {"schema": {"type": "object"}} for media in _FHIR_MEDIA}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": about,
        "parameters": parameters,
        "responses": {
            "default": {**_OUTCOME, "content": content},
            **({"200": {"description": "OK", "content": content}} if method != "delete" else {}),
            **({"201": {"description": "Created", "content": content}} if method in ("post", "put") else {}),
            **({"204": {"description": "Deleted, or nothing to delete"}} if method == "delete" else {}),
        },
    }
    if method in ("post", "put", "patch"):
        body = (
            {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}} if name == "search-form" else content
        )
        if "patch" in name:
            body = {
                media: {"schema": {}}
                for media in ("application/json-patch+json", "application/merge-patch+json", *_FHIR_MEDIA)
            }
        operation["requestBody"] = {"required": True, "content": body}
    if name == "capabilities":
        operation["security"] = []
    return operation
