"""Routes and operations as OpenAPI path items: for all types at once, or for one, with its search parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fhirserver.definitions import Definitions
from fhirserver.operations.registry import Operation
from fhirserver.search.declared.registry import Registry
from fhirserver.wire.description import examples
from fhirserver.wire.description.routes import CREATING, INVOKED, LAST, OPERATIONS, ROUTES, SERVER, Route
from fhirserver.wire.gateway import BASE

FHIR: Final = ("application/fhir+json", "application/fhir+xml")
_FORM: Final = "application/x-www-form-urlencoded"
_ID: Final = r"^[A-Za-z0-9\-.]{1,64}$"
_TYPE_OF_EXAMPLE: Final = {"delete": "ConceptMap", "conditional-delete": "Composition"}
_REFUSED: Final = 400
_HEADERS: Final = {
    "If-Match": 'W/"1"',
    "If-None-Match": 'W/"9"',
    "If-Modified-Since": "Sun, 01 Jun 2025 08:00:00 GMT",
    "If-None-Exist": "identifier=urn:oid:1.2.250.1.999.42.9|EXEMPLE-1",
    "Prefer": "return=representation",
}
_CONDITIONAL: Final = ("If-Match", "If-None-Match", "If-Modified-Since", "If-None-Exist")
"""Headers that are not sent with an example: they decide what it answers."""
_VALUES: Final = {
    "date": "ge2020-01-01",
    "number": "1",
    "quantity": "1",
    "reference": f"Patient/{examples.ID}",
    "string": "mot",
    "token": "mot",
    "uri": "https://fhir.example.fr/mot",
}
_SERVER: Final = (
    ("/health", "health", "The process answers."),
    ("/ready", "ready", "The store answers."),
    ("/metrics", "metrics", "Counts of answers, for Prometheus."),
)


@dataclass(frozen=True, slots=True)
class Surface:
    """What is described: the types and operations in force, their definitions, the search parameters."""

    types: Collection[str]
    operations: tuple[Operation, ...]
    definitions: Definitions
    registry: Registry

    def paths(self, kind: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the path items of all routes; for one type, those of that type and of the whole system.

        Args:
            kind: the type.
        """
        found: dict[str, dict[str, Any]] = {}
        for route in (*ROUTES, *self._invoked(), *LAST):
            shown = _of_type(route, kind)
            if shown is not None:
                found.setdefault(BASE + shown.path, {})[shown.method] = self._operation(shown, kind)
        for path, name, about in _SERVER:
            answers = {"200": {"description": "OK"}, **({"503": _UNAVAILABLE} if name == "ready" else {})}
            found[path] = {
                "get": {"operationId": name, "tags": [SERVER], "summary": about, "security": [], "responses": answers}
            }
        return found

    def _invoked(self) -> Iterator[Route]:
        """Yield the routes of the operations, each by POST, and by GET where it changes nothing."""
        for operation in self.operations:
            levels = ["/"] if operation.system else []
            levels += ["/{type}/" if kind == "*" else f"/{kind}/" for kind in operation.types]
            levels += ["/{type}/{id}/" if kind == "*" else f"/{kind}/{{id}}/" for kind in operation.instances]
            definition = self.definitions.find("OperationDefinition", operation.definition) or {}
            about = str(definition.get("title") or definition.get("description") or operation.name)
            summary = f"${operation.name}: {about.rsplit('. ', maxsplit=1)[-1].strip()[:140]}"
            for level in levels:
                path = f"{level}${operation.name}"
                name = f"{level.strip('/').replace('/', '-')}${operation.name}"
                statuses, headers = INVOKED, ("Prefer",) if operation.later else ()
                yield Route(path, "post", name, OPERATIONS, summary, statuses, headers, body="input")
                if operation.reads and (operation.name not in examples.OF_A_BODY or "{id}" in level):
                    query = tuple(examples.QUERIES.get(name, {}).items())
                    yield Route(path, "get", f"{name}-get", OPERATIONS, summary, statuses, headers, query)

    def _operation(self, route: Route, kind: str | None) -> dict[str, Any]:
        described: dict[str, Any] = {
            "operationId": route.name,
            "tags": [route.tag],
            "summary": route.summary,
            "parameters": [*self._parameters(route), *self._searched(route, kind)],
            "responses": {str(status): _answer(status, route) for status in sorted(set(route.statuses))},
        }
        name = route.name.partition("$")[2].removesuffix("-get")
        if name in examples.STATE or "{request}" in route.path:
            described["description"] = "Its examples speak of what other requests must have made first."
        if route.body:
            described["requestBody"] = _body(route, kind)
        if route.name == "capabilities":
            described["security"] = []
        return described

    def _parameters(self, route: Route) -> Iterator[dict[str, Any]]:
        kind = _TYPE_OF_EXAMPLE.get(route.name, "Patient")
        schemas: dict[str, tuple[dict[str, Any], str]] = {
            "type": ({"type": "string", "enum": sorted(self.types)}, kind),
            "id": ({"type": "string", "pattern": _ID}, examples.ID),
            "version": ({"type": "string", "pattern": _ID}, "1"),
            "request": ({"type": "string", "pattern": "^[0-9a-f]{32}$"}, "0" * 32),
        }
        for name, (schema, example) in schemas.items():
            if f"{{{name}}}" in route.path:
                yield {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
        for name, example in route.query:
            yield {"name": name, "in": "query", "schema": {"type": "string"}, "example": example}
        for name in route.headers:
            schema = {"type": "string", "examples": [_HEADERS[name]]}
            shown: dict[str, Any] = {"name": name, "in": "header", "schema": schema}
            if name == "Prefer" and 202 in route.statuses:  # noqa: PLR2004 - answered later
                shown["description"] = "`respond-async`: answered later (202), at the address in Content-Location."
            yield shown

    def _searched(self, route: Route, kind: str | None) -> Iterator[dict[str, Any]]:
        """Yield a type's own search parameters, where one type is described."""
        if kind is None or route.name != "search-type":
            return
        for code, parameter in sorted(self.registry.of(kind).by_code.items()):
            schema: dict[str, Any] = {"type": "string"}
            if parameter.kind in _VALUES:
                schema["examples"] = [_VALUES[parameter.kind]]
            yield {"name": code, "in": "query", "description": parameter.kind, "schema": schema}


def _of_type(route: Route, kind: str | None) -> Route | None:
    """Return a route as it is for one type; None where it is another type's."""
    if kind is None:
        return route
    path = route.path.replace("{type}", kind)
    first = path.split("/")[1] if path else ""
    return replace(route, path=path) if first == kind or not first[:1].isupper() else None


def _answer(status: int, route: Route) -> dict[str, Any]:
    told = {"description": HTTPStatus(status).phrase}
    if status >= _REFUSED:
        return {"$ref": f"#/components/responses/{status}"}
    if status == 202:  # noqa: PLR2004 - accepted
        return {"$ref": "#/components/responses/202"}
    if status in (204, 304) or not route.shown:
        return told
    if route.shown == "manifest":
        return {**told, "content": {"application/json": {"schema": {"type": "object"}}}}
    known = "Bundle" if route.shown == "Bundle" else "Resource"
    content: dict[str, Any] = {media: {"schema": {"$ref": f"#/components/schemas/{known}"}} for media in FHIR}
    if route.name in ("read", "vread"):
        content["*/*"] = {"schema": {}}
    return {**told, "content": content}


def _body(route: Route, kind: str | None) -> dict[str, Any]:
    if route.body == "input":
        given = _input(route)
        media: dict[str, Any] = {name: {"schema": {"$ref": "#/components/schemas/Resource"}} for name in FHIR}
        if given is not None:
            media[FHIR[0]]["examples"] = {"input": {"value": given}}
        return {"required": False, "content": media}
    shown = examples.BODIES[route.name]
    if kind not in (None, "Patient"):
        shown = {name: {} for name in shown}
    names = (_FORM,) if route.body == "form" else tuple(dict.fromkeys((*shown, *FHIR)))
    schema = {} if route.body == "patch" else {"$ref": "#/components/schemas/Resource"}
    content: dict[str, Any] = {}
    for name in names:
        content[name] = {"schema": {"type": "object"} if route.body == "form" else schema}
        if shown.get(name):
            content[name]["examples"] = {label: {"value": value} for label, value in shown[name].items()}
    return {"required": True, "content": content}


def _input(route: Route) -> Mapping[str, Any] | None:
    """Return the example of an operation's input."""
    name = route.name.partition("$")[2]
    if name in examples.INPUTS:
        return examples.INPUTS[name]
    query = examples.QUERIES.get(route.name)
    if not query:
        return None if name in examples.STATE else {"resourceType": "Parameters"}
    parts = [{"name": key, f"value{_typed(key)}": value} for key, value in query.items()]
    return examples.parameters(*parts)


def _typed(name: str) -> str:
    if name in ("url", "system", "source", "target"):
        return "Uri"
    return "Code" if name.startswith("code") else "String"


_UNAVAILABLE: Final = {"description": "The store does not answer.", "content": {"application/json": {"schema": {}}}}


def responses() -> dict[str, dict[str, Any]]:
    """Return the answers that routes share: all refusals, as OperationOutcomes, and the acceptance of work."""
    refused = {name: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}} for name in FHIR}
    shared: dict[str, dict[str, Any]] = {
        "202": {
            "description": "Accepted: answered later",
            "headers": {
                "Content-Location": {"description": "Where its state is.", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds.", "schema": {"type": "string"}},
                "X-Progress": {"description": "How far it is.", "schema": {"type": "string"}},
            },
        }
    }
    statuses = {status for route in (*ROUTES, *LAST) for status in route.statuses} | {*INVOKED, *CREATING}
    for status in sorted(statuses):
        if status >= _REFUSED:
            shared[str(status)] = {"description": HTTPStatus(status).phrase, "content": refused}
    return shared


def schemas() -> dict[str, dict[str, Any]]:
    """Return the shapes of FHIR's JSON that every answer has; profiles say the rest (docs/profiles.md)."""
    kind = {"type": "string"}
    return {
        "Resource": {"type": "object", "required": ["resourceType"], "properties": {"resourceType": kind}},
        "Bundle": {
            "type": "object",
            "required": ["resourceType", "type"],
            "properties": {"resourceType": {"const": "Bundle"}, "type": kind, "entry": {"type": "array"}},
        },
        "OperationOutcome": {
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {
                "resourceType": {"const": "OperationOutcome"},
                "issue": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "object", "required": ["severity", "code"]},
                },
            },
        },
    }
