"""The SearchParameters in force, by resource type, compiled when a type is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any, Final

from fhirserver.definitions import Definitions, split_canonical
from fhirserver.definitions.elements import Elements
from fhirserver.fhirpath import Engine, ExpressionError
from fhirserver.search.declared.declarations import Conflict, Declarations
from fhirserver.search.declared.expressions import Item, Path, PointsTo, Step, UnsupportedExpressionError, Where, paths
from fhirserver.search.declared.parameters import MAIN_DATES, Component, Kind, Parameter, TypeParameters
from fhirserver.search.declared.places import Place, places

_ABSTRACT: Final = ("Resource", "DomainResource")


class Registry:
    """All search parameters; safe to share between threads.

    Attributes:
        pending: urls of the operator's parameters that earlier resources have no values of yet.
        generation: grows whenever other parameters come into force.
        unusable: canonical urls, by type and code, of those that cannot be offered: nothing would be found by them.

    Args:
        definitions: the packages in force.
        extra: SearchParameter resources of the operator, in order of precedence.
        precedence: names of the packages that win conflicts.
        engine: evaluates the few expressions that are more than paths; made here when None.
    """

    def __init__(
        self,
        definitions: Definitions,
        extra: Iterable[Mapping[str, Any]] = (),
        precedence: Sequence[str] = (),
        engine: Engine | None = None,
    ) -> None:
        self.definitions = definitions
        self.elements = Elements(definitions)
        self.engine = engine or Engine(definitions)
        self.unusable: dict[tuple[str, str], str] = {}
        self.pending: frozenset[str] = frozenset()
        self.generation = 0
        self._precedence = precedence
        self._declarations = Declarations(definitions, precedence, extra)
        self._types: dict[str, TypeParameters] = {}
        self._shared: dict[str, Parameter | None] = {}
        self._compartments: dict[str, dict[str, tuple[str, ...]]] = {}
        self._lock = Lock()
        for compartment in definitions.all("CompartmentDefinition"):
            if not compartment["url"].startswith("http://hl7.org/fhir/"):
                continue
            for entry in compartment.get("resource", ()):
                if entry.get("param"):
                    of_type = self._compartments.setdefault(entry["code"], {})
                    of_type[compartment["code"]] = tuple(entry["param"])

    def adopt(self, extra: Iterable[Mapping[str, Any]], pending: frozenset[str] = frozenset()) -> None:
        """Take other parameters of the operator into force.

        Args:
            extra: SearchParameter resources, in place of those before.
            pending: canonical urls of those that earlier resources have no values of yet: searches by them are refused.
        """
        declarations = Declarations(self.definitions, self._precedence, extra)
        with self._lock:
            self._declarations, self.pending = declarations, pending
            self._types, self._shared, self.unusable = {}, {}, {}
            self.generation += 1

    @property
    def conflicts(self) -> Sequence[Conflict]:
        """SearchParameters that others displaced."""
        return self._declarations.conflicts

    @property
    def types(self) -> frozenset[str]:
        """The concrete resource types."""
        return self.definitions.resource_types

    def of(self, resource_type: str) -> TypeParameters:
        """Return the parameters of a resource type.

        Raises:
            KeyError: no such type.
        """
        known = self._types.get(resource_type)
        if known is None:
            if resource_type not in self.types:
                raise KeyError(resource_type)
            with self._lock:
                known = self._types.get(resource_type) or self._compile(resource_type)
                self._types[resource_type] = known
        return known

    def shared(self, resource_type: str, code: str) -> Parameter | None:
        """Return a parameter that all types have in common (`_tag`, `_profile`, …); None for any other.

        A search of all types names no more than these: the others of each type need not be compiled for it.
        """
        declared = self._declarations.of
        definition = declared.get("Resource", {}).get(code)
        if definition is None or code in declared.get("DomainResource", ()) or code in declared.get(resource_type, ()):
            return None
        found = self._shared.get(code)
        if found is None:
            compiled = self._parameter("Resource", definition)
            found = compiled if self._works(compiled, definition) and compiled.paths else None
            self._shared[code] = found
        return found

    def member(self, resource_type: str, compartment: str) -> bool:
        """Tell whether resources of a type can belong to compartments of another."""
        return compartment in self._compartments.get(resource_type, ())

    def _compile(self, resource_type: str) -> TypeParameters:
        bases = ["Resource", "DomainResource", resource_type]
        if resource_type in ("Binary", "Bundle", "Parameters"):
            bases.remove("DomainResource")
        declared: dict[str, dict[str, Any]] = {}
        for base in bases:
            declared.update(self._declarations.of.get(base, {}))
        compartments = self._compartments.get(resource_type, {})
        by_code = {}
        for code, definition in sorted(declared.items()):
            parameter = self._parameter(resource_type, definition)
            if self._works(parameter, definition):
                by_code[code] = parameter
            else:
                self.unusable[resource_type, code] = definition["url"]
        anchors = {
            compartment: {_bare(path) for code in codes if code in by_code for path in by_code[code].paths}
            for compartment, codes in compartments.items()
        }
        for code, parameter in by_code.items():
            if parameter.kind == "reference" and parameter.paths:
                bare = {_bare(path) for path in parameter.paths}
                anchored = frozenset(name for name, covered in anchors.items() if bare <= covered)
                by_code[code] = replace(parameter, anchored=anchored)
        indexed = [parameter for parameter in by_code.values() if parameter.url not in self.pending]
        for code, parameter in by_code.items():
            if parameter.kind == "composite":
                by_code[code] = replace(parameter, components=tuple(_covered(parameter, indexed)))
        status = by_code.get("status")
        return TypeParameters(
            resource_type,
            by_code,
            {name: tuple(code for code in codes if code in by_code) for name, codes in compartments.items()},
            "status" if status and status.single and status.leaf_types == {"code"} else None,
            next((code for code in MAIN_DATES if code in by_code and by_code[code].kind == "date"), None),
        )

    def _parameter(self, resource_type: str, definition: Mapping[str, Any]) -> Parameter:
        expression = definition.get("expression", "")
        try:
            found = tuple(path for path in paths(expression) if path.root in ("", resource_type, *_ABSTRACT))
            rest = ""
        except UnsupportedExpressionError:
            found, rest = (), expression
        ends = [place for path in found for place in places(self.elements, resource_type, path)]
        code = definition["code"]
        kind: Kind = "special" if code == "near" else definition["type"]
        systems, codes = self._required_codes(ends) if kind == "token" else (frozenset(), ())
        return Parameter(
            code=code,
            kind=kind,
            url=definition["url"],
            resource_type=resource_type,
            paths=found,
            expression=rest,
            targets=self._targets(definition, ends),
            components=tuple(self._components(definition)),
            leaf_types=frozenset(place.fhir_type for place in ends),
            single=len(found) == 1 and all(place.single for place in ends) and not rest,
            systems=systems,
            codes=codes,
            description=definition.get("description", ""),
        )

    def _works(self, parameter: Parameter, definition: Mapping[str, Any]) -> bool:
        """Tell whether values can be extracted: a parameter that would silently find nothing is not offered."""
        if parameter.kind == "composite":  # its elements are found by paths alone
            parts = parameter.components
            complete = len(parts) == len(definition.get("component", ())) and all(part.paths for part in parts)
            return complete and not parameter.expression
        if parameter.expression:
            try:
                self.engine.compile(parameter.expression)
            except ExpressionError:
                return False
        return True

    def _targets(self, definition: Mapping[str, Any], ends: list[Place]) -> frozenset[str]:
        """Return what a reference parameter may refer to: what its definition and its elements both allow."""
        if definition["type"] != "reference":
            return frozenset()
        if ends and all(place.points_to for place in ends):
            return frozenset(place.points_to for place in ends)
        declared = frozenset(definition.get("target", ())) & self.types
        if declared:
            return declared
        allowed = {
            profile.rpartition("/")[2]
            for place in ends
            for choice in (place.element.types if place.element else ())
            for profile in choice.targets
        }
        return frozenset(allowed) & self.types or self.types

    def _components(self, definition: Mapping[str, Any]) -> Iterator[Component]:
        for part in definition.get("component", ()):
            meant = self._declarations.by_url.get(split_canonical(part["definition"])[0]) or self.definitions.find(
                "SearchParameter", part["definition"]
            )
            try:
                found = paths(part["expression"])
            except UnsupportedExpressionError:
                found = ()
            if meant is not None:
                yield Component(meant["type"], meant["code"], found, frozenset(meant.get("target", ())))

    def _required_codes(self, ends: list[Place]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the systems and codes of a `code` element's required value set, when it lists whole code systems."""
        systems: set[str] = set()
        codes: list[str] = []
        for place in ends:
            binding = place.element.binding if place.element else None
            if place.fhir_type != "code" or not binding or binding[0] != "required":
                continue
            value_set = self.definitions.find("ValueSet", binding[1])
            for include in (value_set or {}).get("compose", {}).get("include", ()):
                if "system" not in include:
                    return frozenset(), ()
                systems.add(include["system"])
                listed = include.get("concept")
                if listed is None:
                    code_system = self.definitions.find("CodeSystem", include["system"])
                    listed = _flat((code_system or {}).get("concept", ()))
                codes += [concept["code"] for concept in listed]
        return frozenset(systems), tuple(dict.fromkeys(codes))


def _bare(path: Path) -> Path:
    """Return a path without the root and without filters on what is referred to."""
    return Path("", tuple(step for step in path.steps if not isinstance(step, PointsTo)))


def _covered(composite: Parameter, others: Iterable[Parameter]) -> Iterator[Component]:
    """Yield the parts of a composite parameter, each with the parameter that covers it.

    Args:
        composite: the parameter.
        others: parameters of the type of which all resources have values.
    """
    for part in composite.components:
        reached = {element.steps + path.steps for element in composite.paths for path in part.paths}
        covering = [
            other for other in others if other.kind == part.kind and all(_takes(other, each) for each in reached)
        ]
        yield replace(part, covering=min(covering, key=lambda other: len(other.paths), default=None))


def _takes(parameter: Parameter, steps: Sequence[Step]) -> bool:
    """Tell whether a parameter has all values to which steps lead: what they leave out on the way, it may have too."""
    unfiltered = tuple(step for step in steps if not isinstance(step, Where | Item))
    return any(path.steps in (steps, unfiltered) for path in parameter.paths)


def _flat(concepts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for concept in concepts:
        yield concept
        yield from _flat(concept.get("concept", ()))
