"""JSON Patch (RFC 6902), and JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.interactions.patching import pointers
from fhirserver.interactions.patching.numbered import at_operation
from fhirserver.interactions.patching.pointers import Match, Place, Step
from fhirserver.issues import Text
from fhirserver.jsontext import MAX_DEPTH

MAX_OPERATIONS: Final = 1_000
MAX_COPIED: Final = 100_000
"""Values that the `copy` operations of one patch may make: each could double the resource."""


def apply(document: Any, operations: Any, *, fhir: bool = False) -> Any:
    """Return the patched document; the one given stays as it is.

    Args:
        document: any JSON value.
        operations: the patch, an array of operations.
        fhir: whether the document is a resource: paths may then use the bracket form of the French guides, and objects
            and arrays that removals leave empty go too, since FHIR has none
            (https://hl7.org/fhir/R4/json.html#primitive).

    Raises:
        BadRequest: not a JSON Patch; names the operation.
        Unprocessable: an operation does not apply to this document, or a `test` fails; names it too.
    """
    if not isinstance(operations, list) or not operations:
        raise BadRequest(
            Text(
                'Un JSON Patch est un tableau non vide d\'opérations : [{ "op": …, "path": … }].',
                'A JSON Patch is an array of operations that is not empty: [{ "op": …, "path": … }].',
            ),
            rule="json-patch",
        )
    if len(operations) > MAX_OPERATIONS:
        raise BadRequest(
            Text(
                f"Plus de {MAX_OPERATIONS} opérations ; remplacez la ressource par un PUT.",
                f"More than {MAX_OPERATIONS} operations; replace the resource with a PUT.",
            ),
            rule="json-patch",
        )
    patched = copy.deepcopy(document)
    emptied: list[Any] = []
    copied = 0
    for number, operation in enumerate(operations):
        try:
            one = _Operation(patched, operation, emptied, brackets=fhir)
            patched = one.run()
            copied += one.copied
            if copied > MAX_COPIED:
                raise _too_much()
        except Failure as failure:
            raise at_operation(failure, number) from None
    return _without(patched, emptied) if fhir and emptied else patched


def merge(document: Any, patch: Any, *, fhir: bool = False) -> Any:
    """Return the document merged with a merge patch: null removes a member, an object merges, the rest replaces.

    Args:
        document: any JSON value.
        patch: the merge patch.
        fhir: whether the document is a resource: members that the merge leaves empty go too.
    """
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
            continue
        merged[key] = merge(merged.get(key), value, fhir=fhir)
        if fhir and isinstance(value, dict) and value and not merged[key]:
            del merged[key]
    return merged


def _without(value: Any, emptied: Sequence[Any]) -> Any:
    """Return a value without the objects and arrays that removals emptied, and what these in turn leave empty."""
    if isinstance(value, dict):
        return {
            key: item for key, child in value.items() if not _gone(item := _without(child, emptied), child, emptied)
        }
    if isinstance(value, list):
        return [item for child in value if not _gone(item := _without(child, emptied), child, emptied)]
    return value


def _gone(item: Any, before: Any, emptied: Sequence[Any]) -> bool:
    if not isinstance(item, (dict, list)) or item:
        return False
    return bool(before) or any(before is one for one in emptied)


class _Operation:
    """One operation on one document, which it changes in place where it can."""

    def __init__(self, document: Any, operation: Any, emptied: list[Any], *, brackets: bool) -> None:
        if not isinstance(operation, dict):
            raise _malformed("une opération est un objet JSON", "an operation is a JSON object")
        self._document = document
        self._operation = operation
        self._emptied = emptied
        self.copied = 0
        self._brackets = brackets

    def run(self) -> Any:
        """Return the document after the operation."""
        name = self._operation.get("op")
        action = _ACTIONS.get(name) if isinstance(name, str) else None
        if action is None:
            raise _malformed(
                f"« op » vaut {', '.join(_ACTIONS)} (reçu : {str(name)[:40]})",
                f'"op" is one of {", ".join(_ACTIONS)} (got: {str(name)[:40]})',
            )
        return action(self)

    def _path(self, member: str = "path") -> tuple[str, list[Step]]:
        path = self._operation.get(member)
        if not isinstance(path, str):
            raise _malformed(f"« {member} » est un texte requis", f'"{member}" is a required string')
        return path, pointers.parse(path, brackets=self._brackets)

    def _value(self) -> Any:
        if "value" not in self._operation:
            raise _malformed("« value » est requis", '"value" is required')
        return copy.deepcopy(self._operation["value"])

    def add(self) -> Any:
        """Add a member, or insert an item."""
        path, steps = self._path()
        return self._put(path, steps, self._value(), create=True)

    def replace(self) -> Any:
        """Replace a value that is there."""
        path, steps = self._path()
        value = self._value()
        if not steps:
            return value
        _bound_depth(steps, value)
        place = self._place(path, steps, create=True)
        if not pointers.exists(place) and not self._is_new(steps, place):
            raise pointers.absent(self._document, steps, path)
        place.container[place.key] = value
        return self._document

    def remove(self) -> Any:
        """Remove a value that is there."""
        path, steps = self._path()
        self._take(path, steps)
        return self._document

    def move(self) -> Any:
        """Move a value to another place."""
        origin, source = self._path("from")
        path, target = self._path()
        if target[: len(source)] == source and len(target) > len(source):
            raise Unprocessable(
                Text(
                    f"« {origin[:200]} » ne peut pas être déplacé en lui-même.",
                    f'"{origin[:200]}" cannot be moved into itself.',
                ),
                expression=pointers.expression(self._document, source),
                rule="json-patch",
            )
        if source == target:
            pointers.find(self._document, source, origin)
            return self._document
        return self._put(path, target, self._take(origin, source))

    def copy(self) -> Any:
        """Copy a value to another place."""
        origin, source = self._path("from")
        path, target = self._path()
        value = pointers.find(self._document, source, origin)
        self.copied = _measure(value)[0]
        if self.copied > MAX_COPIED:
            raise _too_much()
        return self._put(path, target, copy.deepcopy(value))

    def test(self) -> Any:
        """Compare a value; fails where it differs."""
        path, steps = self._path()
        expected = self._value()
        if not equal(pointers.find(self._document, steps, path), expected):
            raise Unprocessable(
                Text(
                    f"Le test échoue : « {path[:200]} » n'a pas la valeur attendue dans la version actuelle.",
                    f'The test fails: "{path[:200]}" has not the expected value in the current version.',
                ),
                expression=pointers.expression(self._document, steps),
                rule="json-patch-test",
                code="conflict",
            )
        return self._document

    def _place(self, path: str, steps: list[Step], *, create: bool = False) -> Place:
        """Return the place that a path means, in a container that is there."""
        above = steps[:-1]
        if create:
            self._create_extension(above)
        container = pointers.find(self._document, above, path)
        return pointers.locate(container, steps[-1], self._document, steps, path)

    def _create_extension(self, steps: list[Step]) -> None:
        """Create the extension that the last step asks for by its url, since setting its value is what is meant."""
        last = steps[-1] if steps else None
        if not isinstance(last, Match) or last.name not in ("extension", "modifierExtension") or last.key != "url":
            return
        holder = pointers.find(self._document, steps[:-1], "")
        if not isinstance(holder, dict):
            return
        items = holder.setdefault(last.name, [])
        if isinstance(items, list) and not any(isinstance(one, dict) and one.get("url") == last.value for one in items):
            items.append({"url": last.value})

    def _is_new(self, steps: list[Step], place: Place) -> bool:
        """Whether a place is the value of an extension that was created for it."""
        return isinstance(steps[-2] if len(steps) > 1 else None, Match) and set(place.container) == {"url"}

    def _put(self, path: str, steps: list[Step], value: Any, *, create: bool = False) -> Any:
        if not steps:
            return value
        _bound_depth(steps, value)
        place = self._place(path, steps, create=create)
        if isinstance(place.container, list) and not isinstance(steps[-1], Match):
            assert isinstance(place.key, int)
            if place.key > len(place.container):
                raise pointers.absent(self._document, steps, path)
            place.container.insert(place.key, value)
        else:
            place.container[place.key] = value
        return self._document

    def _take(self, path: str, steps: list[Step]) -> Any:
        if not steps:
            raise _malformed("la ressource entière ne peut pas être retirée", "the whole resource cannot be removed")
        place = self._place(path, steps)
        if not pointers.exists(place):
            raise pointers.absent(self._document, steps, path)
        taken = place.container.pop(place.key)
        if not place.container:
            self._emptied.append(place.container)
        return taken


_ACTIONS: Final[dict[str, Callable[[_Operation], Any]]] = {
    "add": _Operation.add,
    "remove": _Operation.remove,
    "replace": _Operation.replace,
    "move": _Operation.move,
    "copy": _Operation.copy,
    "test": _Operation.test,
}


def equal(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal as RFC 6902 (section 4.6) says: numbers by value, and never true for 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, Decimal)) and isinstance(other, (int, Decimal)):
        return one == other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and bool(one == other)


def _measure(value: Any) -> tuple[int, int]:
    """Return how many values a value holds, itself included, and how deep it nests."""
    count = depth = 0
    level = [value]
    while level:
        count += len(level)
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return count, depth


def _bound_depth(steps: list[Step], value: Any) -> None:
    if len(steps) + _measure(value)[1] > MAX_DEPTH:
        raise Unprocessable(
            Text(
                f"Le résultat serait imbriqué sur plus de {MAX_DEPTH} niveaux.",
                f"The result would nest deeper than {MAX_DEPTH} levels.",
            ),
            rule="json-patch",
            code="too-long",
        )


def _too_much() -> Unprocessable:
    return Unprocessable(
        Text(
            f"Les opérations copy multiplient la ressource au-delà de {MAX_COPIED} valeurs.",
            f"The copy operations multiply the resource beyond {MAX_COPIED} values.",
        ),
        rule="json-patch",
        code="too-costly",
    )


def _malformed(fr: str, en: str) -> BadRequest:
    return BadRequest(Text(f"JSON Patch mal formé : {fr}.", f"Malformed JSON Patch: {en}."), rule="json-patch")
