"""What XML needs to know of FHIR's types: the order of elements, and how each is written.

https://hl7.org/fhir/R4/xml.html#format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from fhirserver.definitions import Element, Elements, TypeChoice

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

Shape = Literal["attribute", "primitive", "complex", "resource", "xhtml"]


class Slot(NamedTuple):
    """One name that may stand inside an element.

    Attributes:
        order: its place among its siblings.
        shape: how it is written.
        type: FHIR type, such as `decimal`.
        path: where its own children are described; empty for primitives and contained resources.
        is_array: whether JSON writes an array.
        stem: the element's name in FHIRPath (`value` for `valueQuantity`).
    """

    order: int
    shape: Shape
    type: str
    path: str
    is_array: bool
    stem: str


PRIMITIVE: Final = "Element"
"""The path of a primitive's children: `id` and `extension`."""


class Model:
    """The slots of every type, worked out when first met; safe to share between threads."""

    def __init__(self, elements: Elements, resource_types: frozenset[str]) -> None:
        self._elements = elements
        self.resource_types = resource_types
        self._slots: dict[str, Mapping[str, Slot]] = {}

    def slots(self, path: str) -> Mapping[str, Slot]:
        """Return the names that may stand inside an element, by the path of its description."""
        slots = self._slots.get(path)
        if slots is None:
            names = self._elements.names(path).items()
            slots = {name: _slot(order, element, choice) for order, (name, (element, choice)) in enumerate(names)}
            self._slots[path] = slots
        return slots


def _slot(order: int, element: Element, choice: TypeChoice) -> Slot:
    shape: Shape = "complex"
    path = element.content or choice.code
    if element.is_attribute:
        shape, path = "attribute", ""
    elif element.is_xhtml:
        shape, path = "xhtml", ""
    elif choice.code == "Resource":
        shape, path = "resource", ""
    elif not element.content and choice.code[0].islower():
        shape, path = "primitive", PRIMITIVE
    return Slot(order, shape, choice.code, path, element.is_array, element.name.removesuffix("[x]"))
