"""The types that expressions know: FHIR's, from the definitions in force, and FHIRPath's own (namespace System)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol

from fhirserver.definitions.elements import Elements
from fhirserver.fhirpath.values import quantities
from fhirserver.fhirpath.values.moments import read_date, read_date_time, read_time

BASE: Final = "http://hl7.org/fhir/StructureDefinition/"
ABSTRACT_RESOURCES: Final = frozenset({"Resource", "DomainResource"})


class Structures(Protocol):
    """What is asked of the definitions in force."""

    @property
    def resource_types(self) -> frozenset[str]:
        """The concrete resource types."""

    def structure(self, canonical_or_type: str) -> dict[str, Any] | None:
        """Return a StructureDefinition by canonical url or type name."""


class Entry(NamedTuple):
    """One JSON key of an element: the key, the key of its sibling, its type, and the element that it belongs to."""

    key: str
    sibling: str
    type: Type
    field: Field


class Field:
    """An element of a type.

    Attributes:
        name: as in FHIRPath (`value`, never `valueQuantity`).
        many: whether JSON writes an array.
        entries: its JSON keys; several for a choice of types.
    """

    __slots__ = ("choice", "entries", "many", "name")

    def __init__(self, name: str, types: Mapping[str, Type], *, many: bool, choice: bool) -> None:
        self.name = name
        self.many = many
        self.choice = choice
        self.entries = {key: Entry(key, "_" + key, type_, self) for key, type_ in types.items()}


class Type:
    """A type of FHIR (`code`, `HumanName`, `Patient`, `Patient.contact`) or of FHIRPath (`Boolean`).

    Attributes:
        name: without its namespace.
        system: whether it is of the namespace System.
        primitive: a FHIR primitive, or any System type.
        resource: a resource type, abstract ones included.
        lower: turns a raw JSON value into FHIRPath's own (a date string into a Moment); None for complex types.
        lowered: the type of what `lower` gives.
    """

    __slots__ = (
        "_base", "_fields", "_keys", "_model", "lower", "lowered", "name", "primitive", "resource", "system",
    )  # fmt: skip

    def __init__(self, model: Model | None, name: str, *, resource: bool = False) -> None:
        self._model = model
        self.name = name
        self.system = model is None
        self.resource = resource
        self.primitive = model is None or (name[0].islower() and "." not in name)
        self.lower: Callable[[Any], Any] | None = None
        self.lowered: Type | None = self if model is None else None
        self._base: Type | None = None
        self._fields: dict[str, Field] | None = None
        self._keys: dict[str, Entry] | None = None

    def __repr__(self) -> str:
        return f"{'System' if self.system else 'FHIR'}.{self.name}"

    @property
    def fields(self) -> dict[str, Field]:
        """Its elements by FHIRPath name."""
        if self._fields is None:
            self._fields = self._model.fields_of(self.name) if self._model else {}
        return self._fields

    @property
    def keys(self) -> dict[str, Entry]:
        """Its elements by JSON key."""
        if self._keys is None:
            self._keys = {key: entry for field in self.fields.values() for key, entry in field.entries.items()}
        return self._keys

    @property
    def base(self) -> Type | None:
        """The type that it specializes."""
        if self._base is None and self._model:
            self._base = self._model.base_of(self.name)
        return self._base

    def is_a(self, other: Type) -> bool:
        """Tell whether it is the other type, or a specialization of it."""
        known: Type | None = self
        while known is not None:
            if known is other:
                return True
            known = known.base
        return False


BOOLEAN: Final = Type(None, "Boolean")
STRING: Final = Type(None, "String")
INTEGER: Final = Type(None, "Integer")
DECIMAL: Final = Type(None, "Decimal")
DATE: Final = Type(None, "Date")
DATE_TIME: Final = Type(None, "DateTime")
TIME: Final = Type(None, "Time")
QUANTITY: Final = Type(None, "Quantity")
ANY: Final = Type(None, "Any")
SYSTEM_TYPES: Final = {
    type_.name: type_ for type_ in (BOOLEAN, STRING, INTEGER, DECIMAL, DATE, DATE_TIME, TIME, QUANTITY, ANY)
}
NUMBERS: Final = frozenset({INTEGER, DECIMAL})
MOMENTS: Final = frozenset({DATE, DATE_TIME, TIME})


def _as_is(value: Any) -> Any:
    return value


def _as_decimal(value: Any) -> Any:
    return Decimal(value) if type(value) is int else value


_LOWERING: Final[dict[str, tuple[Callable[[Any], Any], Type]]] = {
    "boolean": (_as_is, BOOLEAN),
    "integer": (_as_is, INTEGER),
    "unsignedInt": (_as_is, INTEGER),
    "positiveInt": (_as_is, INTEGER),
    "decimal": (_as_decimal, DECIMAL),
    "date": (read_date, DATE),
    "dateTime": (read_date_time, DATE_TIME),
    "instant": (read_date_time, DATE_TIME),
    "time": (read_time, TIME),
}
_QUANTITIES: Final = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "Money"})


class Model:
    """All types of one set of definitions, built as they are asked for; safe to share between threads."""

    def __init__(self, definitions: Structures, elements: Elements | None = None) -> None:
        self._definitions = definitions
        self._elements = elements or Elements(definitions)
        self._types: dict[str, Type] = {}
        self.resource = self._make("Resource")
        self.element = self._make("Element")
        self.domain_resource = self._make("DomainResource")
        self.type_info = Type(None, "TypeInfo")
        self.type_info.primitive = False
        self.type_info._fields = {
            name: Field(name, {name: STRING}, many=False, choice=False) for name in ("namespace", "name")
        }

    def find(self, name: str) -> Type | None:
        """Return a FHIR type by name, a profiled data type by the type it constrains; None where there is none."""
        known = self._types.get(name)
        if known is not None:
            return known
        if "." in name:
            types = self.at(name)
            return types[0] if len(types) == 1 else None
        structure = self._definitions.structure(name)
        if structure is None or structure.get("kind") == "logical":
            return None
        actual: str = structure["type"]
        return self._make(actual)

    def at(self, path: str) -> tuple[Type, ...]:
        """Return the types that the element at a path may have, none where there is no such element.

        One for `Patient.contact` or `Observation.valueQuantity`, several for `Observation.value[x]`; slice names
        (`Patient.identifier:INS`) are passed over.
        """
        head, *names = path.split(".")
        first = self.find(head)
        types: tuple[Type, ...] = (first,) if first else ()
        for name in names:
            stem = name.partition(":")[0]
            found: dict[Type, None] = {}
            for type_ in types:
                field = type_.fields.get(stem.removesuffix("[x]"))
                entries = field.entries.values() if field else [type_.keys[stem]] if stem in type_.keys else ()
                found |= dict.fromkeys(entry.type for entry in entries)
            types = tuple(found)
        return types

    def of_resource(self, value: dict[str, Any]) -> Type:
        """Return the type that a resource's `resourceType` names, or Resource where that is no type."""
        name = value.get("resourceType")
        known = self._types.get(name) if isinstance(name, str) else None
        if known is not None:
            return known
        return self._make(name) if isinstance(name, str) and name in self._definitions.resource_types else self.resource

    def fields_of(self, name: str) -> dict[str, Field]:
        """Return the elements of a type or backbone path, by FHIRPath name."""
        try:
            elements = self._elements.of(name)
        except KeyError:
            return {}
        fields: dict[str, Field] = {}
        for element in elements.values():
            stem = element.name.removesuffix("[x]")
            if element.content and (element.refers or element.content == element.path):
                types = {stem: self._make(element.content)}
            else:
                types = {key: self._make(choice.code) for key, choice in element.json_names().items()}
            if stem == "id" and self._types[name].resource:
                types = {"id": self._make("id")}
            fields[stem] = Field(stem, types, many=element.is_array, choice=element.is_choice)
        if name == "Resource":
            # What only domain resources have may be asked of any resource: the others just have none.
            fields = {**self.domain_resource.fields, **fields}
        return fields

    def base_of(self, name: str) -> Type | None:
        """Return the type that a type specializes; BackboneElement or Element for a backbone path."""
        if "." in name:
            code = self._elements.element(name).types[0].code
            return self._make(code)
        structure = self._definitions.structure(name)
        base = structure.get("baseDefinition") if structure else None
        return self._make(base.removeprefix(BASE)) if base else None

    def _make(self, name: str) -> Type:
        known = self._types.get(name)
        if known is None:
            resource = name in ABSTRACT_RESOURCES or name in self._definitions.resource_types
            known = Type(self, name, resource=resource)
            if known.primitive:
                known.lower, known.lowered = _LOWERING.get(name, (_as_is, STRING))
            elif name in _QUANTITIES:
                known.lower, known.lowered = quantities.from_fhir, QUANTITY
            # Two threads may make the same type at once: the first one stays.
            known = self._types.setdefault(name, known)
        return known
