"""What becomes of one element when a differential constrains it."""

from __future__ import annotations

from typing import Any


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return an element of the base as a differential changes it."""
    element = {**base, **change}
    if "constraint" in base and "constraint" in change:
        element["constraint"] = united(base["constraint"], change["constraint"])
    if "base" in base:
        element["base"] = base["base"]
    return element


def united(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the constraints of both, those of the first where keys are equal."""
    keys = {constraint["key"] for constraint in first}
    return [*first, *(constraint for constraint in second if constraint["key"] not in keys)]


def adopted(element: dict[str, Any], type_root: dict[str, Any]) -> dict[str, Any]:
    """Return an element with the constraints of its type."""
    constraints = type_root.get("constraint")
    if not constraints:
        return element
    return {**element, "constraint": united(constraints, element.get("constraint", []))}
