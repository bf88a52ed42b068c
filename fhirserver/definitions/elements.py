"""What FHIR's own types are made of: the children of an element, in order, with types and cardinality.

Derived from the base StructureDefinitions, so that JSON, XML, FHIRPath and search agree on one model. Profiles play no
part: `Elements.of("MedicationRequest.dosageInstruction")` gives the children of `Dosage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

from fhirserver.definitions.snapshots.tree import Node, tree

PRIMITIVE_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_FHIR_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


class Structures(Protocol):
    """Where the base StructureDefinitions are found."""

    def structure(self, canonical_or_type: str) -> dict[str, Any] | None:
        """Return a StructureDefinition with its snapshot, by url or type name."""


@dataclass(frozen=True, slots=True)
class TypeChoice:
    """One type that an element may have.

    Attributes:
        code: FHIR type (`Quantity`, `string`, `Resource`), also for what FHIR declares as a System type.
        profiles: canonical urls that content of this type must meet (such as SimpleQuantity).
        targets: canonical urls of what a Reference or canonical may point to.
    """

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type.

    Attributes:
        name: as in the definition: `value[x]` for a choice.
        path: where it is defined (`Dosage.doseAndRate`), which also names its own children for `Elements.of`.
        types: what it may hold; empty only where `refers` says which element's content it has.
        minimum: fewest occurrences.
        maximum: most occurrences; None means any number.
        is_array: whether JSON writes an array.
        is_attribute: whether XML writes an attribute (`Element.id`, `Extension.url`).
        is_xhtml: whether XML writes it as XHTML (`Narrative.div`).
        is_modifier: whether it changes the meaning of what holds it.
        binding: strength and value set (canonical), or None.
        content: path whose children this element has: a type name, a backbone path, or the target of a
            contentReference; None for primitives, for choices of several types and for contained resources.
        refers: whether `content` comes from a contentReference.
        is_summary: whether it belongs to the summary (https://hl7.org/fhir/R4/search.html#summary).
    """

    name: str
    path: str
    types: tuple[TypeChoice, ...]
    minimum: int
    maximum: int | None
    is_array: bool
    is_attribute: bool
    is_xhtml: bool
    is_modifier: bool
    binding: tuple[str, str] | None
    content: str | None
    refers: bool = False
    is_summary: bool = False

    @property
    def is_choice(self) -> bool:
        """Whether the name ends with the type in JSON and XML (`valueQuantity`)."""
        return self.name.endswith("[x]")

    def json_names(self) -> dict[str, TypeChoice]:
        """Return each name that JSON and XML may use for it, with its type."""
        if not self.is_choice:
            return {self.name: self.types[0]} if self.types else {}
        stem = self.name.removesuffix("[x]")
        return {stem + choice.code[0].upper() + choice.code[1:]: choice for choice in self.types}


class Elements:
    """The element model of all types; safe to share between threads, filled as it is asked."""

    def __init__(self, structures: Structures) -> None:
        self._structures = structures
        self._children: dict[str, Mapping[str, Element] | None] = {}
        self._names: dict[str, Mapping[str, tuple[Element, TypeChoice]]] = {}
        self._loaded: set[str] = set()

    def of(self, path: str) -> Mapping[str, Element]:
        """Return the children at a path, in their order, by definition name (`value[x]`).

        Args:
            path: a type name, or an element path of any depth that may cross data types and references
                (`MedicationRequest.dosageInstruction.timing.repeat`); choices by either name
                (`Observation.value[x]` with one type only, or `Observation.valueQuantity`).

        Raises:
            KeyError: no such path.
        """
        children = self._at(path)
        return self._walk(path) if children is None else children

    def names(self, path: str) -> Mapping[str, tuple[Element, TypeChoice]]:
        """Return the children at a path by the name that JSON and XML use (`valueQuantity`), each with its type.

        Raises:
            KeyError: no such path.
        """
        known = self._names.get(path)
        if known is None:
            known = MappingProxyType(
                {
                    name: (element, choice)
                    for element in self.of(path).values()
                    for name, choice in (element.json_names() or {element.name: TypeChoice("BackboneElement")}).items()
                }
            )
            if path in self._children:  # paths that cross types have no end: they are not kept
                self._names[path] = known
        return known

    def element(self, path: str) -> Element:
        """Return the element at a path of at least two steps.

        Raises:
            KeyError: no such path.
        """
        above, _, name = path.rpartition(".")
        children = self.of(above)
        if name in children:
            return children[name]
        return self.names(above)[name][0]

    def _at(self, path: str) -> Mapping[str, Element] | None:
        if path in self._children:
            return self._children[path]
        self._load(path.partition(".")[0])
        return self._children.get(path)

    def _load(self, type_name: str) -> None:
        if type_name in self._loaded:
            return
        structure = self._structures.structure(type_name)
        if structure and "snapshot" in structure and structure.get("type") == type_name:
            found: dict[str, Mapping[str, Element] | None] = {}
            _collect(tree(structure["snapshot"]["element"]), type_name, found)
            self._children.update(found)
        self._loaded.add(type_name)

    def _walk(self, path: str) -> Mapping[str, Element]:
        above, _, name = path.rpartition(".")
        if not above:
            raise KeyError(path)
        element, choice = self._step(above, name)
        place = element.content or (choice.code if choice else None)
        children = self._at(place) if place else None
        if children is None:
            raise KeyError(path)
        return children

    def _step(self, above: str, name: str) -> tuple[Element, TypeChoice | None]:
        children = self.of(above)
        if name in children:
            element = children[name]
            return element, element.types[0] if len(element.types) == 1 else None
        return self.names(above)[name]


def _collect(node: Node, path: str, found: dict[str, Mapping[str, Element] | None]) -> None:
    """Fill in the children of a node, and of the backbone elements below it, by path."""
    children: dict[str, Element] = {}
    for child in node.children:
        place = f"{path}.{child.name}"
        children[child.name] = _element(child, place)
        if child.children:
            _collect(child, place, found)
    found[path] = MappingProxyType(children)


def _element(node: Node, path: str) -> Element:
    definition = node.element
    types = tuple(_choice(type_) for type_ in definition.get("type", ()))
    refers = "contentReference" in definition
    if refers:
        content: str | None = definition["contentReference"].partition("#")[2]
    elif node.children:
        content = path
    elif len(types) == 1 and types[0].code[0].isupper() and types[0].code != "Resource":
        content = types[0].code
    else:
        content = None
    highest = definition["max"]
    representation = definition.get("representation", ())
    binding = definition.get("binding")
    base_max = definition.get("base", {}).get("max", highest)
    return Element(
        name=node.name,
        path=path,
        types=types,
        minimum=definition["min"],
        maximum=None if highest == "*" else int(highest),
        is_array=base_max not in ("0", "1"),
        is_attribute="xmlAttr" in representation,
        is_xhtml="xhtml" in representation or [choice.code for choice in types] == ["xhtml"],
        is_modifier=definition.get("isModifier", False),
        binding=(binding["strength"], binding["valueSet"]) if binding and binding.get("valueSet") else None,
        content=content,
        refers=refers,
        is_summary=definition.get("isSummary", False),
    )


def _choice(type_: dict[str, Any]) -> TypeChoice:
    code: str = type_["code"]
    if code.startswith(PRIMITIVE_SYSTEM):
        declared = next((e.get("valueUrl") for e in type_.get("extension", ()) if e.get("url") == _FHIR_TYPE), None)
        code = declared or code.removeprefix(PRIMITIVE_SYSTEM).lower()
    return TypeChoice(code, tuple(type_.get("profile", ())), tuple(type_.get("targetProfile", ())))
