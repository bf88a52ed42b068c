"""`_summary` and `_elements`: a part of a resource, marked SUBSETTED (https://hl7.org/fhir/R4/search.html#summary)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.definitions.elements import Elements
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Stored

SUBSETTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_SUMMARIES: Final = ("true", "text", "data", "count", "false")
_ALWAYS: Final = ("resourceType", "id", "meta")

_OF_ALL: Final = frozenset({"id", "extension", "modifierExtension"})
"""Kept of every element in a summary: what an extension says may change how its element is to be read."""

Cut = Callable[[dict[str, Any]], dict[str, Any]]


def present(services: Services, request: Request, stored: Stored) -> Answer:
    """Answer the part of a version that the query asks for."""
    types = () if request.prefer.lenient else (stored.type,)
    cut = choose(services.definitions, request.pairs(), types)
    if cut is None:
        return Answer(200, stored)
    return Answer(200, stored, resource=cut(jsontext.read(stored.body)))


def choose(
    definitions: Definitions, pairs: Sequence[tuple[str, str]], types: Collection[str] = (), *, included: bool = False
) -> Cut | None:
    """Return what cuts resources down as `_summary` or `_elements` asks; None when nothing is to be cut.

    Args:
        definitions: in force.
        pairs: the parameters.
        types: one of which has each element that is named; empty where that is not asked.
        included: for what a search includes: elements hold for it only where they name its type (`Patient.name`).

    Raises:
        BadRequest: an unknown `_summary`; an element that no type has; a `_summary=text` with includes, which the
            specification rules out.
    """
    summary = dict(pairs).get("_summary")
    _check(summary, pairs)
    named = [part.strip() for name, value in pairs if name == "_elements" for part in value.split(",") if part.strip()]
    model = _model(definitions)
    if named:
        if types:
            _require_elements(model, named, types)
        return _elements(model, [name for name in named if not included or name[:1].isupper()])
    if summary in (None, "false", "count"):
        return None
    if summary == "data":
        return lambda resource: _tagged({name: value for name, value in resource.items() if name != "text"})

    def cut(resource: dict[str, Any]) -> dict[str, Any]:
        kind = resource["resourceType"]
        if summary == "true":
            return _tagged(_always(resource) | _summarised(model, resource, kind))
        return _keep(model, resource, {"text"})

    return cut


def _check(summary: str | None, pairs: Sequence[tuple[str, str]]) -> None:
    if summary is not None and summary not in _SUMMARIES:
        offered = ", ".join(_SUMMARIES)
        raise BadRequest(Text(f"_summary vaut l'un de {offered}.", f"_summary is one of {offered}."), rule="summary")
    if summary == "text" and any(name.partition(":")[0] in ("_include", "_revinclude") for name, _ in pairs):
        raise BadRequest(
            Text(
                "_summary=text ne va pas avec _include ni _revinclude.",
                "_summary=text does not go with _include or _revinclude.",
            ),
            expression="http._summary",
            rule="summary",
        )


def _require_elements(model: Elements, named: Collection[str], types: Collection[str]) -> None:
    for name in named:
        kind, _, inside = name.partition(".")
        wanted, of = (inside.partition(".")[0], (kind,)) if name[0].isupper() else (kind, types)
        if wanted not in _ALWAYS and not any(_has(model, each, wanted) for each in of):
            told = ", ".join(of)
            raise BadRequest(
                Text(
                    f"« {wanted[:40]} » n'est pas un élément de {told[:200]}.",
                    f'"{wanted[:40]}" is no element of {told[:200]}.',
                ),
                expression="http._elements",
                rule="elements",
            )


def _has(model: Elements, kind: str, name: str) -> bool:
    try:
        return name in model.names(kind) or f"{name}[x]" in model.of(kind)
    except KeyError:
        return False


def _elements(model: Elements, named: Collection[str]) -> Cut:
    """Keep the named elements, `Type.element` meaning that type alone, and what is mandatory.

    A type of which no element is named stays whole.
    """

    def cut(resource: dict[str, Any]) -> dict[str, Any]:
        kind = resource["resourceType"]
        mine = (name.removeprefix(f"{kind}.") for name in named)
        # `name.family` asks for a part of what stands at the root
        wanted = {name.partition(".")[0] for name in mine if not ("." in name and name[0].isupper())}
        return _keep(model, resource, wanted) if wanted else resource

    return cut


def _keep(model: Elements, resource: dict[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    """Keep some elements of the root, choices by any of their names, and what is mandatory or changes the meaning."""
    names = model.names(resource["resourceType"])

    def kept(key: str) -> bool:
        name = key.removeprefix("_")
        if name in wanted or name not in names:
            return name in wanted
        element, _ = names[name]
        required = element.minimum > 0 or element.is_modifier
        return required or element.name in wanted or element.name.removesuffix("[x]") in wanted

    return _tagged(_always(resource) | {name: value for name, value in resource.items() if kept(name)})


def _summarised(model: Elements, value: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what of an element its definition has in the summary, at every depth; all where that leaves nothing."""
    names = model.names(path)
    parts: dict[str, Any] = {}
    for key, item in value.items():
        name = key.removeprefix("_")
        if name in _OF_ALL and "resourceType" not in value:
            parts[key] = item
        elif name in names:
            element, choice = names[name]
            if element.is_summary or element.minimum > 0 or element.is_modifier:
                inner = element.content or choice.code
                parts[key] = _inside(model, item, inner) if key == name and inner[0].isupper() else item
    return parts if parts.keys() - _OF_ALL or "resourceType" in value else value


def _inside(model: Elements, item: Any, path: str) -> Any:
    if path in ("Resource", "Extension", "Reference"):
        return item
    if isinstance(item, list):
        return [_inside(model, each, path) for each in item]
    return _summarised(model, item, path) if isinstance(item, dict) else item


def _always(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in _ALWAYS if name in resource}


def _tagged(resource: dict[str, Any]) -> dict[str, Any]:
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [*meta.get("tag", []), SUBSETTED]}}


@lru_cache(maxsize=4)
def _model(definitions: Definitions) -> Elements:
    return Elements(definitions)
