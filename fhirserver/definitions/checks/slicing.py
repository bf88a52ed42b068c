"""Slices that nobody can tell apart: discriminators that lead nowhere, slices that say nothing where one points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirserver.definitions.cache import Entry
from fhirserver.definitions.checks import Check, Finding, of_kind
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.scope import Scope
from fhirserver.definitions.snapshots.tree import Node, tree
from fhirserver.issues import Text

_STEP: Final = re.compile(
    r"""(\$this|resolve\(\)|(?:ofType|as)\([\w.]+\)|extension\((?:'[^']*'|"[^"]*")\)|\w+)(?:\.|$)"""
)
_TYPES: Final = ("value", "exists", "pattern", "type", "profile")


class Walker:
    """Follows discriminator paths through the elements of one definition, into types and profiles."""

    def __init__(self, definitions: Definitions, entry: Entry, trees: dict[int, Node]) -> None:
        self._definitions = definitions
        self._scope = Scope(definitions, entry.package)
        self._trees = trees

    def reach(self, node: Node, path: str) -> list[Node] | None:
        """Return the elements that a path leads to from a node, or None where it leads nowhere.

        An empty list means: beyond what can be followed here (a reference to any resource).
        """
        steps = steps_of(path)
        if steps is None:
            return None
        reached = [node]
        for step in steps:
            found: list[Node] = []
            for current in reached:
                below = self._step(current, step)
                if below is None:
                    return []
                found += below
            if not found:
                return None
            reached = found
        return reached

    def _step(self, node: Node, step: str) -> list[Node] | None:
        if step == "$this":
            return [node]
        if step == "resolve()":
            targets = [url for type_ in node.element.get("type", ()) for url in type_.get("targetProfile", ())]
            roots = [root for url in targets if (root := self._root(url)) is not None]
            return roots or (None if "Reference" in self._codes(node) else [])
        if step.startswith(("ofType(", "as(")):
            code = step.partition("(")[2].rstrip(")").rpartition(".")[2]
            root = self._root(code)
            return [root] if root is not None and code in self._codes(node) else []
        name = "extension" if step.startswith("extension(") else step
        contents = self._contents(node)
        if contents is None:
            return None
        found = [child for content in contents for child in content.children if child.name in (name, f"{name}[x]")]
        found += [piece for child in found for piece in child.slices]
        if step.startswith("extension("):
            url = step[len("extension('") : -2]
            return [match for child in found for match in self._extension(child, url)] or found
        return found

    def _extension(self, node: Node, url: str) -> list[Node]:
        for piece in node.slices:
            if any(url in type_.get("profile", ()) for type_ in piece.element.get("type", ())):
                return [piece]
        root = self._root(url)
        return [root] if root is not None else []

    def _contents(self, node: Node) -> list[Node] | None:
        """Return the nodes whose children an element has; None where it may hold any resource."""
        if node.children:
            return [node]
        contents: list[Node] = []
        for type_ in node.element.get("type", ()):
            if type_["code"] == "Resource" and not type_.get("profile"):
                return None
            for name in type_.get("profile") or (type_["code"],):
                root = self._root(name)
                if root is not None:
                    contents.append(root)
        if not node.element.get("type"):
            return None  # content elsewhere, by contentReference
        return contents

    @staticmethod
    def _codes(node: Node) -> list[str]:
        return [type_["code"] for type_ in node.element.get("type", ())]

    def _root(self, canonical_or_type: str) -> Node | None:
        found = self._scope.structure_entry(canonical_or_type)
        if found is None:
            return None
        entry = found[0]
        if entry.offset not in self._trees:
            structure = self._definitions.definition(entry)
            elements = (structure.get("snapshot") or {}).get("element")
            if not elements:
                return None
            self._trees[entry.offset] = tree(elements)
        return self._trees[entry.offset]


def steps_of(path: str) -> list[str] | None:
    """Return the steps of a discriminator path; None where it is not of the form that FHIR allows.

    https://hl7.org/fhir/R4/profiling.html#discriminator
    """
    steps: list[str] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return None
        steps.append(match.group(1))
        position = match.end()
    return steps or None


def discriminators(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A discriminator whose path leads nowhere in the type of the element, or of a kind that FHIR does not know."""
    for entry, walker, node, identity in _sliced(definitions, entries):
        for discriminator in node.element["slicing"].get("discriminator", ()):
            kind, path = discriminator.get("type"), discriminator.get("path", "")
            if kind not in _TYPES or walker.reach(node, path) is None:
                text = Text(
                    f"Le discriminant {kind} « {path} » ne peut pas être évalué sur cet élément.",
                    f'Discriminator {kind} "{path}" cannot be evaluated on this element.',
                )
                yield Finding(entry, identity, text)


def undecidable_slices(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[Finding]:
    """A slice that says nothing where a discriminator by value points: no content can be told to belong to it."""
    for entry, walker, node, identity in _sliced(definitions, entries):
        stated = node.element["slicing"].get("discriminator", ())
        for piece in node.slices:
            if piece.element.get("max") == "0":
                continue
            if not stated and "/" not in piece.slice:
                text = Text(
                    "Tranche sans discriminant : rien ne dit quel contenu lui appartient.",
                    "Slice without a discriminator: nothing says which content belongs to it.",
                )
                yield Finding(entry, f"{identity}:{piece.slice}", text)
            for discriminator in stated:
                if discriminator.get("type") not in ("value", "pattern"):
                    continue
                reached = walker.reach(piece, discriminator.get("path", ""))
                if reached and not any(_decides(target) for target in reached):
                    path = discriminator["path"]
                    text = Text(
                        f"La tranche ne fixe rien en « {path} », par quoi elle devrait se reconnaître.",
                        f'The slice fixes nothing at "{path}", by which it should be known.',
                    )
                    yield Finding(entry, f"{identity}:{piece.slice}", text)


def _decides(node: Node) -> bool:
    """Whether an element fixes a value, itself or in what is below it."""
    element = node.element
    if any(key.startswith(("fixed", "pattern")) for key in element):
        return True
    if element.get("binding", {}).get("strength") == "required" or element.get("max") == "0":
        return True
    return any(_decides(child) for child in (*node.children, *node.slices))


def _sliced(definitions: Definitions, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Walker, Node, str]]:
    """Yield each element with slices that a structure's own differential slices, with its id."""
    trees: dict[int, Node] = {}
    for entry in of_kind(entries, "StructureDefinition"):
        structure = definitions.definition(entry)
        elements = (structure.get("snapshot") or {}).get("element")
        own = {_whole(element.get("id", "")) for element in _differential(structure) if element.get("sliceName")}
        if elements and own:
            root = trees.setdefault(entry.offset, tree(elements))
            walker = Walker(definitions, entry, trees)
            for node, identity in _nodes(root, root.name):
                if node.slices and "slicing" in node.element and identity in own:
                    yield entry, walker, node, identity


def _whole(identity: str) -> str:
    """Return the id of the element that a slice is of."""
    above, _, last = identity.rpartition(".")
    return f"{above}.{last.partition(':')[0]}"


def _differential(structure: dict[str, Any]) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = (structure.get("differential") or {}).get("element", [])
    return elements


def _nodes(node: Node, identity: str) -> Iterator[tuple[Node, str]]:
    yield node, identity
    for child in node.children:
        yield from _nodes(child, f"{identity}.{child.name}")
    for piece in node.slices:
        yield from _nodes(piece, f"{identity}:{piece.slice}")


CHECKS: Final[dict[str, Check]] = {
    "discriminator": discriminators,
    "undecidable-slice": undecidable_slices,
}
