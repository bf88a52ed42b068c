"""A profile becomes a JSON Schema (draft 2020-12): cardinality, types, values, codes, slices.

What JSON Schema cannot say is left out, never approximated: FHIRPath invariants, where references lead, the order of
slices, code systems that are not enumerated. So whatever the server accepts, the schema accepts.
"""

from __future__ import annotations

from typing import Final

from fhirserver.definitions.schema.slices import Slicer
from fhirserver.definitions.schema.values import (
    Json,
    Lookup,
    bound,
    code_of,
    enumerate_codes,
    is_primitive,
    limits,
    primitive,
)
from fhirserver.definitions.snapshots.tree import Node, tree

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_COMMENT: Final = (
    "Cardinalités, types, valeurs, codes et découpages du profil ; les invariants FHIRPath et les références se "
    "vérifient par $validate. Structure, values, codes and slices; $validate also checks invariants and references."
)


class SchemaError(Exception):
    """No schema can be written; the message says why, in French and in English."""


def profile_schema(lookup: Lookup, canonical: str) -> Json:
    """Return the JSON Schema of a profile, data type or resource type.

    Args:
        lookup: the definitions in force.
        canonical: url (`url|version`) of a StructureDefinition, or the name of a FHIR type.

    Raises:
        SchemaError: the definition is unknown, or a logical model.
    """
    structure = lookup.structure(canonical)
    if structure is None:
        raise SchemaError(f"profil inconnu : {canonical} / unknown profile: {canonical}")
    if structure["kind"] == "logical":
        raise SchemaError(f"{canonical} est un modèle logique / is a logical model")
    writer = _Writer(lookup)
    body = writer.structure(structure)
    schema: Json = {"$schema": DIALECT, "$id": structure["url"], "$comment": _COMMENT}
    for key in ("title", "description"):
        if structure.get(key):
            schema[key] = structure[key]
    return {**schema, **body, "$defs": dict(sorted(writer.definitions.items()))}


