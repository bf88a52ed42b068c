"""The check of one JSON object against the children of an element: the heart of the walk.

Objects of the same kind have the same few sets of properties again and again. Which rules apply, whether all that is
required is there, whether a choice has one type only, and the invariants that ask for presence alone depend on the
names of the properties and not on values: they are decided once for each sequence of names, and remembered as a plan
where the structure is right. A plan that is used often is written as source (`profiles/writing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver.validation.elements.formats import json_type
from fhirserver.validation.profiles.invariants import Constraint, Presence
from fhirserver.validation.profiles.properties import Property
from fhirserver.validation.run import Check, Path, Rule, Run, Silent, Step
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
    rules: dict[str, Property] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    choices: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    presence: list[Presence] = field(default_factory=list)
    steps: list[Check] = field(default_factory=list)
    is_resource: bool = False

    def broken(self, names: tuple[str, ...]) -> tuple[Constraint, ...]:
        """Return the invariants that an object with these properties breaks, whatever their values."""
        return tuple(presence.constraint for presence in self.presence if not presence.holds(names))


class ObjectCheck:
    """The check of an object against its shape.

    Attributes:
        shape: what the object may hold.
        plans: judge an object whose sequence of names is known to be right.
        silent: for the first sequence of names that came often: whether an object is as it should be; None where
            there is none such, or where that cannot be told cheaply.
        height: how many objects lie one inside of the other where `silent` looks, this one included.
    """

    __slots__ = ("_most", "_write", "height", "plans", "shape", "silent", "steps")

    def __init__(self, shape: Shape, write: Callable[[ObjectCheck, tuple[str, ...]], None], patience: int) -> None:
        """Make a check.

        Args:
            shape: what the object may hold.
            write: replaces the plan of a sequence of names.
            patience: how often a plan is used before it is replaced; 0 for never.
        """
        self.shape = shape
        self.plans: dict[tuple[str, ...], Check] = {}
        self.silent: Silent | None = None
        self.height = 0
        self.steps: tuple[Check, ...] = tuple(one.check if isinstance(one, Step) else one for one in shape.steps)
        self._write = write
        self._most = patience

    def __call__(self, value: Any, path: Path, run: Run) -> None:
        """Judge a value."""
        if type(value) is dict:
            (self.plans.get(tuple(value)) or self.slowly)(value, path, run)
        else:
            _not_object(value, path, run, self.shape.type)

    def slowly(self, value: dict[str, Any], path: Path, run: Run) -> None:
        """Judge an object whose sequence of names is new, or wrong."""
        shape = self.shape
        rules = shape.rules
        plan: list[Rule] = []
        for key, item in value.items():
            found = rules.get(key)
            if found is None:
                shape.unknown(key, path, run)
            else:
                plan.append(found.rule)
                found.rule(item, value, path, run)
        right = len(plan) == len(value)
        right &= self._all_there(value, path, run)
        right &= self._one_choice(value, path, run)
        right &= self._not_empty(value, path, run)
        names = tuple(value)
        broken = shape.broken(names)
        for constraint in broken if run.invariants else ():
            constraint.report(path, run)
        if right and len(self.plans) < _MOST_PLANS:
            self.plans[names] = self._plan(names, plan, broken)
        for step in self.steps:
            step(value, path, run)

    def _plan(self, names: tuple[str, ...], rules: Sequence[Rule], broken: Sequence[Constraint]) -> Check:
        """Return a plan that goes through its rules one by one, until it has been used often."""
        steps, left = self.steps, self._most

        def plan(value: Any, path: Path, run: Run) -> None:
            nonlocal left
            for rule, item in zip(rules, value.values()):  # noqa: B905 - both have one for each name; saying so costs 4 %
                rule(item, value, path, run)
            for constraint in broken if run.invariants else ():
                constraint.report(path, run)
            for step in steps:
                step(value, path, run)
            left -= 1
            if left == 0:
                if run.writes:
                    run.writes -= 1
                    self._write(self, names)
                else:
                    left = 1  # its turn comes at the next use

        return plan

    def _all_there(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        missing = False
        for need in self.shape.needs:
            # a primitive whose value is missing is there all the same when its `_` sibling is
            if not any(key in value or f"_{key}" in value for key in need.keys):
                missing = True
                run.error("required", path, "cardinality-min", texts.missing(need.label, need.least, 0, need.origin))
        return not missing

    def _one_choice(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        single = True
        for base, names in self.shape.choices:
            present = [key for key in value if key in names]
            if len({key.lstrip("_") for key in present}) > 1:
                single = False
                run.error("structure", path, "choice", texts.several_choices(base, present))
        return single

    def _not_empty(self, value: dict[str, Any], path: Path, run: Run) -> bool:
        """Judge ele-1: an element has more than an id."""
        if self.shape.is_resource or any(key != "id" for key in value):
            return True
        run.error("invariant" if value else "structure", path, "ele-1", texts.empty_object())
        return False


class Further:
    """A check that goes on with further ones where the value is an object.

    Attributes:
        main: the first check.
        steps: the further ones.
    """

    __slots__ = ("_bare", "main", "steps")

    def __init__(self, main: Check, steps: Sequence[Check]) -> None:
        self.main = main
        self.steps = tuple(steps)
        self._bare: tuple[Check, ...] = tuple(one.check if isinstance(one, Step) else one for one in steps)

    def __call__(self, value: Any, path: Path, run: Run) -> None:
        """Judge a value."""
        self.main(value, path, run)
        if type(value) is dict:
            for step in self._bare:
                step(value, path, run)


def _not_object(value: Any, path: Path, run: Run, type_name: str) -> None:
    if value is None:
        run.error("structure", path, "json-null", texts.null_unwanted())
    elif type(value) is list and len(value) == 1 and type(value[0]) is dict:
        run.error("structure", path, "json-array", texts.array_unwanted())
    else:
        run.error("structure", path, "json-type", texts.wrong_json_type(json_type(value), "object", type_name))
