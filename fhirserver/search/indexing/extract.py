"""From a resource to its index values, in one walk.

What is kept, under `s` of the resource's document (docs/decisions/search-index.md):

| field | holds |
|---|---|
| `k` | keys: `parameter=value`, the multikey array of the one index that serves every parameter |
| `a` | compartments to which the resource belongs: `Patient/1`, `Practitioner/2`, … |
| `c` | the status code, `d` the main date (microseconds), for lists of one patient in the order of time |
| `b` | the address under which the client saw the server, if it is none of the settings' |
| `n` | the same for each contained resource: `{t: type, i: id, x: values, r: ways that lead there}` |
| `x` | the values themselves, by parameter: every query is decided on them, whatever index found the candidate |
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from fhirserver.search.declared.evaluated import evaluator
from fhirserver.search.declared.parameters import Component, Parameter, TypeParameters
from fhirserver.search.declared.places import Place, places
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing import inside
from fhirserver.search.indexing.walk import MALFORMED, Node
from fhirserver.search.types import composite, date, number, position, quantity, reference, string, token, uri
from fhirserver.search.types.values import Collector, Setting, Values
from fhirserver.search.values.instants import BEGINNING

IndexValues = dict[str, Any]
_ADDRESSES: Final = 8
"""Addresses beside the settings' for which plans are kept; those least lately used give way."""
NO_DATE: Final = BEGINNING
"""Main date of a resource that has none: sorts before every date."""


class Indexer:
    """Extracts index values; safe to share between threads.

    Args:
        registry: the parameters in force.
        setting: time zone and addresses of this server.
    """

    def __init__(self, registry: Registry, setting: Setting | None = None) -> None:
        self._registry = registry
        self._setting = setting or Setting()
        self._plans: dict[str, _Plan] = {}
        self._generation = registry.generation
        self._at = lru_cache(_ADDRESSES)(self._under)

    def extract(self, resource: dict[str, Any], base: str = "") -> IndexValues:
        """Return the index values of a resource, to be stored in its document as they are.

        Args:
            resource: as `jsontext.read` gives it.
            base: address under which the client sees this server, with a final slash: absolute references that begin
                so are this server's, besides those of the setting.

        Raises:
            KeyError: no such resource type.
        """
        if base and base not in self._setting.bases:
            return {**self._at(base).extract(resource), "b": base}
        if self._generation != self._registry.generation:
            self._generation, self._plans = self._registry.generation, {}
        links: inside.Links = {}
        values = self._plan(resource["resourceType"]).extract(resource, links)
        if "contained" in resource:
            with suppress(*MALFORMED):
                self._contained(resource, values, links)
        return values

    def _plan(self, resource_type: str) -> _Plan:
        plan = self._plans.get(resource_type)
        if plan is None:
            plan = _Plan(self._registry, self._registry.of(resource_type), self._setting)
            self._plans[resource_type] = plan
        return plan

    def _contained(self, resource: dict[str, Any], values: IndexValues, links: inside.Links) -> None:
        """Add the values and keys of the resources that a resource contains, and by which references it leads there."""
        found = []
        of_each: list[tuple[str, str, inside.Links]] = []
        keys: dict[str, None] = {}
        for each in resource["contained"]:
            resource_type = each.get("resourceType")
            if resource_type not in self._registry.types or "id" not in each:
                continue
            further: inside.Links = {}
            whole = {**each, "contained": resource["contained"]}
            of_it, keys_of_it = self._plan(resource_type).contained(whole, further)
            found.append({"t": resource_type, "i": each["id"], "x": of_it})
            of_each.append((resource_type, each["id"], further))
            keys[inside.key(resource_type)] = None
            keys.update(dict.fromkeys(inside.key(resource_type, key) for key in keys_of_it))
        if found:
            ways = inside.ways(links, of_each)
            values["n"] = [{**each, "r": ways[each["i"]]} if each["i"] in ways else each for each in found]
            values["k"] += list(keys)

    def _under(self, base: str) -> Indexer:
        """Return the indexer of an address."""
        return Indexer(self._registry, replace(self._setting, bases=(*self._setting.bases, base)))


