"""FHIRPath Patch: operations as Parameters (https://hl7.org/fhir/R4/fhirpatch.html)."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any, Final

from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.fhirpath import Engine, Environment, EvaluationError, ExpressionError, Node
from fhirserver.fhirpath.model import Entry
from fhirserver.interactions.patching import values
from fhirserver.interactions.patching.numbered import at_operation
from fhirserver.issues import Text

MAX_OPERATIONS: Final = 1_000
MAX_PATH: Final = 1_000
_DIV: Final = re.compile(r"('(?:[^'\\]|\\.)*'|`[^`]*`)|\.div(?![\w(])")
_LITERAL: Final = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\"(?:[^\"\\]|\\.)*\"")
_CALL: Final = re.compile(r"(\w+)\s*\(")
_FUNCTIONS: Final = frozenset(
    {
        *("where", "first", "last", "tail", "skip", "take", "single", "extension", "ofType", "as", "is"),
        *("exists", "empty", "not", "count", "startsWith", "endsWith", "contains", "lower", "upper"),
        *("toString", "hasValue", "getValue"),
    }
)
"""What a path may use to choose an element: nothing that multiplies the resource, or leaves it (resolve)."""

_LAST_STEP: Final = re.compile(r"(.+)\.([A-Za-z]\w*)", re.DOTALL)


def apply(engine: Engine, resource: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the patched resource; the one given stays as it is.

    Raises:
        BadRequest: not a FHIRPath Patch; names the operation.
        Unprocessable: an operation does not apply to this resource; names it too.
    """
    operations = parameters.get("parameter") or []
    if not isinstance(operations, list) or len(operations) > MAX_OPERATIONS:
        raise BadRequest(
            Text(
                f"Un FHIRPath Patch compte {MAX_OPERATIONS} opérations au plus.",
                f"A FHIRPath Patch has {MAX_OPERATIONS} operations at most.",
            ),
            rule="fhirpath-patch",
        )
    patched = copy.deepcopy(resource)
    for number, parameter in enumerate(operations):
        try:
            _Operation(engine, patched, parameter).run()
        except Failure as failure:
            raise at_operation(failure, number) from None
    return patched


