"""A snapshot or a differential as a tree: elements, their children, and their slices.

Element ids (https://hl7.org/fhir/R4/elementdefinition.html#id) such as `Patient.identifier:INS.system` place an
element; where a differential carries none, path, sliceName and order do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Node:
    """One element of a structure.

    Attributes:
        name: last segment of the path, such as `value[x]`.
        slice: name of the slice (`a/b` for a slice of slice `a`), empty for the element itself.
        element: the ElementDefinition, never changed in place; empty where a differential only implies the element.
        children: elements below, in order.
        slices: slices of this element, in order; those of a slice (re-slices) are beside it.
    """

    __slots__ = ("children", "element", "name", "slice", "slices")

    def __init__(self, name: str, slice_name: str = "", element: dict[str, Any] | None = None) -> None:
        self.name = name
        self.slice = slice_name
        self.element: dict[str, Any] = element or {}
        self.children: list[Node] = []
        self.slices: list[Node] = []

    def copy(self) -> Node:
        """Return the same tree in new nodes; elements are shared, since they are never changed in place."""
        twin = Node(self.name, self.slice, self.element)
        twin.children = [child.copy() for child in self.children]
        twin.slices = [piece.copy() for piece in self.slices]
        return twin

    def child(self, name: str) -> Node | None:
        """Return the child of that name, or None."""
        return next((child for child in self.children if child.name == name), None)

    def find_slice(self, slice_name: str) -> Node | None:
        """Return the slice of that name, or None."""
        return next((piece for piece in self.slices if piece.slice == slice_name), None)

    def elements(self, path: str = "", identity: str = "") -> Iterator[dict[str, Any]]:
        """Yield copies of the elements in the order of a snapshot, with path, id and sliceName as their place says.

        Args:
            path: the path of the element above, empty at the root.
            identity: the id of the element above.
        """
        path = f"{path}.{self.name}" if path else self.name
        identity = f"{identity}.{self.name}" if identity else self.name
        yield from self._elements(path, identity)

    def _elements(self, path: str, identity: str) -> Iterator[dict[str, Any]]:
        own = f"{identity}:{self.slice}" if self.slice else identity
        element = {"id": own, "path": path, **self.element}
        element["id"], element["path"] = own, path
        if self.slice:
            element["sliceName"] = self.slice
        else:
            element.pop("sliceName", None)
        yield element
        for child in self.children:
            yield from child.elements(path, own)
        for piece in self.slices:
            yield from piece._elements(path, identity)  # noqa: SLF001 - another node of the same tree


def tree(elements: Sequence[dict[str, Any]]) -> Node:
    """Return the tree of a snapshot or differential; elements that a differential only implies come without content.

    Raises:
        ValueError: no element, an element without path, or paths that do not begin with the same type.
    """
    if not elements or not elements[0].get("path"):
        raise ValueError("no element with a path")
    root = Node(str(elements[0]["path"]).partition(".")[0])
    open_slices: dict[str, str] = {}
    for element in elements:
        segments = _segments(element, open_slices)
        if segments[0][0] != root.name:
            raise ValueError(f"element {element['path']} does not belong to {root.name}")
        node = root
        for name, slice_name in segments[1:]:
            node = _step(node, name, slice_name)
        if node is root and segments[0][1]:
            continue
        node.element = {**node.element, **element} if node.element else element
    return root


def _step(node: Node, name: str, slice_name: str) -> Node:
    child = node.child(name)
    if child is None:
        child = Node(name)
        node.children.append(child)
    if not slice_name:
        return child
    piece = child.find_slice(slice_name)
    if piece is None:
        piece = Node(name, slice_name)
        child.slices.append(piece)
    return piece


def _segments(element: dict[str, Any], open_slices: dict[str, str]) -> list[tuple[str, str]]:
    """Return (name, slice) of each step from the root to an element.

    Args:
        element: with a path, and perhaps an id.
        open_slices: the slice last opened at each path, kept up to date here; it stands in for missing ids.
    """
    path = str(element.get("path") or "")
    names = path.split(".")
    identity = element.get("id")
    slices = _slices_of_id(str(identity), names) if identity else None
    if slices is None:
        for known in [known for known in open_slices if known == path or known.startswith(path + ".")]:
            del open_slices[known]
        if element.get("sliceName"):
            open_slices[path] = str(element["sliceName"])
        slices = [open_slices.get(".".join(names[: count + 1]), "") for count in range(len(names))]
    return list(zip(names, slices, strict=True))


def _slices_of_id(identity: str, names: list[str]) -> list[str] | None:
    """Return the slice of each step (empty where none), or None where the id does not follow the path."""
    slices: list[str] = []
    rest = identity
    for position, name in enumerate(names):
        if not rest.startswith(name):
            return None
        rest = rest[len(name) :]
        end = len(rest) if position + 1 == len(names) else rest.find("." + names[position + 1])
        if end < 0 or (end > 0 and rest[0] != ":"):
            return None
        slices.append(rest[1:end])
        rest = rest[end + 1 :]
    return slices
