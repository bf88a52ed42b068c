"""Differentials that name a choice by one of its types: `valueQuantity` for `value[x]`."""

from __future__ import annotations

from typing import Any

from fhirserver.definitions.snapshots.merging import TYPE_SLICING
from fhirserver.definitions.snapshots.tree import Node


def unfolded(node: Node, change: Node, *, in_slice: bool) -> list[Node]:
    """Return the changes to the children of a node, where shorthand becomes the type slice that it means.

    The choice itself is narrowed to the types named. Inside of a slice, one type named alone needs no slice: it is
    what the choice becomes there.

    Args:
        node: in the snapshot, with its children.
        change: the same node in the differential.
        in_slice: whether the node is a slice or below one.
    """
    if all(node.child(child.name) for child in change.children):
        return change.children
    plain: list[Node] = []
    folded: dict[str, list[tuple[Node, list[dict[str, Any]]]]] = {}
    for child in change.children:
        choice = None if node.child(child.name) else _choice(node, child.name)
        if choice is None:
            plain.append(child)
        else:
            folded.setdefault(choice[0], []).append((child, choice[1]))
    for name, pieces in folded.items():
        stated = next((child for child in plain if child.name == name), None)
        if stated is not None:
            plain.remove(stated)
        plain.append(
            _alone(name, *pieces[0]) if in_slice and len(pieces) == 1 and not stated else _sliced(name, pieces, stated)
        )
    return plain


def _choice(node: Node, name: str) -> tuple[str, list[dict[str, Any]]] | None:
    """Return the name of the choice (`value[x]`) that a shorthand means, and the type that it names."""
    for child in node.children:
        stem = child.name.removesuffix("[x]")
        if stem != child.name and name.startswith(stem):
            code = name[len(stem) :]
            types = [t for t in child.element.get("type", ()) if t["code"][:1].upper() + t["code"][1:] == code]
            if types:
                return child.name, types
    return None


def _alone(name: str, change: Node, types: list[dict[str, Any]]) -> Node:
    only = Node(name, "", {"type": types, **change.element})
    only.children, only.slices = change.children, change.slices
    return only


def _sliced(name: str, pieces: list[tuple[Node, list[dict[str, Any]]]], stated: Node | None) -> Node:
    holder = Node(name, "", dict(stated.element) if stated else {})
    if stated:
        holder.children, holder.slices = stated.children, list(stated.slices)
    holder.element.setdefault("type", [type_ for _, types in pieces for type_ in types])
    holder.element.setdefault("slicing", {**TYPE_SLICING, "rules": "closed"})
    for change, types in pieces:
        piece = Node(name, change.name, {"type": types, **change.element})
        piece.children = change.children
        holder.slices.append(piece)
    return holder
