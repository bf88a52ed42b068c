"""A value together with its FHIR type and its place: what an expression works on where its type is not known before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fhirserver.fhirpath.model import Entry, Model, Type


@dataclass(frozen=True, slots=True)
class Location:
    """Where a value stands in the JSON of its resource.

    Attributes:
        container: the object that holds it.
        key: the key in that object.
        index: the place in the array under that key; None where there is no array.
        path: FHIRPath of the element, such as `Patient.name[0].given[1]`.
    """

    container: dict[str, Any]
    key: str
    index: int | None
    path: str


class Node:
    """A FHIR value with its type.

    Attributes:
        value: the JSON value; None for a primitive that has only extensions.
        type: its FHIR type.
        sibling: for a primitive, the object under its `_` key (id and extensions), or None.
        parent, key, index: where it came from: the node above, the JSON key there, the place in an array.
    """

    __slots__ = ("index", "key", "parent", "sibling", "type", "value")

    def __init__(  # noqa: PLR0913, PLR0917 - made millions of times: no keywords
        self,
        value: Any,
        type_: Type,
        sibling: dict[str, Any] | None = None,
        parent: Node | None = None,
        key: str = "",
        index: int | None = None,
    ) -> None:
        self.value = value
        self.type = type_
        self.sibling = sibling
        self.parent = parent
        self.key = key
        self.index = index

    def __repr__(self) -> str:
        return f"Node({self.value!r}, {self.type!r})"

    @property
    def system(self) -> Any:
        """The value as FHIRPath's own (a date as Moment, a Quantity as quantity); the node itself for the rest."""
        lower = self.type.lower
        if lower is None:
            return self
        return None if self.value is None else lower(self.value)

    @property
    def path(self) -> str:
        """FHIRPath of the element, beginning with its resource's type."""
        if self.parent is None:
            return self.type.name
        entry = self.parent.type.keys.get(self.key)
        name = entry.field.name if entry else self.key
        return f"{self.parent.path}.{name}" + (f"[{self.index}]" if self.index is not None else "")

    @property
    def location(self) -> Location | None:
        """Where the value stands; None for the resource itself."""
        if self.parent is None:
            return None
        above = self.parent
        container = above.sibling if above.type.primitive else above.value
        return Location(container or {}, self.key, self.index, self.path)


def resource_node(model: Model, resource: dict[str, Any]) -> Node:
    """Return a resource as a node."""
    return Node(resource, model.of_resource(resource))


def member_nodes(model: Model, node: Node, name: str) -> list[Node]:
    """Return the children of a node by element name."""
    field = node.type.fields.get(name)
    holder = node.sibling if node.type.primitive else node.value
    if field is None or not isinstance(holder, dict):
        return []
    found: list[Node] = []
    for entry in field.entries.values():
        if entry.key in holder or entry.sibling in holder:
            found.extend(entry_nodes(model, node, holder, entry))
    return found


def entry_nodes(model: Model, node: Node, holder: dict[str, Any], entry: Entry) -> Iterator[Node]:
    """Yield the nodes under one JSON key and its sibling key."""
    value = holder.get(entry.key)
    type_ = entry.type
    if not type_.primitive:
        if isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield Node(item, model.of_resource(item) if type_.resource else type_, None, node, entry.key, index)
        elif isinstance(value, dict):
            yield Node(value, model.of_resource(value) if type_.resource else type_, None, node, entry.key)
        return
    sibling = holder.get(entry.sibling)
    if isinstance(value, list) or isinstance(sibling, list):
        values = value if isinstance(value, list) else []
        siblings = sibling if isinstance(sibling, list) else []
        for index in range(max(len(values), len(siblings))):
            item = values[index] if index < len(values) else None
            beside = siblings[index] if index < len(siblings) else None
            if item is not None or beside is not None:
                yield Node(item, type_, beside, node, entry.key, index)
    elif value is not None or sibling is not None:
        yield Node(value, type_, sibling, node, entry.key)


def children(model: Model, node: Node) -> list[Node]:
    """Return all children of a node, in the order of its JSON."""
    holder = node.sibling if node.type.primitive else node.value
    if not isinstance(holder, dict):
        return []
    keys = node.type.keys
    found: list[Node] = []
    for key in holder:
        entry = keys.get(key)
        if entry is None and key[:1] == "_" and key[1:] not in holder:
            entry = keys.get(key[1:])
        if entry is not None:
            found.extend(entry_nodes(model, node, holder, entry))
    return found


def descendants(model: Model, node: Node) -> list[Node]:
    """Return all that lies below a node, level by level."""
    found: list[Node] = []
    level = [node]
    while level:
        level = [child for above in level for child in children(model, above)]
        found.extend(level)
    return found
