"""The check of one JSON object against the children of an element: the heart of the walk.

Objects of the same kind have the same few sets of properties again and again. Which rules apply, whether all that is
required is there, whether a choice has one type only, and the invariants that ask for presence alone depend on the
names of the properties and not on values: they are decided once for each sequence of names, and remembered as a plan
when nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.validation.elements.formats import json_type
from fhirserver.validation.profiles.invariants import Presence
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import structure as texts

_MOST_PLANS: Final = 256
"""So many plans are remembered for one kind of object; a sender who varies more pays for it himself."""


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
        unknown: judges a property that has no rule.
        rules: by JSON property.
        needs: elements that must occur.
        choices: the JSON properties of each choice element that has several types.
        presence: invariants that depend on the names of the properties alone.
        steps: further checks on the whole object.
        is_resource: whether it is a resource, which may be empty.
    """

    type: str
    unknown: Callable[[str, Path, Run], None]
    rules: dict[str, Rule] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    choices: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    presence: list[Presence] = field(default_factory=list)
    steps: list[Check] = field(default_factory=list)
    is_resource: bool = False


def object_check(shape: Shape) -> Check:
    """Return the check of an object against its shape."""
    plans: dict[tuple[str, ...], tuple[Rule, ...]] = {}
    known = plans.get
    steps = tuple(shape.steps)
    slowly = _Slow(shape, plans)

    def check(value: Any, path: Path, run: Run) -> None:
        if type(value) is not dict:
            _not_object(value, path, run, shape.type)
            return
        plan = known(tuple(value))
        if plan is None:
            slowly.judge(value, path, run)
        else:
            for rule, item in zip(plan, value.values()):  # noqa: B905 - both have one for each name; saying so costs 4 %
                rule(item, value, path, run)
        if steps:
            for step in steps:
                step(value, path, run)

    return check


class _Slow:
    """Judges an object whose sequence of names is new, or wrong."""

    def __init__(self, shape: Shape, plans: dict[tuple[str, ...], tuple[Rule, ...]]) -> None:
        self._shape = shape
        self._plans = plans

    def judge(self, value: dict[str, Any], path: Path, run: Run) -> None:
        shape = self._shape
        rules = shape.rules
        plan: list[Rule] = []
        for key, item in value.items():
            rule = rules.get(key)
            if rule is None:
                shape.unknown(key, path, run)
            else:
                plan.append(rule)
                rule(item, value, path, run)
        right = len(plan) == len(value)
        right &= self._all_there(value, path, run)
        right &= self._one_choice(value, path, run)
        right &= self._not_empty(value, path, run)
        for presence in shape.presence:
            if not presence.holds(value):
                right = False
                if run.invariants:
                    presence.constraint.report(path, run)
        if right and len(self._plans) < _MOST_PLANS:
            self._plans[tuple(value)] = tuple(plan)

    def _all_there(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        missing = False
        for need in self._shape.needs:
            # a primitive whose value is missing is there all the same when its `_` sibling is
            if not any(key in value or f"_{key}" in value for key in need.keys):
                missing = True
                run.error("required", path, "cardinality-min", texts.missing(need.label, need.least, 0, need.origin))
        return not missing

    def _one_choice(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        single = True
        for base, names in self._shape.choices:
            present = [key for key in value if key in names]
            if len({key.lstrip("_") for key in present}) > 1:
                single = False
                run.error("structure", path, "choice", texts.several_choices(base, present))
        return single

    def _not_empty(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        """Judge ele-1: an element has more than an id."""
        if self._shape.is_resource or any(key != "id" for key in value):
            return True
        run.error("invariant" if value else "structure", path, "ele-1", texts.empty_object())
        return False


def _not_object(value: Any, path: Path, run: Run, type_name: str) -> None:
    if value is None:
        run.error("structure", path, "json-null", texts.null_unwanted())
    elif type(value) is list and len(value) == 1 and type(value[0]) is dict:
        run.error("structure", path, "json-array", texts.array_unwanted())
    else:
        run.error("structure", path, "json-type", texts.wrong_json_type(json_type(value), "object", type_name))
