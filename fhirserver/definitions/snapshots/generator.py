"""Snapshots from differentials (https://hl7.org/fhir/R4/profiling.html#snapshot).

A structure builds upon the tree of its base; `application` lays the differential over it. What a canonical url
means is asked of the package that the structure comes from (`scope`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fhirserver.definitions.cache import Entry
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.scope import Scope
from fhirserver.definitions.snapshots.application import Application, SnapshotError
from fhirserver.definitions.snapshots.tree import Node, tree


class Snapshot(NamedTuple):
    """A snapshot made here.

    Attributes:
        elements: in the order of a snapshot.
        notes: (element id, what had to be assumed), such as a version that stood in for another.
    """

    elements: list[dict[str, Any]]
    notes: list[tuple[str, str]]


class Generator:
    """Makes the snapshots of one set of definitions, and keeps the trees that others build upon; for one thread."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._trees: dict[int, Node] = {}
        self._scopes: dict[int | None, Scope] = {}
        self._open: list[str] = []

    def of_entry(self, entry: Entry) -> Snapshot:
        """Return the snapshot that a definition's differential and base give, whether or not it brings one.

        Raises:
            SnapshotError: it cannot be made; the error names the element and the reason.
        """
        return self.of_structure(self._definitions.definition(entry), entry.package)

    def of_structure(self, structure: dict[str, Any], package: int | None = None) -> Snapshot:
        """Return the snapshot of a StructureDefinition, as seen from a package (by position), or from all.

        Raises:
            SnapshotError: it cannot be made; the error names the element and the reason.
        """
        name = f"{structure.get('url')}|{structure.get('version', '')}"
        if name in self._open:
            raise SnapshotError("the chain of profiles is cyclic: " + " → ".join([*self._open, name]))
        self._open.append(name)
        try:
            return self._make(structure, package)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise SnapshotError(f"it is not a StructureDefinition as FHIR has it: {error!r}") from error
        finally:
            self._open.pop()

    def _make(self, structure: dict[str, Any], package: int | None) -> Snapshot:
        elements = (structure.get("differential") or {}).get("element")
        if not elements:
            raise SnapshotError("there is no differential")
        differential = tree(elements)
        view = _View(self, self._scope(package))
        base_url = structure.get("baseDefinition")
        base = view.root(base_url, differential.name) if base_url else None
        if base is not None:
            root = base.copy()
        elif structure.get("derivation") == "constraint":
            raise SnapshotError(f"the base {base_url} is not loaded", differential.name)
        else:
            root = Node(differential.name, "", {"min": 0, "max": "*"})
        root.name = differential.name
        Application(view, structure, root).apply(root, differential, differential.name)
        return Snapshot(list(root.elements()), view.notes)

    def _scope(self, package: int | None) -> Scope:
        if package not in self._scopes:
            self._scopes[package] = Scope(self._definitions, package)
        return self._scopes[package]

    def tree_of(self, entry: Entry) -> Node:
        """Return the tree of a definition's snapshot: the one it brings, otherwise the one made here."""
        known = self._trees.get(entry.offset)
        if known is None:
            structure = self._definitions.definition(entry)
            brought = (structure.get("snapshot") or {}).get("element")
            known = tree(brought or self.of_structure(structure, entry.package).elements)
            self._trees[entry.offset] = known
        return known


class _View:
    """The structures that one snapshot builds upon, as its package sees them."""

    def __init__(self, generator: Generator, scope: Scope) -> None:
        self._generator = generator
        self._scope = scope
        self.notes: list[tuple[str, str]] = []

    def root(self, canonical_or_type: str, place: str) -> Node | None:
        """Return the tree of a structure by canonical url or type name; not to be changed.

        Args:
            canonical_or_type: what to find.
            place: id of the element that asks, for the notes.
        """
        found = self._scope.structure_entry(canonical_or_type)
        if found is None:
            return None
        entry, exact = found
        if not exact:
            self.notes.append((place, f"{canonical_or_type} is not loaded; version {entry.version} stands in for it"))
        return self._generator.tree_of(entry)
