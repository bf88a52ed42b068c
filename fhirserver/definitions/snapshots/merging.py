"""What becomes of one element when a differential constrains it; elements are never changed in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fhirserver.definitions.snapshots.tree import Node

EXTENSION_SLICING: Final = {
    "discriminator": [{"type": "value", "path": "url"}],
    "ordered": False,
    "rules": "open",
}
"""How extensions are sliced where nobody says it (https://hl7.org/fhir/R4/profiling.html#slicing)."""

TYPE_SLICING: Final = {"discriminator": [{"type": "type", "path": "$this"}], "ordered": False, "rules": "open"}
"""How the types of a choice are sliced where nobody says it."""

_BINDABLE: Final = frozenset(
    {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri", "canonical", "Duration", "Age"}
)


def without(element: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an element without one of its properties."""
    return {name: value for name, value in element.items() if name != key} if key in element else element


def merged(base: dict[str, Any], change: dict[str, Any], url: str) -> dict[str, Any]:
    """Return an element of the base as a differential changes it.

    Args:
        base: the element so far.
        change: what the differential says of it: it replaces, except constraints and conditions, which add up.
        url: of the structure that adds constraints; it becomes their source.
    """
    element = {**base, **change}
    if "constraint" in change:
        added = [{"source": url, **constraint} if url else constraint for constraint in change["constraint"]]
        element["constraint"] = united(base.get("constraint", ()), added)
    if "condition" in base and "condition" in change:
        element["condition"] = list(dict.fromkeys([*base["condition"], *change["condition"]]))
    if "binding" in base and "binding" in change and "valueSet" not in change["binding"]:
        element["binding"] = {**base["binding"], **change["binding"]}
    if "base" in base:
        element["base"] = base["base"]
    if "slicing" in change and base.get("slicing", {}).get("rules") == "closed":
        element["slicing"] = {**change["slicing"], "rules": "closed"}  # nothing opens again what the base closed
    return element


def united(first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the constraints of both, those of the first where keys are equal."""
    keys = {constraint["key"] for constraint in first}
    return [*first, *(constraint for constraint in second if constraint["key"] not in keys)]


def adopted(element: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return an element with the constraints of another before its own."""
    if not other.get("constraint"):
        return element
    return {**element, "constraint": united(other["constraint"], element.get("constraint", ()))}


def with_extension(base: dict[str, Any], extension: dict[str, Any]) -> dict[str, Any]:
    """Return an extension element as the root of that extension's definition says it."""
    element = dict(base)
    for name in ("short", "definition", "comment", "isModifier", "isModifierReason", "min", "max"):
        if name in extension:
            element[name] = extension[name]
    element["constraint"] = united(base.get("constraint", ()), extension.get("constraint", ()))
    return element


def settled(node: Node) -> dict[str, Any]:
    """Return the element of a node as its slices leave it.

    A slicing that neither says how nor slices anything is dropped; a choice all of whose types are slices is closed;
    and a slice keeps a binding only where its type can be bound, and the binding says how strongly.
    """
    element = node.element
    slicing = element.get("slicing")
    if slicing and not slicing.get("discriminator") and not node.slices:
        element = without(element, "slicing")
    elif slicing and slicing.get("rules") != "closed" and node.name.endswith("[x]"):
        discriminators = [(one.get("type"), one.get("path")) for one in slicing.get("discriminator", ())]
        sliced = {type_["code"] for piece in node.slices for type_ in piece.element.get("type", ())}
        if discriminators == [("type", "$this")] and {type_["code"] for type_ in element.get("type", ())} <= sliced:
            element = {**element, "slicing": {**slicing, "rules": "closed"}}
    types = element.get("type")
    bindable = not node.slice or not types or any(type_["code"] in _BINDABLE for type_ in types)
    if "binding" in element and not (bindable and element["binding"].get("strength")):
        element = without(element, "binding")
    return element
