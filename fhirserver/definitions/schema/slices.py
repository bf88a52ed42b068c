"""Slices of arrays as JSON Schema: which items a slice means, how many there may be, what each must be.

A slice whose items cannot be told by JSON Schema (by profile, by `resolve()`) adds nothing to the schema.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from fhirserver.definitions.schema.values import Json, Lookup, bound, code_of, enumerate_codes, pattern, stated
from fhirserver.definitions.snapshots.tree import Node

_EXTENSION = re.compile(r"extension\('([^']+)'\)(?:\.|$)(.*)")


class Writer(Protocol):
    """What slices need of the writer of the schema around them."""

    lookup: Lookup

    def tree_of(self, canonical: str) -> Node | None:
        """Return the elements of a type or profile as a tree."""

    def value(self, node: Node, type_: Json | None, root: Node) -> Json:
        """Return the schema of one value of an element."""


class Slicer:
    """Writes the slices of array elements."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def array(self, node: Node, root: Node) -> Json:
        """Return the keywords that the slices of an element add to its array."""
        slicing = node.element.get("slicing")
        if not slicing or not node.slices:
            return {}
        rules: list[Json] = []
        known: list[Json] = []
        for piece in node.slices:
            if "/" in piece.slice:
                continue
            match = self._match(piece, slicing.get("discriminator", []))
            if match is None:
                continue
            known.append(match)
            rules += self._rules(piece, match, root)
        decided = len(known) == len(node.slices)
        if slicing.get("rules") == "closed" and decided:
            rules.append({"items": {"anyOf": known}})
        return {"allOf": rules} if rules else {}

    def _rules(self, piece: Node, match: Json, root: Node) -> list[Json]:
        least, most = piece.element.get("min", 0), piece.element.get("max", "*")
        if most == "0":
            return [{"not": {"contains": match}}]
        found: list[Json] = []
        if least or most != "*":
            count: Json = {"contains": match, "minContains": least}
            if most != "*":
                count["maxContains"] = int(most)
            found.append(count)
        types = piece.element.get("type", [])
        value = self._writer.value(piece, types[0] if types else None, root)
        if value:
            found.append({"items": {"if": match, "then": value}})
        return found

    def _match(self, piece: Node, discriminators: list[Json]) -> Json | None:
        parts = [self._discriminated(piece, it["type"], it["path"]) for it in discriminators]
        if not parts or any(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _discriminated(self, piece: Node, kind: str, path: str) -> Json | None:
        if kind in ("value", "pattern"):
            extension = _EXTENSION.fullmatch(path)
            if extension:
                return self._by_extension(piece, extension.group(1), extension.group(2))
            return self._by_value(piece, [] if path == "$this" else path.split("."))
        if kind == "exists" and path.isalpha():
            child = self._below(piece, path)
            if child is None:
                return None
            there: Json = {"required": [path]}
            return {"not": there} if child.element.get("max") == "0" else there
        return None

    def _by_extension(self, piece: Node, url: str, rest: str) -> Json | None:
        extensions = self._below(piece, "extension")
        for candidate in extensions.slices if extensions else ():
            profiles = [p for t in candidate.element.get("type", ()) for p in t.get("profile", ())]
            if [p.partition("|")[0] for p in profiles] == [url]:
                inner = self._by_value(candidate, rest.split(".") if rest else [])
                if inner is None:
                    return None
                item = {"allOf": [pattern({"url": url}), inner]}
                return {"type": "object", "required": ["extension"], "properties": {"extension": {"contains": item}}}
        return None

    def _by_value(self, node: Node, steps: list[str]) -> Json | None:
        if not steps:
            return self._stated(node)
        child = self._below(node, steps[0])
        if child is None or not re.fullmatch(r"\w+", steps[0]):
            return self._within(node, steps)
        inner = self._by_value(child, steps[1:])
        if inner is None:
            return self._within(node, steps)
        name = steps[0]
        if child.name.endswith("[x]"):
            codes = [code_of(t) for t in child.element.get("type", ())]
            if len(codes) != 1:
                return None
            name = steps[0] + codes[0][0].upper() + codes[0][1:]
        many = child.element.get("base", {}).get("max", child.element.get("max")) != "1"
        value: Json = {"type": "array", "contains": inner} if many else inner
        return {"type": "object", "required": [name], "properties": {name: value}}

    def _within(self, node: Node, steps: list[str]) -> Json | None:
        """Return the match from a fixed or pattern value that is stated further up and covers these steps."""
        for prefix in ("fixed", "pattern"):
            value: Any = stated(node.element, prefix)
            if value is None:
                continue
            for step in steps:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None:
                found = pattern(value)
                for step in reversed(steps):
                    found = {"type": "object", "required": [step], "properties": {step: found}}
                return found
        return None

    def _stated(self, node: Node) -> Json | None:
        fixed = stated(node.element, "fixed")
        if fixed is not None:
            return {"const": fixed}
        partial = stated(node.element, "pattern")
        if partial is not None:
            return pattern(partial)
        binding = node.element.get("binding", {})
        types = node.element.get("type", ())
        if binding.get("strength") == "required" and len(types) == 1:
            codes = enumerate_codes(self._writer.lookup, binding.get("valueSet", ""))
            return bound(codes, code_of(types[0])) if codes else None
        parts = [
            {"type": "object", "required": [child.name], "properties": {child.name: _each(child, inner)}}
            for child in node.children
            if child.element.get("min", 0) and (inner := self._stated(child)) is not None
        ]
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else {"allOf": parts}

    def _below(self, node: Node, name: str) -> Node | None:
        """Return the child of that name: stated here, or in the profile or type of the element."""
        own = node.child(name) or node.child(f"{name}[x]")
        if own is not None:
            return own
        types = node.element.get("type", ())
        if len(types) != 1:
            return None
        places = types[0].get("profile") or [code_of(types[0])]
        for place in places if len(places) == 1 else ():
            below = self._writer.tree_of(place)
            if below is not None:
                return below.child(name) or below.child(f"{name}[x]")
        return None


def _each(child: Node, inner: Json) -> Json:
    many = child.element.get("base", {}).get("max", child.element.get("max")) != "1"
    return {"type": "array", "contains": inner} if many else inner
