"""One walk through a resource for all parameters of its type: a tree of member names with collectors at its places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fhirserver.search.declared.places import Edge, Filter, Move
from fhirserver.search.types.values import Collector, Values

MALFORMED: Final = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)
"""What a collector raises when an element has not the form of its type."""


class Node:
    """A place in the JSON of a type.

    Attributes:
        collectors: what to do with what stands here.
        children: by the member's name.
        items: one item of a list: name, position, node.
        filters: stay here if the object has a member of that value: name, value, node.
    """

    __slots__ = ("children", "collectors", "filters", "items")

    def __init__(self) -> None:
        self.collectors: list[Collector] = []
        self.children: dict[str, Node] = {}
        self.items: list[tuple[str, int, Node]] = []
        self.filters: list[tuple[str, str | bool, Node]] = []

    def reach(self, moves: Iterable[Move]) -> Node:
        """Return the node at the end of these moves, made where missing."""
        node = self
        for move in moves:
            node = node._child(move) if isinstance(move, Edge) else node._filter(move)
        return node

    def _child(self, edge: Edge) -> Node:
        if edge.item is None:
            return self.children.setdefault(edge.name, Node())
        found = next((node for name, item, node in self.items if (name, item) == (edge.name, edge.item)), None)
        if found is None:
            found = Node()
            self.items.append((edge.name, edge.item, found))
        return found

    def _filter(self, wanted: Filter) -> Node:
        found = next((node for name, value, node in self.filters if (name, value) == (wanted.name, wanted.value)), None)
        if found is None:
            found = Node()
            self.filters.append((wanted.name, wanted.value, found))
        return found

    def collect(self, value: Any, values: Values) -> None:
        """Collect from a JSON value and all below it.

        What has not the form of its type is passed over: validation, where it is on, has refused it before.
        """
        for collector in self.collectors:
            try:  # noqa: SIM105 - `suppress` takes longer than most collectors
                collector(value, values)
            except MALFORMED:
                pass
        if type(value) is dict:
            if self.children:
                self._descend(value, values)
            for name, position, child in self.items:
                below = value.get(name)
                if type(below) is list and position < len(below):
                    child.collect(below[position], values)
            for name, wanted, child in self.filters:
                if value.get(name) == wanted:
                    child.collect(value, values)

    def _descend(self, value: dict[str, Any], values: Values) -> None:
        children = self.children
        for name, below in value.items():
            child = children.get(name)
            if child is None:
                continue
            if type(below) is list:
                for item in below:
                    if item is not None:
                        child.collect(item, values)
            elif below is not None:
                child.collect(below, values)
