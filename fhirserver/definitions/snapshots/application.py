"""A differential laid over the tree of its base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from fhirserver.definitions.canonical import BASE
from fhirserver.definitions.snapshots.choices import unfolded
from fhirserver.definitions.snapshots.merging import (
    EXTENSION_SLICING,
    TYPE_SLICING,
    adopted,
    merged,
    settled,
    with_extension,
    without,
)
from fhirserver.definitions.snapshots.tree import Node

_EXTENSIONS: Final = ("extension", "modifierExtension")


class SnapshotError(Exception):
    """A snapshot that cannot be made.

    Attributes:
        element: id of the element at fault, or None.
        reason: what is wrong with it.
    """

    def __init__(self, reason: str, element: str | None = None) -> None:
        super().__init__(f"{element}: {reason}" if element else reason)
        self.element = element
        self.reason = reason


class Structures(Protocol):
    """What a snapshot builds upon."""

    def root(self, canonical_or_type: str, place: str) -> Node | None:
        """Return the tree of a structure; None where it is not loaded."""


class Application:
    """One differential on its way over one base.

    Args:
        structures: the types and profiles that elements may lead into.
        structure: the StructureDefinition whose differential it is.
        root: the tree of the base, a copy that becomes the snapshot.
    """

    def __init__(self, structures: Structures, structure: Mapping[str, Any], root: Node) -> None:
        self._structures = structures
        self._url: str = structure.get("url") or ""
        self._kind = structure.get("kind")
        self._grows = structure.get("derivation") != "constraint"
        # FHIR states the slicing of extensions at Element and DomainResource only, not again in each resource.
        self._plain = self._grows and self._kind != "complex-type"
        # Profiles outside of FHIR itself name the structure that a contentReference points into.
        self._absolute = not self._grows and not self._url.startswith(BASE)
        self._root = root
        if self._plain:
            _drop_extension_slicing(root)
        if self._absolute:
            _name_references(root, root.name)
        self._base = root.copy()

    def apply(self, node: Node, change: Node, place: str) -> None:
        """Constrain a node and all below it.

        Args:
            node: in the snapshot.
            change: the same node in the differential.
            place: its id.

        Raises:
            SnapshotError: an element that the base does not have, or a type that is not loaded.
        """
        before = node.copy()
        if change.element:
            node.element = self._constrained(node, change.element, place)
        refers = "contentReference" in node.element
        if not node.children and (change.children or (change.slices and refers)):
            self._expand(node, place, keep_reference=not change.children)
        for child in unfolded(node, change, in_slice=":" in place):
            self._apply_child(node, child, f"{place}.{child.name}")
        if change.slices:
            self._apply_slices(node, before, change, place)
        node.element = settled(node)

    def _constrained(self, node: Node, change: dict[str, Any], place: str) -> dict[str, Any]:
        base = node.element
        if self._grows and node is not self._root and "type" in change:
            # a specialization states its own elements completely: nothing of the base's shows through
            kept: dict[str, Any] = {key: base[key] for key in ("min", "max", "base") if key in base}
            return adopted({**kept, **without(change, "base"), **_only(base, "base")}, base)
        types = change.get("type", ())
        if len(types) == 1 and types[0].get("code") == "Extension" and len(types[0].get("profile", ())) == 1:
            extension = self._structures.root(types[0]["profile"][0], place)
            if extension is not None:
                base = with_extension(base, extension.element)
        return merged(base, change, self._url)

    def _apply_child(self, node: Node, change: Node, place: str) -> None:
        child = node.child(change.name)
        if child is not None:
            self.apply(child, change, place)
        elif self._grows:
            self._grow(node, change, place)
        else:
            raise SnapshotError("the base has no such element", place)

    def _grow(self, node: Node, change: Node, place: str) -> None:
        element = change.element
        origin = {"path": place, "min": element.get("min", 0), "max": element.get("max", "1")}
        child = Node(change.name, "", {**element, "base": origin})
        self._adopt(child)
        node.children.append(child)
        rest = Node(change.name)
        rest.children, rest.slices = change.children, change.slices
        self.apply(child, rest, place)

    def _adopt(self, node: Node) -> None:
        """Give a new element the constraints that every element, or every extension, has."""
        if self._kind == "logical" and not self._url.startswith(BASE):
            return
        types = node.element.get("type", ())
        code = types[0]["code"] if types else "Element" if "contentReference" in node.element else "Resource"
        if code != "Resource" and ":" not in code:
            root = self._structures.root("Extension" if code == "Extension" else "Element", node.name)
            if root is not None:
                node.element = adopted(node.element, root.element)

    def _apply_slices(self, node: Node, before: Node, change: Node, place: str) -> None:
        if "slicing" not in node.element:
            if node.name in _EXTENSIONS:
                node.element = {**node.element, "slicing": EXTENSION_SLICING}
            elif node.name.endswith("[x]"):
                node.element = {**node.element, "slicing": TYPE_SLICING}
        if before.slices and not change.children and not _is_backbone(node):
            # where the base slices a data type, what it says of its content is in its slices
            node.children = []
        # a slice comes before the slices of it
        for piece in sorted(change.slices, key=lambda piece: piece.slice.count("/")):
            known = node.find_slice(piece.slice)
            if known is None:
                known = self._new_slice(node, before, piece)
            self.apply(known, piece, f"{place}:{piece.slice}")

    def _new_slice(self, node: Node, before: Node, change: Node) -> Node:
        above = change.slice.rpartition("/")[0]
        origin = node.find_slice(above) if above else None
        piece = Node(node.name, change.slice, without((origin or before).element, "slicing"))
        if origin:
            piece.children = [child.copy() for child in origin.children]
        elif _is_backbone(node):
            # what the slice itself speaks of starts from the base, the rest from what the profile says of all
            spoken = {child.name: before.child(child.name) for child in change.children}
            piece.children = [(spoken.get(child.name) or child).copy() for child in node.children]
        elif change.children and "type" not in change.element and not before.slices:
            piece.children = [child.copy() for child in before.children]
        position = len(node.slices)
        if origin:
            group = [i for i, other in enumerate(node.slices) if f"{other.slice}/".startswith(f"{above}/")]
            position = group[-1] + 1
        node.slices.insert(position, piece)
        return piece

    def _expand(self, node: Node, place: str, *, keep_reference: bool) -> None:
        """Give a node the children of its type, or of the element that it refers to."""
        element = node.element
        if "contentReference" in element:
            target = self._referred(element["contentReference"], place)
            node.children = [child.copy() for child in target.children]
            if not keep_reference:
                node.element = {**without(element, "contentReference"), "type": target.element.get("type", [])}
        elif element.get("type"):
            canonical = _content_type(element["type"])
            root = self._structures.root(canonical, place)
            if root is None:
                if self._grows:
                    return  # a logical model may name a type that nobody publishes
                raise SnapshotError(f"its type {canonical} is not loaded", place)
            node.children = [child.copy() for child in root.children]
            if self._absolute:
                _name_references(node, root.name)
        if self._plain:
            _drop_extension_slicing(node)

    def _referred(self, reference: str, place: str) -> Node:
        url, _, path = reference.partition("#")
        names = path.split(".")
        target = self._base
        if names[0] != target.name:
            other = self._structures.root(url or names[0], place)
            if other is None:
                raise SnapshotError(f"its content {reference} is not loaded", place)
            target = other
        for name in names[1:]:
            found = target.child(name.partition(":")[0])
            if found is None:
                raise SnapshotError(f"its content {reference} does not exist", place)
            target = found
        return target


def _only(element: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: element[key]} if key in element else {}


def _content_type(types: list[dict[str, Any]]) -> str:
    """Return the type or profile whose children an element of these types has; those of Element where it may vary."""
    if len(types) > 1:
        return "Element"
    profiles = types[0].get("profile", ())
    return str(profiles[0] if len(profiles) == 1 else types[0]["code"])


def _is_backbone(node: Node) -> bool:
    return any(type_["code"] in ("BackboneElement", "Element") for type_ in node.element.get("type", ()))


def _drop_extension_slicing(node: Node) -> None:
    for child in node.children:
        if child.name in _EXTENSIONS:
            child.element = without(child.element, "slicing")
        _drop_extension_slicing(child)


def _name_references(node: Node, type_name: str) -> None:
    for child in node.children:
        reference = child.element.get("contentReference", "")
        if reference.startswith("#"):
            child.element = {**child.element, "contentReference": f"{BASE}{type_name}{reference}"}
        _name_references(child, type_name)
        for piece in child.slices:
            _name_references(piece, type_name)
