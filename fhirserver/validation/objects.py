"""The check of one JSON object against the children of an element: the heart of the walk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhirserver.validation.formats import json_type
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import structure as texts


@dataclass(frozen=True, slots=True)
class Need:
    """An element that must occur.

    Attributes:
        label: its name, for people.
        keys: the JSON properties under which it may stand.
        least: how often at least.
        origin: profile and element that ask for it.
    """

    label: str
    keys: tuple[str, ...]
    least: int
    origin: str


@dataclass(slots=True)
class Shape:
    """What an object may hold.

    Attributes:
        type: the FHIR type or path of the object, for people.
        rules: by JSON property.
        needs: elements that must occur.
        choices: the JSON properties of each choice element that has several types.
        steps: further checks on the whole object.
        unknown: judges a property that has no rule.
    """

    type: str
    unknown: Callable[[str, dict[str, Any], Path, Run], None]
    rules: dict[str, Rule] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    choices: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    steps: list[Check] = field(default_factory=list)


def object_check(shape: Shape, *, is_resource: bool) -> Check:
    """Return the check of an object against its shape."""
    rules = shape.rules
    steps = tuple(shape.steps)
    single = frozenset(need.keys[0] for need in shape.needs if len(need.keys) == 1)
    needs = tuple(shape.needs)
    several = tuple(need for need in shape.needs if len(need.keys) > 1)
    choices = tuple(shape.choices)
    unknown = shape.unknown
    type_name = shape.type

    def check(value: Any, path: Path, run: Run) -> None:
        if type(value) is not dict:
            _not_object(value, path, run, type_name)
            return
        for key, item in value.items():
            rule = rules.get(key)
            if rule is not None:
                rule(item, value, path, run)
            else:
                unknown(key, value, path, run)
        keys = value.keys()
        if not single <= keys:
            _missing(needs, value, path, run)
        elif several:
            for need in several:
                if keys.isdisjoint(need.keys):
                    _missing(needs, value, path, run)
                    break
        for base, names in choices:
            if len(keys & names) > 1:
                _several(base, names, value, path, run)
        if len(value) < 2 and not is_resource and (not value or "id" in value):  # noqa: PLR2004 - ele-1: an id alone is nothing
            run.error("structure" if not value else "invariant", path, "ele-1", texts.empty_object())
        for step in steps:
            step(value, path, run)

    return check


def _not_object(value: Any, path: Path, run: Run, type_name: str) -> None:
    if value is None:
        run.error("structure", path, "json-null", texts.null_unwanted())
    elif type(value) is list and len(value) == 1 and type(value[0]) is dict:
        run.error("structure", path, "json-array", texts.array_unwanted())
    else:
        run.error("structure", path, "json-type", texts.wrong_json_type(json_type(value), "object", type_name))


def _missing(needs: Sequence[Need], value: dict[str, Any], path: Path, run: Run) -> None:
    for need in needs:
        # a primitive whose value is missing is there all the same when its `_` sibling is
        if not any(key in value or f"_{key}" in value for key in need.keys):
            run.error("required", path, "cardinality-min", texts.missing(need.label, need.least, 0, need.origin))


def _several(base: str, names: frozenset[str], value: dict[str, Any], path: Path, run: Run) -> None:
    present = [key for key in value if key in names and not (key[0] == "_" and key[1:] in value)]
    if len({key.lstrip("_") for key in present}) > 1:
        run.error("structure", path, "choice", texts.several_choices(base, present))
