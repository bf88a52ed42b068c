"""The rules of one JSON property: arrays or not, primitives and their `_` siblings, minimum and maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fhirserver.jsontext import Number
from fhirserver.validation.elements.formats import FORMATS, MAX_STRING, Format, json_type
from fhirserver.validation.run import Check, Path, Rule, Run, Step
from fhirserver.validation.texts import structure as texts


class Bounds(NamedTuple):
    """How often an element may occur, and who says so."""

    label: str
    least: int
    most: int | None
    origin: str

    @property
    def range(self) -> tuple[int, int]:
        """How many values an array that is there may have."""
        return max(1, self.least), _UNBOUNDED if self.most is None else self.most

    def judge(self, found: int, path: Path, run: Run) -> None:
        """Note too few or too many occurrences (none at all is the owner's to note)."""
        if self.most is not None and found > self.most:
            run.error(
                "invalid", path, "cardinality-max", texts.too_many(self.label, str(self.most), found, self.origin)
            )
        if found < self.least:
            run.error("required", path, "cardinality-min", texts.missing(self.label, self.least, found, self.origin))


class Scalar(NamedTuple):
    """What a plan looks at in place of asking a rule: of a primitive value.

    Attributes:
        test: one of the tests in `profiles/writing.py`, true only for a value of which the rule would say nothing.
        parts: what the test refers to.
    """

    test: str
    parts: tuple[Any, ...] = ()


class Each(NamedTuple):
    """The same for an array: what each of its primitive values is looked at for."""

    item: Scalar
    least: int
    most: int


class One(NamedTuple):
    """A property that holds one object: its name in paths, and its check."""

    name: str
    check: Check


class Many(NamedTuple):
    """A property that holds an array of objects."""

    name: str
    check: Check
    least: int
    most: int


class Property(NamedTuple):
    """What is known of one JSON property.

    Attributes:
        rule: judges what stands under it.
        form: how a written plan may do without the rule where nothing is wrong; None: not at all.
    """

    rule: Rule
    form: Scalar | Each | One | Many | None = None


_UNBOUNDED: Final = 1 << 62


def one(name: str, check: Check) -> Property:
    """Return an element that holds one object."""

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check(value, (path, name, -1), run)

    return Property(rule, One(name, check))


def many(name: str, check: Check, bounds: Bounds) -> Property:
    """Return an element that repeats and holds objects."""
    bounded = bounds.most is not None or bounds.least > 1

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            not_array(value, name, check, path, run)
            return
        index = 0
        for item in value:
            check(item, (path, name, index), run)
            index += 1
        if index == 0:
            run.error("structure", (path, name, -1), "json-empty-array", texts.empty_array())
        elif bounded:
            bounds.judge(index, path, run)

    return Property(rule, Many(name, check, *bounds.range))


def not_array(value: Any, name: str, check: Check, path: Path, run: Run) -> None:
    """Note that an array is missing; the object that stands there instead is judged all the same."""
    run.error("structure", (path, name, -1), "json-array", texts.array_wanted(json_type(value)))
    if type(value) is dict:
        check(value, (path, name, -1), run)


def prohibited(label: str, origin: str) -> Property:
    """Return an element that the profile excludes."""

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        found = len(value) if type(value) is list else 1
        run.error("invalid", (path, label, -1), "cardinality-max", texts.too_many(label, "0", found, origin))

    return Property(rule)


def wrong_primitive(value: Any, path: Path, run: Run, type_name: str, form: Format) -> None:
    """Note what is wrong with a primitive value."""
    if value is None:
        run.error("structure", path, "json-null", texts.null_unwanted())
    elif type(value) is list and form.json != "array":
        run.error("structure", path, "json-array", texts.array_unwanted())
    elif not form.holds(value):
        run.error("structure", path, "json-type", texts.wrong_json_type(json_type(value), form.json, type_name))
    else:
        code, text = form.explain(value)
        run.error(code, path, f"format-{type_name}", text)


def primitive_check(type_name: str, steps: Sequence[Check]) -> Step:
    """Return the check of one primitive value: its JSON type and format, then what the element asks of it."""
    form = FORMATS[type_name]
    further = tuple(step.check if isinstance(step, Step) else step for step in steps)
    if form.json == "number":
        return _number_check(type_name, form, further)
    right = form.right
    wanted: type = bool if form.json == "boolean" else str

    def check(value: Any, path: Path, run: Run) -> None:
        if type(value) is not wanted or not right(value):
            wrong_primitive(value, path, run, type_name, form)
            if type(value) is not wanted:
                return
        for step in further:
            step(value, path, run)

    return Step(check, None if further else lambda value, _run: type(value) is wanted and right(value))


def _number_check(type_name: str, form: Format, further: tuple[Check, ...]) -> Step:
    holds, right = form.holds, form.right

    def check(value: Any, path: Path, run: Run) -> None:
        if not (holds(value) and right(value)):
            wrong_primitive(value, path, run, type_name, form)
            return
        for step in further:
            step(value, path, run)

    return Step(check, None if further else lambda value, _run: holds(value) and right(value))


_REPEATED: Final = frozenset({"code", "uri", "url", "canonical", "oid"})
"""Types whose values come again and again: what was found right once is right the next time."""

_MOST_REMEMBERED: Final = 500
_LONGEST_REMEMBERED: Final = 200


def primitive(name: str, type_name: str, steps: Sequence[Check], *, pure: bool) -> Property:
    """Return a primitive element.

    Args:
        name: of the element, in paths.
        type_name: its FHIR type.
        steps: what the element asks of its value, beyond the type.
        pure: whether the verdict depends on the value alone.
    """
    check, form = _looked_at(type_name, steps, pure=pure)

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check(value, (path, name, -1), run)

    return Property(rule, form)


def primitive_item(check: Step, name: str) -> Property:
    """Return a primitive element that is judged by a check made elsewhere."""

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check.check(value, (path, name, -1), run)

    return Property(rule, Scalar("silent", (check.silent,)) if check.silent else None)


def _looked_at(type_name: str, steps: Sequence[Check], *, pure: bool) -> tuple[Check, Scalar | None]:
    """Return the check of a primitive value, and what a plan may look at instead."""
    check = primitive_check(type_name, steps)
    if pure and type_name in _REPEATED:
        remembering, known = _remembering(check.check)
        return remembering, Scalar("known", (known,))
    if check.silent is None:
        return check.check, None
    return check.check, _LOOKS.get(type_name) or Scalar("right", (FORMATS[type_name].right,))


_LOOKS: Final = {
    "boolean": Scalar("boolean"),
    "decimal": Scalar("decimal", (Number,)),
    "integer": Scalar("integer", (-(2**31), 2**31 - 1)),
    "markdown": Scalar("text", (MAX_STRING,)),
    "positiveInt": Scalar("integer", (1, 2**31 - 1)),
    "string": Scalar("text", (MAX_STRING,)),
    "unsignedInt": Scalar("integer", (0, 2**31 - 1)),
}
"""By primitive type, for elements of which nothing more is asked."""


def _remembering(check: Check) -> tuple[Check, tuple[set[str], set[str]]]:
    """Return a check that remembers what it found right, and what it remembers: without and with terminology."""
    right: tuple[set[str], set[str]] = (set(), set())

    def remembering(value: Any, path: Path, run: Run) -> None:
        known = right[run.terminology]
        if type(value) is str and value in known:
            return
        before = len(run.issues)
        check(value, path, run)
        if (
            type(value) is str
            and len(run.issues) == before
            and len(known) < _MOST_REMEMBERED
            and len(value) <= _LONGEST_REMEMBERED
        ):
            known.add(value)

    return remembering, right


def primitives(  # noqa: PLR0913 - what an element is, by name
    name: str, key: str, type_name: str, steps: Sequence[Check], bounds: Bounds, *, pure: bool
) -> Property:
    """Return a primitive element that repeats: null stands where only the `_` sibling has something."""
    sibling = f"_{key}"
    bounded = bounds.most is not None or bounds.least > 1
    check, item_form = _looked_at(type_name, steps, pure=pure)

    def rule(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            run.error("structure", (path, name, -1), "json-array", texts.array_wanted(json_type(value)))
            return
        index = 0
        for item in value:
            if item is None:
                others = owner.get(sibling)
                if type(others) is not list or index >= len(others) or others[index] is None:
                    run.error("structure", (path, name, index), "json-null", texts.null_unwanted())
            else:
                check(item, (path, name, index), run)
            index += 1
        if index == 0:
            run.error("structure", (path, name, -1), "json-empty-array", texts.empty_array())
        elif bounded:
            bounds.judge(index, path, run)

    return Property(rule, Each(item_form, *bounds.range) if item_form else None)


def sibling_of(name: str, key: str, check: Check, *, repeats: bool) -> Property:
    """Return the `_` sibling of a primitive: its id and extensions, an id alone only where there is a value (ele-1)."""
    if not repeats:

        def single(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
            if owner.get(key) is None or not _is_id(value):
                check(value, (path, name, -1), run)

        return Property(single)

    def rule(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            run.error("structure", (path, name, -1), "json-array", texts.array_wanted(json_type(value)))
            return
        values = owner.get(key)
        if type(values) is list and len(values) != len(value):
            run.error("structure", (path, name, -1), "json-alignment", texts.misaligned(len(values), len(value)))
        for index, item in enumerate(value):
            valued = type(values) is list and index < len(values) and values[index] is not None
            if item is not None and not (valued and _is_id(item)):
                check(item, (path, name, index), run)
            elif not valued:
                run.error("structure", (path, name, index), "json-null", texts.null_unwanted())

    return Property(rule)


def _is_id(value: Any) -> bool:
    """Tell whether this is an id and nothing else."""
    if type(value) is not dict or len(value) != 1:
        return False
    identity = value.get("id")
    return type(identity) is str and FORMATS["string"].right(identity)