class _Plan:
    """What to extract from one resource type."""

    def __init__(self, registry: Registry, parameters: TypeParameters, setting: Setting) -> None:
        self._type = parameters.resource_type
        self._tree = Node()
        self._keys: dict[str, Callable[[str, list[Any]], list[str]]] = {}
        self._status = parameters.status
        self._statuses = frozenset(parameters.by_code[parameters.status].codes if parameters.status else ())
        self._main_date = parameters.main_date
        self._setting = setting
        self._registry = registry
        self._fragments: list[str] = []
        self._evaluated: list[Collector] = []
        self._references: list[tuple[str, frozenset[str]]] = []
        for parameter in parameters.by_code.values():
            self._add(parameter)
        self._compartments = tuple(
            (f"{compartment}/", tuple(parameters.by_code[code].field for code in codes))
            for compartment, codes in parameters.compartments.items()
        )

    def _add(self, parameter: Parameter) -> None:
        for path in parameter.paths:
            for place in places(self._registry.elements, self._type, path):
                collector = self._collector(parameter, place)
                if collector:
                    self._tree.reach(place.moves).collectors.append(collector)
        if parameter.expression:
            evaluate = evaluator(self._registry.engine, parameter, lambda of: self._simple(parameter, of))
            if evaluate:
                self._evaluated.append(evaluate)
        keys = _keys_of(parameter)
        if keys:
            self._keys[parameter.field] = keys
        if parameter.kind == "reference":
            if not parameter.anchored:
                self._keys[parameter.field + reference.IDENTIFIER] = token.index_keys
                self._keys[parameter.field + reference.CONTAINED] = _contained_keys
            self._fragments.append(parameter.field)
            if parameter.targets - parameter.anchored:
                self._references.append((parameter.field, parameter.anchored))

    def _simple(self, parameter: Parameter, fhir_type: str) -> Collector | None:
        place = Place((), fhir_type, "", single=False, element=None)
        return collector_of(parameter.kind, place, parameter.field, self._setting)

    def _collector(self, parameter: Parameter, place: Place) -> Collector | None:
        if parameter.kind == "composite":
            start = place.element.content if place.element else self._type
            if start is None:
                return None
            parts = [self._part(component, str(at), start) for at, component in enumerate(parameter.components)]
            return composite.collector(parameter.field, parts)
        return collector_of(parameter.kind, place, parameter.field, self._setting)

    def _part(self, component: Component, field: str, start: str) -> Collector | None:
        tree = Node()
        for path in component.paths:
            for place in places(self._registry.elements, start, path):
                collector = collector_of(component.kind, place, field, self._setting)
                if collector:
                    tree.reach(place.moves).collectors.append(collector)
        return tree.collect

    def extract(self, resource: dict[str, Any], links: inside.Links) -> IndexValues:
        """Return all values and keys of a resource, and note in `links` what refers to what it contains."""
        values = self._values(resource, links)
        compartments = self._belongs_to(resource, values)
        keys = self._reference_keys(resource, values, compartments)
        by_field = self._keys
        for field, found in values.items():
            of = by_field.get(field)
            if of:
                keys += of(field, found)
        document: IndexValues = {"k": list(dict.fromkeys(keys)), "x": values}
        if compartments:
            document["a"] = compartments
        if self._status and self._status in values:
            status = values[self._status][0].partition("\t")[0]
            if status in self._statuses:
                document["c"] = status
        if self._main_date:
            spans = values.get(self._main_date)
            document["d"] = min(value["b"] for value in spans) if spans else NO_DATE
        return document

    def contained(self, resource: dict[str, Any], links: inside.Links) -> tuple[Values, list[str]]:
        """Return the values of a contained resource, and its keys; `links` as in `extract`."""
        values = self._values(resource, links)
        return values, [
            key
            for code in inside.KEYED
            if code in values and code in self._keys
            for key in self._keys[code](code, values[code])
        ]

    def _values(self, resource: dict[str, Any], links: inside.Links) -> Values:
        """Return the values of all parameters, by field, none twice."""
        values: Values = {}
        self._tree.collect(resource, values)
        for evaluate in self._evaluated:
            with suppress(*MALFORMED):
                evaluate(resource, values)
        if "contained" in resource:
            for field in self._fragments:
                if field + reference.CONTAINED in values:
                    links[field] = [fragment[1:] for fragment in values[field + reference.CONTAINED]]
                    with suppress(*MALFORMED):
                        reference.resolve_contained(resource, field, values)
        for field, found in values.items():
            if len(found) > 1:
                values[field] = _distinct(found)
        return values

    def _reference_keys(self, resource: dict[str, Any], values: Values, compartments: list[str]) -> list[str]:
        """Return keys of all references that no compartment tells of."""
        found = reference.everywhere(resource, self._setting).difference(compartments)
        for field, anchored in self._references:
            found.update(value for value in values.get(field, ()) if value.partition("/")[0] not in anchored)
        return [reference.index_key(value) for value in sorted(found)]

    def _belongs_to(self, resource: dict[str, Any], values: Values) -> list[str]:
        found: dict[str, None] = {}
        for start, fields in self._compartments:
            for field in fields:
                for value in values.get(field, ()):
                    if value.startswith(start):
                        found[value] = None
                for beside in (reference.IDENTIFIER, reference.CONTAINED):
                    for value in values.get(field + beside, ()):
                        if value:
                            found[reference.LOGICAL + value] = None
        if self._type in _COMPARTMENTS and "id" in resource:
            found[f"{self._type}/{resource['id']}"] = None
        return list(found)


