"""Where the steps of a path lead in the JSON of a type: names, FHIR types, filters.

https://hl7.org/fhir/R4/json.html: a choice `value[x]` is `valueQuantity` in JSON; FHIRPath says `value`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fhirserver.definitions.elements import Element, Elements
from fhirserver.search.declared.expressions import Cast, Child, Item, Path, PointsTo, Step, Where

_OTHER_NAMES: Final = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity", "DateTime": "dateTime"}
"""Names in published expressions for types whose elements carry another."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Into a member of a JSON object, or one item of it."""

    name: str
    item: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Stay, if the JSON object has this value for this member."""

    name: str
    value: str | bool


Move = Edge | Filter


@dataclass(frozen=True, slots=True)
class Place:
    """Where values of a parameter are.

    Attributes:
        moves: from the resource down.
        fhir_type: of the values.
        points_to: keep only references to this type; empty: all.
        single: whether there is at most one value.
        element: definition of the last element; None at the resource itself.
    """

    moves: tuple[Move, ...]
    fhir_type: str
    points_to: str
    single: bool
    element: Element | None


@dataclass(frozen=True, slots=True)
class _State:
    moves: tuple[Move, ...]
    path: str | None
    fhir_type: str
    points_to: str
    single: bool
    element: Element | None


def places(elements: Elements, start: str, path: Path) -> Iterator[Place]:
    """Yield every place to which a path leads from a type or an element path.

    Args:
        elements: the element model.
        start: type name or element path from which the first step is taken.
        path: its root is not looked at.
    """
    states = [_State((), start, start.rpartition(".")[2], "", single=True, element=None)]
    for step in path.steps:
        states = [after for state in states for after in _after(elements, state, step)]
    # an expression may stop at the extension itself: its value is meant
    values = [after for s in states if s.fhir_type == "Extension" for after in _after(elements, s, Child("value"))]
    for state in [s for s in states if s.fhir_type != "Extension"] + values:
        yield Place(state.moves, state.fhir_type, state.points_to, state.single, state.element)


def _after(elements: Elements, state: _State, step: Step) -> Iterator[_State]:
    match step:
        case Child(name):
            yield from _children(elements, state, name)
        case Cast(type_name):
            if state.fhir_type == _OTHER_NAMES.get(type_name, type_name):
                yield state
        case Where(child, value):
            if state.path is not None and child in _names(elements, state.path):
                yield _moved(state, Filter(child, value))
        case PointsTo(type_name):
            if state.fhir_type in ("Reference", "canonical", "uri", "Resource"):
                yield _State(state.moves, state.path, state.fhir_type, type_name, state.single, state.element)
        case Item(position):
            if state.moves and isinstance(state.moves[-1], Edge):
                last = Edge(state.moves[-1].name, position)
                yield _State((*state.moves[:-1], last), state.path, state.fhir_type, state.points_to, state.single, state.element)  # fmt: skip  # noqa: E501


def _moved(state: _State, move: Move) -> _State:
    return _State((*state.moves, move), state.path, state.fhir_type, state.points_to, state.single, state.element)


def _names(elements: Elements, path: str) -> frozenset[str]:
    try:
        return frozenset(elements.names(path))
    except KeyError:
        return frozenset()


def _children(elements: Elements, state: _State, name: str) -> Iterator[_State]:
    if state.path is None:
        return
    try:
        children = elements.of(state.path)
    except KeyError:
        return
    element = children.get(name) or children.get(f"{name}[x]")
    if element is None:
        return
    single = state.single and element.maximum == 1
    if element.is_choice:
        for json_name, choice in element.json_names().items():
            path = choice.code if choice.code[0].isupper() and choice.code != "Resource" else None
            yield _State((*state.moves, Edge(json_name)), path, choice.code, "", single, element)
    else:
        fhir_type = element.types[0].code if element.types else "BackboneElement"
        yield _State((*state.moves, Edge(name)), element.content, fhir_type, "", single, element)
