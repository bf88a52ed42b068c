"""Terminology resources that clients stored: used where neither the packages nor the operator's folder has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.definitions.canonical import version_key
from fhirserver.interactions.services import Services
from fhirserver.terminology import Terminology

MAX_LOOKED_UP: Final = 50
"""So many canonical urls of one call are looked for in the store."""

_VERSIONS: Final = 10
_ENDS: Final = {
    "source": ("source", "source-uri"),
    "target": ("target", "target-uri"),
    "targetsystem": ("target-system",),
}
"""How `$translate` names the ends of a concept map, and the search parameters that find it by them."""


def with_stored(
    services: Services, kind: str, parameters: dict[str, Any], resource: dict[str, Any] | None
) -> Terminology:
    """Return the terminology of the server, together with what is stored of what a call leads to.

    Args:
        services: of the server.
        kind: that the operation is offered on: what `url` names.
        parameters: of the call.
        resource: the instance that it is made on, if any.
    """
    waiting = list(_named(kind, parameters))
    if resource is not None:
        waiting += _references(resource)
    elif kind == "ConceptMap":
        waiting += _between(services, parameters)
    return _extended(services, waiting)


def named(services: Services, kind: str, canonical: str) -> tuple[Terminology, dict[str, Any] | None]:
    """Return the same for one canonical, or `ValueSet/id`, and the value set that it names."""
    if not canonical.startswith("ValueSet/"):
        terminology = _extended(services, [(kind, canonical)])
        return terminology, terminology.value_set(canonical) if kind == "ValueSet" else None
    stored = services.store.read("ValueSet", canonical.partition("/")[2])
    if stored is None or stored.deleted:
        return services.terminology, None
    value_set = jsontext.read(stored.body)
    return _extended(services, _references(value_set)), value_set


def _extended(services: Services, waiting: list[tuple[str, str]]) -> Terminology:
    seen: set[tuple[str, str]] = set()
    found: list[dict[str, Any]] = []
    while waiting and len(seen) < MAX_LOOKED_UP:
        wanted, canonical = waiting.pop()
        url = canonical.partition("|")[0]
        if (wanted, url) in seen or _is_loaded(services.terminology, wanted, canonical):
            continue
        seen.add((wanted, url))
        for stored in _stored(services, wanted, url):
            found.append(stored)
            waiting += _references(stored)
    return services.terminology.extended(found) if found else services.terminology


def _named(kind: str, parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and canonical of what the parameters name."""
    for parameter in parameters["parameter"]:
        if not isinstance(parameter, dict):
            continue
        name = parameter.get("name")
        for key, value in parameter.items():
            if key.startswith("value") and isinstance(value, str) and name in ("url", "system"):
                yield (kind if name == "url" else "CodeSystem"), value
            if key.startswith("value") and isinstance(value, dict):
                codings = value.get("coding")
                for coding in codings if isinstance(codings, list) else [value]:
                    if isinstance(coding, dict) and isinstance(coding.get("system"), str):
                        yield "CodeSystem", coding["system"]
        if isinstance(parameter.get("resource"), dict):
            yield from _references(parameter["resource"])


def _between(services: Services, parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the stored concept maps that have an end which the parameters name, if these name no map."""
    given = [one for one in parameters["parameter"] if isinstance(one, dict)]
    if {"url", "conceptMap"} & {str(one.get("name")) for one in given}:
        return
    for one in given:
        for key, value in one.items():
            if key.startswith("value") and isinstance(value, str):
                for code in _ENDS.get(str(one.get("name")), ()):
                    for identity in services.searcher.ids("ConceptMap", [(code, value)], MAX_LOOKED_UP, None):
                        stored = services.store.read("ConceptMap", identity)
                        url = None if stored is None or stored.deleted else jsontext.read(stored.body).get("url")
                        if isinstance(url, str):
                            yield "ConceptMap", url


def _references(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """Return kind and canonical of what a value set is made of."""
    compose = resource.get("compose")
    found: list[tuple[str, str]] = []
    for part in [*compose.get("include", ()), *compose.get("exclude", ())] if isinstance(compose, dict) else ():
        if isinstance(part.get("system"), str):
            found.append(("CodeSystem", part["system"]))
        found += [("ValueSet", one) for one in part.get("valueSet") or () if isinstance(one, str)]
    return found


def _is_loaded(terminology: Terminology, kind: str, canonical: str) -> bool:
    if kind == "CodeSystem":
        return terminology.has_system(canonical.partition("|")[0])
    return terminology.resource(kind, canonical) is not None


def _stored(services: Services, kind: str, url: str) -> list[dict[str, Any]]:
    """Return the stored resources of a canonical url, the latest version first."""
    if kind not in services.types:
        return []
    found = []
    for identity in services.searcher.ids(kind, [("url", url)], _VERSIONS, None):
        stored = services.store.read(kind, identity)
        if stored is not None and not stored.deleted:
            found.append(jsontext.read(stored.body))
    return sorted(found, key=lambda one: version_key(str(one.get("version") or "")), reverse=True)