_COMPARTMENTS: Final = frozenset({"Patient", "Practitioner", "RelatedPerson", "Device", "Encounter"})


def collector_of(  # noqa: PLR0911 - one return for each kind
    kind: str, place: Place, field: str, setting: Setting
) -> Collector | None:
    """Return what extracts values of a parameter's kind at a place; None where there are none."""
    fhir_type = place.fhir_type
    match kind:
        case "token":
            return token.collector(fhir_type, field)
        case "string":
            return string.collector(fhir_type, field)
        case "date":
            return date.collector(fhir_type, field, setting)
        case "reference":
            return reference.collector(fhir_type, field, place.points_to, setting)
        case "quantity":
            return quantity.collector(fhir_type, field)
        case "number":
            return number.collector(fhir_type, field)
        case "uri":
            return uri.collector(fhir_type, field)
        case "special":
            return position.collector(field)
        case _:
            return None


def _keys_of(  # noqa: PLR0911 - one return for each kind
    parameter: Parameter,
) -> Callable[[str, list[Any]], list[str]] | None:
    match parameter.kind:
        case "token":
            return token.index_keys_of_codes if parameter.coded else token.index_keys
        case "string":
            return string.index_keys
        case "date":
            return date.index_keys
        case "quantity":
            return quantity.index_keys
        case "number":
            return number.index_keys
        case "uri":
            return uri.index_keys
        case "special":
            return position.index_keys
        case _:
            return None


def _contained_keys(field: str, found: list[str]) -> list[str]:
    """Return the keys of contained resources' identifiers: the same as those of logical references."""
    beside = field.removesuffix(reference.CONTAINED) + reference.IDENTIFIER
    return token.index_keys(beside, [value for value in found if value])


def _distinct(found: list[Any]) -> list[Any]:
    try:
        return list(dict.fromkeys(found))
    except TypeError:  # spans, quantities, composites
        return [value for at, value in enumerate(found) if value not in found[:at]]
