"""A resource to FHIR XML: https://hl7.org/fhir/R4/xml.html."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from fhirserver.errors import Unprocessable
from fhirserver.issues import Text
from fhirserver.jsontext import Number
from fhirserver.wire.xml.model import FHIR, PRIMITIVE, XHTML, Model, Slot
from fhirserver.wire.xml.reading import is_xhtml

HEADER: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ATTRIBUTE: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION: Final = re.compile(r"\s*<\?xml\s[^>]*\?>\s*")


class Writer:
    """Writes one resource."""

    def __init__(self, model: Model, *, pretty: bool) -> None:
        self._model = model
        self._pretty = pretty
        self._parts: list[str] = [HEADER]

    def write(self, resource: Mapping[str, Any]) -> bytes:
        """Return the document.

        Raises:
            Unprocessable: something that XML cannot carry: an element that FHIR does not have, a control character.
        """
        self._resource(resource, 0, f' xmlns="{FHIR}"')
        text = "".join(self._parts)
        forbidden = _FORBIDDEN.search(text)
        if forbidden:
            raise _unwritable(
                f"le caractère U+{ord(forbidden[0]):04X} ne peut pas figurer en XML.",
                f"the character U+{ord(forbidden[0]):04X} cannot stand in XML.",
                str(resource.get("resourceType")),
            )
        return text.encode()

    def _resource(self, resource: Mapping[str, Any], depth: int, namespace: str = "") -> None:
        kind = resource.get("resourceType")
        if kind not in self._model.resource_types:
            raise _unwritable(f"« {kind} » n'est pas une ressource.", f'"{kind}" is no resource.', str(kind))
        self._line(depth)
        self._parts.append(f"<{kind}{namespace}")
        self._inside(str(kind), str(kind), {key: resource[key] for key in resource if key != "resourceType"}, depth)

    def _inside(self, tag: str, path: str, content: Mapping[str, Any], depth: int, value: Any = None) -> None:
        """Write attributes and children of an element whose tag is open, and close it."""
        slots = self._model.slots(path)
        names = {key.removeprefix("_") for key in content}
        unknown = names - slots.keys()
        if unknown:
            name = min(unknown)
            raise _unwritable(f"élément inconnu « {name} ».", f'unknown element "{name}".', f"{path}.{name}")
        ordered = sorted(names, key=lambda name: slots[name].order)
        children = [name for name in ordered if slots[name].shape != "attribute"]
        self._parts += [f' {name}="{_escaped(content[name])}"' for name in ordered if slots[name].shape == "attribute"]
        if value is not None:
            self._parts.append(f' value="{_escaped(value)}"')
        if not children:
            self._parts.append("/>")
            return
        self._parts.append(">")
        for name in children:
            self._child(name, slots[name], content, depth + 1)
        self._line(depth)
        self._parts.append(f"</{tag}>")

    def _child(self, name: str, slot: Slot, content: Mapping[str, Any], depth: int) -> None:
        values, extras = content.get(name), content.get(f"_{name}")
        if slot.shape == "primitive" and extras is None and isinstance(values, str):
            self._line(depth)
            self._parts.append(f'<{name} value="{values.translate(_ATTRIBUTE)}"/>')
            return
        if not isinstance(values, list) and not isinstance(extras, list):
            values, extras = [values], [extras]
        values, extras = values or [], extras or []
        for at in range(max(len(values), len(extras))):
            value = values[at] if at < len(values) else None
            extra = extras[at] if at < len(extras) else None
            self._one(name, slot, value, extra, depth)

    def _one(self, name: str, slot: Slot, value: Any, extra: Any, depth: int) -> None:
        if slot.shape == "primitive":
            if isinstance(value, (dict, list)) or not isinstance(extra, dict | None):
                raise _unwritable("une valeur simple est attendue.", "a simple value is expected.", name)
            self._line(depth)
            self._parts.append(f"<{name}")
            self._inside(name, PRIMITIVE, extra or {}, depth, value)
            return
        if slot.shape == "xhtml":
            self._line(depth)
            self._parts.append(_xhtml(str(value)))
            return
        if not isinstance(value, dict):
            raise _unwritable("un objet est attendu.", "an object is expected.", name)
        self._line(depth)
        self._parts.append(f"<{name}")
        if slot.shape == "resource":
            self._parts.append(">")
            self._resource(value, depth + 1)
            self._line(depth)
            self._parts.append(f"</{name}>")
        else:
            self._inside(name, slot.path, value, depth)

    def _line(self, depth: int) -> None:
        if self._pretty and len(self._parts) > 1:
            self._parts.append("\n" + "  " * depth)


def _escaped(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).translate(_ATTRIBUTE)


def _xhtml(source: str) -> str:
    """Return a narrative's XHTML as it is; what is none becomes the text of a `div`, so that nobody loses it."""
    bare = source[match.end() :] if (match := _DECLARATION.match(source)) else source
    if is_xhtml(bare):
        return bare
    without_namespace = re.match(r"\s*<div(?=[\s>/])", bare)
    if without_namespace:
        stated = f'{bare[: without_namespace.end()]} xmlns="{XHTML}"{bare[without_namespace.end() :]}'
        if is_xhtml(stated):
            return stated
    escaped = source.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<div xmlns="{XHTML}">{escaped}</div>'


def _unwritable(fr: str, en: str, expression: str) -> Unprocessable:
    return Unprocessable(
        Text(f"Impossible à écrire en XML : {fr} Demandez du JSON.", f"Cannot be written as XML: {en} Ask for JSON."),
        expression=expression,
        rule="xml",
        code="not-supported",
    )
