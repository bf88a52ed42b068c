"""`_summary` and `_elements`: a part of a resource, marked SUBSETTED (https://hl7.org/fhir/R4/search.html#summary)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Stored

SUBSETTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_SUMMARIES: Final = ("true", "text", "data", "count", "false")
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})

Cut = Callable[[dict[str, Any]], dict[str, Any]]


class Elements(NamedTuple):
    """A type's root elements, by their JSON names: which are in the summary, which are mandatory."""

    summary: frozenset[str]
    mandatory: frozenset[str]


def present(services: Services, request: Request, stored: Stored) -> Answer:
    """Answer the part of a version that the query asks for."""
    cut = choose(services.definitions, request.pairs())
    if cut is None:
        return Answer(200, stored)
    return Answer(200, stored, resource=cut(jsontext.read(stored.body)))


def choose(definitions: Definitions, pairs: Sequence[tuple[str, str]]) -> Cut | None:
    """Return what cuts resources down as `_summary` or `_elements` asks; None when nothing is to be cut.

    Raises:
        BadRequest: an unknown `_summary`, or both together.
    """
    given = dict(pairs)
    summary, named = given.get("_summary"), given.get("_elements")
    if summary is not None and summary not in _SUMMARIES:
        offered = ", ".join(_SUMMARIES)
        raise BadRequest(Text(f"_summary vaut l'un de {offered}.", f"_summary is one of {offered}."), rule="summary")
    if named:
        return _elements(definitions, frozenset(part.strip() for part in named.split(",") if part.strip()))
    if summary in (None, "false", "count"):
        return None
    if summary == "data":
        return lambda resource: _tagged({name: value for name, value in resource.items() if name != "text"})

    def cut(resource: dict[str, Any]) -> dict[str, Any]:
        elements = elements_of(definitions, resource["resourceType"])
        kept = elements.summary if summary == "true" else elements.mandatory | {"text"}
        return _keep(resource, kept)

    return cut


def _elements(definitions: Definitions, named: Collection[str]) -> Cut:
    """Keep the named elements, `Type.element` meaning that type alone, and what is mandatory."""

    def cut(resource: dict[str, Any]) -> dict[str, Any]:
        kind = resource["resourceType"]
        wanted = {
            name.split(".")[1] if name.startswith(f"{kind}.") else name
            for name in named
            if "." not in name or name.startswith(f"{kind}.")
        }
        return _keep(resource, wanted | elements_of(definitions, kind).mandatory)

    return cut


def _keep(resource: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    names = kept | _ALWAYS if isinstance(kept, frozenset) else frozenset(kept) | _ALWAYS
    return _tagged(
        {
            name: value
            for name, value in resource.items()
            if name.lstrip("_") in names or _choice(name.lstrip("_")) in names
        }
    )


def _choice(name: str) -> str:
    """Return `value` for `valueQuantity`; nonsense for names that are no choice, which no set holds."""
    for position, letter in enumerate(name):
        if letter.isupper():
            return f"{name[:position]}[x]"
    return f"{name}[x]"


def _tagged(resource: dict[str, Any]) -> dict[str, Any]:
    meta = resource.get("meta", {})
    return {**resource, "meta": {**meta, "tag": [*meta.get("tag", []), SUBSETTED]}}


@lru_cache(maxsize=512)
def elements_of(definitions: Definitions, kind: str) -> Elements:
    """Return what the definition of a type says about its root elements."""
    structure = definitions.structure(kind)
    summary, mandatory = set(), set()
    for element in (structure or {}).get("snapshot", {}).get("element", []):
        parts = element["path"].split(".")
        if len(parts) != 2:  # noqa: PLR2004 - root elements only
            continue
        if element.get("isSummary"):
            summary.add(parts[1])
        if element.get("min", 0) > 0 or element.get("isModifier"):
            mandatory.add(parts[1])
    return Elements(frozenset(summary), frozenset(mandatory))
