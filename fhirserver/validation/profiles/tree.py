"""A snapshot's list of elements as a tree: children under their parent, slices under what they slice.

https://hl7.org/fhir/R4/elementdefinition.html. The list's order decides, not the element ids, which tools write in
several ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

_SYSTEM: Final = "http://hl7.org/fhirpath/System."
_FHIR_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_SYSTEM_TYPES: Final = {
    "Boolean": "boolean",
    "Integer": "integer",
    "Decimal": "decimal",
    "Date": "date",
    "Time": "time",
    "DateTime": "dateTime",
}


@dataclass(slots=True, eq=False)
class Element:
    """One element definition, with what stands below it.

    Attributes:
        definition: the ElementDefinition, as it is in the snapshot.
        name: last part of its path (`value[x]`).
        profile: canonical url of the StructureDefinition.
        base: the type that the StructureDefinition describes (`Patient`).
        slice: the slice's name, None for an element that is not a slice.
        children: definitions one level down.
        slices: the slices of this element, in order; re-slices hang below their slice.
    """

    definition: dict[str, Any]
    name: str
    profile: str
    base: str
    slice: str | None = None
    children: list[Element] = field(default_factory=list)
    slices: list[Element] = field(default_factory=list)
    inherits: Element | None = None

    @property
    def path(self) -> str:
        """The element's path, such as `Patient.name`."""
        path: str = self.definition["path"]
        return path

    @property
    def least(self) -> int:
        """Smallest number of occurrences."""
        return int(self.definition.get("min") or 0)

    @property
    def most(self) -> str:
        """Greatest number of occurrences, `*` where there is none."""
        return str(self.definition.get("max") or "*")

    @property
    def repeats(self) -> bool:
        """Whether the element is an array in JSON, which is for its base definition to say."""
        base = self.definition.get("base")
        most = base["max"] if base and "max" in base else self.most
        return most not in ("0", "1")

    @property
    def types(self) -> list[dict[str, Any]]:
        """The types allowed, `code` being FHIR type names."""
        return [{**one, "code": type_name(one)} for one in self.definition.get("type", ())]

    @property
    def below(self) -> list[Element]:
        """The children in force: a slice without any has those of what it slices."""
        if self.children or self.inherits is None:
            return self.children
        return self.inherits.below

    def child(self, name: str) -> Element | None:
        """Return the child of that name (`value` finds `value[x]`)."""
        for child in self.below:
            if child.name == name or (child.name.endswith("[x]") and child.name[:-3] == name):
                return child
        return None

    def constant(self, kind: str) -> Any:
        """Return the `fixed…` or `pattern…` value, None where there is none."""
        for key, value in self.definition.items():
            if key.startswith(kind) and len(key) > len(kind) and key[len(kind)].isupper():
                return value
        return None

    @property
    def origin(self) -> str:
        """Where the rule stands, for messages: profile and element."""
        return f"{self.profile}#{self.definition.get('id') or self.path}"


def type_name(one: dict[str, Any]) -> str:
    """Return the FHIR type name of an ElementDefinition.type."""
    code: str = one.get("code") or "Element"
    if not code.startswith(_SYSTEM):
        return code
    for extension in one.get("extension", ()):
        if extension.get("url") == _FHIR_TYPE:
            named: str = extension.get("valueUrl") or extension.get("valueUri") or "string"
            return named
    return _SYSTEM_TYPES.get(code.removeprefix(_SYSTEM), "string")


def grow(structure: dict[str, Any]) -> Element:
    """Build the tree of a StructureDefinition's snapshot.

    Raises:
        ValueError: the snapshot is missing, or its elements do not hang together.
    """
    elements = structure.get("snapshot", {}).get("element") or []
    if not elements:
        raise ValueError("no snapshot")
    url, base = structure["url"], structure.get("type") or elements[0]["path"]
    root = Element(elements[0], elements[0]["path"], url, base)
    stack: list[Element] = [root]  # the latest element at each depth
    for definition in elements[1:]:
        path = definition["path"]
        depth = path.count(".")
        if depth > len(stack):
            raise ValueError(f"{path} has no parent")
        del stack[depth + 1 :]
        element = Element(definition, path.rpartition(".")[2], url, base, definition.get("sliceName"))
        parent = stack[depth - 1]
        head = _sliced(parent, element) if element.slice else None
        if head is None:
            parent.children.append(element)
        else:
            element.inherits = head
            head.slices.append(element)
        del stack[depth:]
        stack.append(element)
    return root


def _sliced(parent: Element, element: Element) -> Element | None:
    """Return what a slice slices: an element of the parent, or for a re-slice (`a/b`) one of its slices."""
    head = next((one for one in reversed(parent.children) if _same(one.name, element.name)), None)
    if head is None:
        return None
    parts = (element.slice or "").split("/")
    for end in range(1, len(parts)):
        inner = next((one for one in head.slices if one.slice == "/".join(parts[:end])), None)
        if inner is None:
            break
        head = inner
    return head


def _same(head: str, name: str) -> bool:
    if head == name:
        return True
    return head.endswith("[x]") and name.startswith(head[:-3]) and name[len(head) - 3 : len(head) - 2].isupper()


def walk_to(root: Element, path: str) -> Element | None:
    """Return the element at a path of the same StructureDefinition, for content references."""
    element: Element | None = root
    for name in path.split(".")[1:]:
        if element is None:
            return None
        element = element.child(name)
    return element