class _Operation:
    """One operation, which changes the resource in place."""

    def __init__(self, engine: Engine, resource: dict[str, Any], parameter: Any) -> None:
        self._engine = engine
        self._resource = resource
        if not isinstance(parameter, dict) or parameter.get("name") != "operation":
            raise _malformed("chaque paramètre se nomme « operation »", 'each parameter is named "operation"')
        parts = parameter.get("part")
        self._parts: dict[str, dict[str, Any]] = {}
        for part in parts if isinstance(parts, list) else ():
            name = part.get("name") if isinstance(part, dict) else None
            if not isinstance(name, str) or name not in _KNOWN or name in self._parts:
                raise _malformed(
                    f"partie inconnue ou répétée « {str(name)[:40]} » (connues : {', '.join(sorted(_KNOWN))})",
                    f'unknown or repeated part "{str(name)[:40]}" (known: {", ".join(sorted(_KNOWN))})',
                )
            self._parts[name] = part

    def run(self) -> None:
        """Perform the operation."""
        type_ = self._text("type")
        action = _ACTIONS.get(type_)
        if action is None:
            raise _malformed(
                f"« type » vaut {', '.join(_ACTIONS)} (reçu : {type_[:40]})",
                f'"type" is one of {", ".join(_ACTIONS)} (got: {type_[:40]})',
            )
        action(self)

    def _text(self, name: str) -> str:
        value = self._simple(name)
        if not isinstance(value, str) or not value:
            raise _malformed(f"la partie « {name} » est requise (un texte)", f'the part "{name}" is required (a text)')
        return value

    def _number(self, name: str) -> int:
        value = self._simple(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _malformed(
                f"la partie « {name} » est requise (un entier de 0 ou plus)",
                f'the part "{name}" is required (an integer of 0 or more)',
            )
        return value

    def _simple(self, name: str) -> Any:
        part = self._parts.get(name, {})
        return next((value for key, value in part.items() if key.startswith("value")), None)

    def _value(self) -> values.Value:
        if "value" not in self._parts:
            raise _malformed("la partie « value » est requise", 'the part "value" is required')
        return values.read(self._parts["value"])

    def _nodes(self, path: str) -> list[Node]:
        """Return the elements at a path."""
        if len(path) > MAX_PATH:
            raise _malformed(f"le chemin dépasse {MAX_PATH} caractères", f"the path is over {MAX_PATH} characters")
        bare = _LITERAL.sub("''", path)
        refused = [name for name in _CALL.findall(bare) if name not in _FUNCTIONS and name not in ("and", "or")]
        if refused or "%" in bare:
            shown = refused[0] if refused else "%"
            raise _malformed(
                f"« {shown} » n'a pas de place dans le chemin d'un patch",
                f'"{shown}" has no place in the path of a patch',
            )
        try:
            # `div` is an operator of FHIRPath; people write a narrative's path without the quotes that it needs
            expression = self._engine.compile(_DIV.sub(lambda match: match[1] or ".`div`", path))
            found = expression.evaluate(self._engine.node(self._resource), Environment(self._resource))
        except ExpressionError as error:
            raise BadRequest(
                Text(
                    f"Le chemin « {path[:200]} » n'est pas du FHIRPath : {error.text.fr}",
                    f'The path "{path[:200]}" is not FHIRPath: {error.text.en}',
                ),
                rule="fhirpath-patch",
            ) from None
        except EvaluationError as error:
            raise self._inapplicable(path, error.text.fr, error.text.en) from None
        nodes = [node for node in found if isinstance(node, Node)]
        if len(nodes) != len(found) or any(_root(node).value is not self._resource for node in nodes):
            raise self._inapplicable(
                path, "il calcule une valeur au lieu de désigner un élément.", "it computes a value, not an element."
            )
        return nodes

    def _one(self, path: str) -> Node:
        nodes = self._nodes(path)
        if len(nodes) != 1:
            raise self._inapplicable(
                path,
                f"il désigne {len(nodes)} éléments ; il doit en désigner un seul.",
                f"it selects {len(nodes)} elements; it must select exactly one.",
            )
        return nodes[0]

    def add(self) -> None:
        """Append content under a name to the element at the path."""
        path, name, value = self._text("path"), self._text("name"), self._value()
        node = self._one(path)
        entry = values.entry_for(node.type, name, value, node.path)
        holder = _object(node)
        if not entry.field.many and any(
            key in holder for other in entry.field.entries.values() for key in (other.key, other.sibling)
        ):
            raise self._inapplicable(
                path, f"« {name} » y est déjà ; utilisez replace.", f'"{name}" is already there; use replace.'
            )
        values.put(holder, entry, *values.built(value, entry.type, f"{node.path}.{entry.field.name}"))

    def insert(self) -> None:
        """Insert content into the list at the path."""
        path, index, value = self._text("path"), self._number("index"), self._value()
        holder, entry, size = self._list(path, value)
        if index > size:
            raise self._beyond(path, "index", index, size)
        values.put(holder, entry, *values.built(value, entry.type, f"{path}[{index}]"), index)

    def delete(self) -> None:
        """Delete the element at the path; nothing to do where there is none."""
        path = self._text("path")
        if not self._nodes(path):
            return
        node = self._one(path)
        holder, entry = self._within(node, path)
        if node.index is None:
            holder.pop(entry.key, None)
            holder.pop(entry.sibling, None)
        else:
            items, siblings = values.aligned(holder, entry)
            del items[node.index], siblings[node.index]
            values.store(holder, entry, items, siblings)
        self._drop_empty(node.parent)

    def _drop_empty(self, node: Node | None) -> None:
        """Delete what the deletion left empty: FHIR has no empty elements."""
        while node is not None and node.parent is not None and not node.type.primitive and not node.value:
            holder, entry = self._within(node, "")
            if node.index is None:
                holder.pop(entry.key, None)
            else:
                items, siblings = values.aligned(holder, entry)
                del items[node.index], siblings[node.index]
                values.store(holder, entry, items, siblings)
            node = node.parent

    def replace(self) -> None:
        """Replace the content of the element at the path."""
        path, value = self._text("path"), self._value()
        node = self._one(path)
        holder, entry = self._within(node, path)
        assert node.parent is not None
        # a choice may change its type: the key then changes with it
        chosen = values.entry_for(node.parent.type, entry.field.name, value, node.parent.path)
        content, sibling = values.built(value, chosen.type, node.path)
        if node.index is None:
            values.put(holder, chosen, content, sibling)
            return
        items, siblings = values.aligned(holder, entry)
        items[node.index], siblings[node.index] = content, sibling
        values.store(holder, entry, items, siblings)

    def move(self) -> None:
        """Move an element within its list."""
        path, source, destination = self._text("path"), self._number("source"), self._number("destination")
        holder, entry, size = self._list(path, None)
        for name, index in (("source", source), ("destination", destination)):
            if index >= size:
                raise self._beyond(path, name, index, size - 1)
        items, siblings = values.aligned(holder, entry)
        for array in (items, siblings):
            array.insert(destination, array.pop(source))
        values.store(holder, entry, items, siblings)

    def _list(self, path: str, value: values.Value | None) -> tuple[dict[str, Any], Entry, int]:
        """Return the object that holds the list at a path, its entry, and its length."""
        nodes = self._nodes(path)
        if nodes:
            holder, entry = self._within(nodes[0], path)
            same = all(node.parent is nodes[0].parent and node.key == nodes[0].key for node in nodes)
            if entry.field.many and same and len(nodes) == len(values.aligned(holder, entry)[0]):
                return holder, entry, len(nodes)
        elif value is not None and (step := _LAST_STEP.fullmatch(path)):
            # an empty list has no elements to find it by: its owner and its name do
            above = self._one(step[1])
            entry = values.entry_for(above.type, step[2], value, above.path)
            if entry.field.many:
                return _object(above), entry, 0
        raise self._inapplicable(path, "il ne désigne pas une liste entière.", "it does not select one whole list.")

    def _within(self, node: Node, path: str) -> tuple[dict[str, Any], Entry]:
        """Return the object that holds an element, and the entry of its key there."""
        above = node.parent
        entry = above.type.keys.get(node.key) if above is not None else None
        if above is None or entry is None:
            raise self._inapplicable(
                path, "la ressource entière se remplace par un PUT.", "the whole resource is replaced with a PUT."
            )
        return _object(above), entry

    def _beyond(self, path: str, name: str, index: int, last: int) -> Unprocessable:
        return self._inapplicable(
            path, f"{name} vaut {index}, au-delà de {last}.", f"{name} is {index}, which is beyond {last}."
        )

    def _inapplicable(self, path: str, fr: str, en: str) -> Unprocessable:
        return Unprocessable(
            Text(f"Le chemin « {path[:200]} » : {fr}", f'The path "{path[:200]}": {en}'),
            expression=path[:200],
            rule="fhirpath-patch",
        )


_ACTIONS: Final[dict[str, Callable[[_Operation], None]]] = {
    "add": _Operation.add,
    "insert": _Operation.insert,
    "delete": _Operation.delete,
    "replace": _Operation.replace,
    "move": _Operation.move,
}
_KNOWN: Final = frozenset({"type", "path", "name", "value", "index", "source", "destination"})


def _object(node: Node) -> dict[str, Any]:
    """Return the object that holds an element's children; for a primitive, the one under its `_` key."""
    if not node.type.primitive:
        held: dict[str, Any] = node.value
        return held
    if node.sibling is not None:
        return node.sibling
    above = node.parent
    entry = above.type.keys.get(node.key) if above is not None else None
    if above is None or entry is None:
        return {}
    sibling: dict[str, Any] = {}
    holder = _object(above)
    if node.index is None:
        holder[entry.sibling] = sibling
    else:
        items, siblings = values.aligned(holder, entry)
        siblings[node.index] = sibling
        values.store(holder, entry, items, siblings)
    return sibling


def _root(node: Node) -> Node:
    while node.parent is not None:
        node = node.parent
    return node


def _malformed(fr: str, en: str) -> BadRequest:
    return BadRequest(
        Text(f"FHIRPath Patch mal formé : {fr}.", f"Malformed FHIRPath Patch: {en}."), rule="fhirpath-patch"
    )