class _Writer:
    """Writes one schema; what several elements share stands once under `$defs`."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.definitions: dict[str, Json] = {}
        self._trees: dict[str, Node] = {}
        self._slicer = Slicer(self)

    def structure(self, structure: Json) -> Json:
        """Return the schema of a resource or complex type."""
        root = tree(structure["snapshot"]["element"])
        return self.object(root, root, structure["type"] if structure["kind"] == "resource" else None)

    def tree_of(self, canonical: str) -> Node | None:
        """Return the elements of a type or profile as a tree, or None where it is unknown."""
        if canonical not in self._trees:
            structure = self.lookup.structure(canonical)
            if structure is None:
                return None
            self._trees[canonical] = tree(structure["snapshot"]["element"])
        return self._trees[canonical]

    def reference(self, canonical: str) -> Json:
        """Return a `$ref` to a type or profile, writing its definition first; `{}` where it is unknown."""
        structure = self.lookup.structure(canonical)
        if structure is None:
            return {}
        name = str(structure["url"]).rpartition("/")[2]
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self.structure(structure)
        return {"$ref": f"#/$defs/{name}"}

    def object(self, node: Node, root: Node, resource_type: str | None = None) -> Json:
        """Return the schema of an object with the children of a node."""
        properties: Json = {}
        demands: list[Json] = []
        if resource_type:
            properties["resourceType"] = {"const": resource_type}
            demands.append({"required": ["resourceType"]})
        for child in node.children:
            if child.element.get("max") == "0":
                continue
            names = self._names(child, root)
            properties |= names
            demands += _presence(child, names)
        required = sorted(name for demand in demands if demand.keys() == {"required"} for name in demand["required"])
        others = [demand for demand in demands if demand.keys() != {"required"}]
        schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        schema["minProperties"] = 2 if _is_extension(node) else 1
        if required:
            schema["required"] = required
        if others:
            schema["allOf"] = others
        return schema

    def _names(self, child: Node, root: Node) -> Json:
        """Return the JSON properties of an element: its value, and the `_` sibling of a primitive."""
        found: Json = {}
        many = child.element.get("base", {}).get("max", child.element.get("max")) != "1"
        for name, type_, piece in choices(child):
            value = self.value(piece, type_, root)
            code = code_of(type_) if type_ else ""
            scalar = type_ is not None and is_primitive(code) and not is_attribute(child)
            if not many:
                found[name] = value
                if scalar:
                    found[f"_{name}"] = self._sibling(piece, root)
                continue
            items = {"anyOf": [value, {"type": "null"}]} if scalar else value
            found[name] = {"type": "array", "items": items, **_count(child.element), **self._slicer.array(child, root)}
            if child.element.get("short"):
                found[name]["description"] = child.element["short"]
            if scalar:
                found[f"_{name}"] = {
                    "type": "array",
                    "items": {"anyOf": [self._sibling(piece, root), {"type": "null"}]},
                }
        return found

    def _sibling(self, node: Node, root: Node) -> Json:
        if not node.children:
            return self.reference("Element")
        below = Node(node.name)
        below.children = [child for child in node.children if child.name in ("id", "extension")]
        return self.object(below, root)

    def value(self, node: Node, type_: Json | None, root: Node) -> Json:
        """Return the schema of one value of an element."""
        element = node.element
        parts: list[Json] = []
        if "contentReference" in element:
            parts.append(self._same_as(element["contentReference"], root))
        elif type_ is None:
            return {}
        else:
            parts.append(self._typed(node, type_, root))
        extra = limits(element)
        if extra:
            parts.append(extra)
        binding = element.get("binding", {})
        if type_ and binding.get("strength") == "required" and binding.get("valueSet"):
            codes = enumerate_codes(self.lookup, binding["valueSet"])
            schema = bound(codes, code_of(type_)) if codes else None
            if schema:
                parts.append(schema)
        merged = _joined(parts)
        many = element.get("base", {}).get("max") not in ("1", None)
        return {**merged, "description": element["short"]} if element.get("short") and not many else merged

    def _typed(self, node: Node, type_: Json, root: Node) -> Json:
        code = code_of(type_)
        if is_primitive(code):
            name = f"primitive-{code}"
            if name not in self.definitions:
                self.definitions[name] = primitive(self.lookup, code)
            return {"$ref": f"#/$defs/{name}"}
        if node.children:
            return self.object(node, root)
        profiles = [url for url in type_.get("profile", ()) if self.lookup.structure(url)]
        if profiles:
            options = [self.reference(url) for url in profiles]
            return options[0] if len(options) == 1 else {"anyOf": options}
        if code == "Resource":
            return {"type": "object", "properties": {"resourceType": {"type": "string"}}, "required": ["resourceType"]}
        return self.reference(code)

    def _same_as(self, content_reference: str, root: Node) -> Json:
        path = content_reference.rpartition("#")[2]
        if path not in self.definitions:
            node: Node | None = root
            for name in path.split(".")[1:]:
                node = node.child(name) if node else None
            if node is None:
                return {}
            self.definitions[path] = {}
            self.definitions[path] = self.object(node, root)
        return {"$ref": f"#/$defs/{path}"}


def choices(node: Node) -> list[tuple[str, Json | None, Node]]:
    """Return JSON name, type and the element or type slice that constrains it, for each type of an element."""
    types = node.element.get("type", [])
    if not node.name.endswith("[x]"):
        return [(node.name, types[0] if types else None, node)]
    stem = node.name.removesuffix("[x]")
    found = []
    for type_ in types:
        code = code_of(type_)
        own = [piece for piece in node.slices if [code_of(t) for t in piece.element.get("type", ())] == [code]]
        piece = own[0] if len(own) == 1 and len(types) >= 1 else node
        narrowed = piece.element["type"][0] if piece is not node else type_
        if piece is node and len(types) > 1:
            piece = Node(node.name, "", node.element)
        found.append((stem + code[0].upper() + code[1:], narrowed, piece))
    return found


def _is_extension(node: Node) -> bool:
    """Whether a node is an extension, which holds a value or extensions beside its url."""
    return node.name == "Extension" or [type_["code"] for type_ in node.element.get("type", ())] == ["Extension"]


def is_attribute(node: Node) -> bool:
    """Whether an element is an XML attribute (`Element.id`, `Extension.url`): it has no `_` sibling in JSON."""
    return "xmlAttr" in node.element.get("representation", ())


def _presence(child: Node, names: Json) -> list[Json]:
    """Return what must be there: a required element, and of a choice one type at most."""
    least = child.element.get("min", 0)
    if not child.name.endswith("[x]"):
        if not least:
            return []
        shadow = f"_{child.name}"
        if shadow in names:
            return [{"anyOf": [{"required": [child.name]}, {"required": [shadow]}]}]
        return [{"required": [child.name]}]
    values = [name for name in names if not name.startswith("_")]
    options = [_there(name, names) for name in values]
    demands: list[Json] = []
    if len(options) == 1:
        demands += options if least else []
    elif options:
        demands.append({"oneOf": options if least else [*options, {"not": {"anyOf": options}}]})
    for piece in child.slices:
        if piece.element.get("min", 0) and len(piece.element.get("type", ())) == 1:
            code = code_of(piece.element["type"][0])
            name = child.name.removesuffix("[x]") + code[0].upper() + code[1:]
            if name in names and not (least and len(options) == 1):
                demands.append(_there(name, names))
    return demands


def _there(name: str, names: Json) -> Json:
    if f"_{name}" in names:
        return {"anyOf": [{"required": [name]}, {"required": [f"_{name}"]}]}
    return {"required": [name]}


def _count(element: Json) -> Json:
    found: Json = {"minItems": max(1, element.get("min", 0))}
    if element.get("max", "*") != "*":
        found["maxItems"] = int(element["max"])
    return found


def _joined(parts: list[Json]) -> Json:
    parts = [part for part in parts if part]
    if len(parts) <= 1:
        return dict(parts[0]) if parts else {}
    first = parts[0]
    if first.keys().isdisjoint(key for part in parts[1:] for key in part) and len(parts) == 2:  # noqa: PLR2004 - a pair
        return {**first, **parts[1]}
    return {"allOf": parts}
