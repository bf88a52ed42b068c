"""Snapshots from differentials (https://hl7.org/fhir/R4/profiling.html#snapshot)."""

from __future__ import annotations

from typing import Any, Protocol

from fhirserver.definitions.elementtree import Node, tree
from fhirserver.definitions.snapshot_merge import adopted, merged


class Structures(Protocol):
    """Where the structures that others build upon are found."""

    def structure(self, canonical_or_type: str) -> dict[str, Any] | None:
        """Return a StructureDefinition with its snapshot."""


class SnapshotError(Exception):
    """A snapshot that cannot be made.

    Attributes:
        element: id of the element at fault, or None.
    """

    def __init__(self, message: str, element: str | None = None) -> None:
        super().__init__(f"{element}: {message}" if element else message)
        self.element = element


class Generator:
    """Makes snapshots; keeps the trees of structures that others build upon."""

    def __init__(self, structures: Structures) -> None:
        self._structures = structures
        self._trees: dict[str, Node] = {}

    def elements(self, structure: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the snapshot elements of a structure, from its differential and its base."""
        differential = tree(structure["differential"]["element"])
        base_url = structure.get("baseDefinition")
        if base_url and self._structures.structure(base_url):
            root = self._tree(base_url).copy()
        elif structure.get("derivation") != "constraint":
            root = Node(differential.name, "", {})
        else:
            raise SnapshotError(f"base {base_url} not found")
        root.name = differential.name
        work = _Work(self, structure, root)
        work.apply(root, differential, differential.name)
        return list(root.elements())

    def _tree(self, canonical: str) -> Node:
        known = self._trees.get(canonical)
        if known is None:
            structure = self._structures.structure(canonical)
            if structure is None:
                raise SnapshotError(f"{canonical} not found")
            known = tree(structure["snapshot"]["element"])
            self._trees[canonical] = known
        return known

    def root_of(self, canonical: str) -> Node | None:
        if self._structures.structure(canonical) is None:
            return None
        return self._tree(canonical)


class _Work:
    """One snapshot in the making."""

    def __init__(self, generator: Generator, structure: dict[str, Any], root: Node) -> None:
        self.generator = generator
        self.grows = structure.get("derivation") != "constraint"
        self.root = root
        self.original = root.copy()

    def apply(self, node: Node, change: Node, place: str) -> None:
        before = node.copy() if change.slices or change.children else node
        if change.element:
            node.element = self.merge(node, change.element)
        for child_change in change.children:
            self.apply_child(node, child_change, f"{place}.{child_change.name}")
        for piece in change.slices:
            self.apply_slice(node, before, piece, f"{place}:{piece.slice}")

    def merge(self, node: Node, change: dict[str, Any]) -> dict[str, Any]:
        return merged(node.element, change)

    def apply_child(self, node: Node, change: Node, place: str) -> None:
        if not node.children:
            self.expand(node, place)
        child = node.child(change.name)
        if child is None:
            if not self.grows:
                raise SnapshotError("not an element of the base", place)
            child = Node(change.name, "", {})
            node.children.append(child)
            element = change.element
            child.element = {
                **element,
                "base": {"path": place, "min": element.get("min", 0), "max": element.get("max", "1")},
            }
            self.adopt(child)
            rest = Node(change.name)
            rest.children, rest.slices = change.children, change.slices
            self.apply(child, rest, place)
            return
        self.apply(child, change, place)

    def adopt(self, node: Node) -> None:
        for type_ in node.element.get("type", ()):
            root = self.generator.root_of(type_["code"])
            if root is not None:
                node.element = adopted(node.element, root.element)

    def apply_slice(self, node: Node, before: Node, change: Node, place: str) -> None:
        piece = node.find_slice(change.slice)
        if piece is None:
            origin = before
            if "/" in change.slice:
                origin = node.find_slice(change.slice.rpartition("/")[0]) or before
            piece = origin.copy()
            piece.slice, piece.slices = change.slice, []
            piece.element = {k: v for k, v in piece.element.items() if k not in ("slicing",)}
            node.slices.append(piece)
        self.apply(piece, change, place)

    def expand(self, node: Node, place: str) -> None:
        element = node.element
        if "contentReference" in element:
            target = self.original
            names = element["contentReference"].partition("#")[2].split(".")
            for name in names[1:]:
                found = target.child(name)
                if found is None:
                    raise SnapshotError(f"contentReference {element['contentReference']} not found", place)
                target = found
            node.children = target.copy().children
            return
        types = element.get("type", [])
        canonical = "Element"
        if len(types) == 1:
            profiles = types[0].get("profile", ())
            canonical = profiles[0] if len(profiles) == 1 else types[0]["code"]
        root = self.generator.root_of(canonical)
        if root is None:
            if not types and self.grows:
                return
            raise SnapshotError(f"type {canonical} not found", place)
        node.children = root.copy().children
