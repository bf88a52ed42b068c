"""The rules of one JSON property: arrays or not, primitives and their `_` siblings, minimum and maximum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fhirserver.validation.elements.formats import FORMATS, Format, json_type
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import structure as texts


class Bounds(NamedTuple):
    """How often an element may occur, and who says so."""

    label: str
    least: int
    most: int | None
    origin: str

    def judge(self, found: int, path: Path, run: Run) -> None:
        """Note too few or too many occurrences (none at all is the owner's to note)."""
        if self.most is not None and found > self.most:
            run.error(
                "invalid", path, "cardinality-max", texts.too_many(self.label, str(self.most), found, self.origin)
            )
        if found < self.least:
            run.error("required", path, "cardinality-min", texts.missing(self.label, self.least, found, self.origin))


def one(name: str, check: Check) -> Rule:
    """Return the rule of an element that holds one object."""

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check(value, (path, name, -1), run)

    return rule


def many(name: str, check: Check, bounds: Bounds) -> Rule:
    """Return the rule of an element that repeats and holds objects."""
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

    return rule


def not_array(value: Any, name: str, check: Check, path: Path, run: Run) -> None:
    """Note that an array is missing; the object that stands there instead is judged all the same."""
    run.error("structure", (path, name, -1), "json-array", texts.array_wanted(json_type(value)))
    if type(value) is dict:
        check(value, (path, name, -1), run)


def prohibited(label: str, origin: str) -> Rule:
    """Return the rule of an element that the profile excludes."""

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        found = len(value) if type(value) is list else 1
        run.error("invalid", (path, label, -1), "cardinality-max", texts.too_many(label, "0", found, origin))

    return rule


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


def primitive_check(type_name: str, steps: Sequence[Check]) -> Check:
    """Return the check of one primitive value: its JSON type and format, then what the element asks of it."""
    form = FORMATS[type_name]
    further = tuple(steps)
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

    return check


def _number_check(type_name: str, form: Format, further: tuple[Check, ...]) -> Check:
    holds, right = form.holds, form.right

    def check(value: Any, path: Path, run: Run) -> None:
        if not (holds(value) and right(value)):
            wrong_primitive(value, path, run, type_name, form)
            return
        for step in further:
            step(value, path, run)

    return check


_TEXTS: Final = frozenset({"string", "markdown"})

_REPEATED: Final = frozenset({"code", "uri", "url", "canonical", "oid"})
"""Types whose values come again and again: what was found right once is right the next time."""

_MOST_REMEMBERED: Final = 500


def one_primitive(name: str, type_name: str, check: Check, *, pure: bool, bare: bool) -> Rule:
    """Return the rule of a primitive element.

    Args:
        name: of the element, in paths.
        type_name: its FHIR type.
        check: judges a value, and says what is wrong.
        pure: whether the verdict depends on the value alone.
        bare: whether nothing is asked of the value beyond its type.
    """
    if pure and type_name in _REPEATED:
        return _remembering(name, check)
    if bare and type_name in _TEXTS:

        def rule_text(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
            if type(value) is not str or value[:1] <= " " or not value.isprintable():
                check(value, (path, name, -1), run)

        return rule_text
    if bare:
        return _quickly(name, FORMATS[type_name], check)

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check(value, (path, name, -1), run)

    return rule


def _quickly(name: str, form: Format, check: Check) -> Rule:
    """Return a rule that asks the check only when a value looks wrong."""
    right = form.right
    if form.json == "number":
        holds = form.holds

        def rule_number(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
            if not (holds(value) and right(value)):
                check(value, (path, name, -1), run)

        return rule_number
    if form.json == "boolean":

        def rule_boolean(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
            if type(value) is not bool:
                check(value, (path, name, -1), run)

        return rule_boolean

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not str or not right(value):
            check(value, (path, name, -1), run)

    return rule


def _remembering(name: str, check: Check) -> Rule:
    right: tuple[set[str], set[str]] = (set(), set())  # without and with terminology

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        known = right[run.terminology]
        if type(value) is str and value in known:
            return
        before = len(run.issues)
        check(value, (path, name, -1), run)
        if type(value) is str and len(run.issues) == before and len(known) < _MOST_REMEMBERED:
            known.add(value)

    return rule


def many_primitives(name: str, key: str, check: Check, bounds: Bounds) -> Rule:
    """Return the rule of a primitive element that repeats: null stands where only the `_` sibling has something."""
    sibling = f"_{key}"
    bounded = bounds.most is not None or bounds.least > 1

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

    return rule


def sibling_rule(name: str, key: str, check: Check, *, repeats: bool) -> Rule:
    """Return the rule of the `_` sibling of a primitive: its id and extensions."""

    def rule_one(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        check(value, (path, name, -1), run)

    def rule_many(value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            run.error("structure", (path, name, -1), "json-array", texts.array_wanted(json_type(value)))
            return
        values = owner.get(key)
        if type(values) is list and len(values) != len(value):
            run.error("structure", (path, name, -1), "json-alignment", texts.misaligned(len(values), len(value)))
        for index, item in enumerate(value):
            if item is not None:
                check(item, (path, name, index), run)
            elif type(values) is not list or index >= len(values) or values[index] is None:
                run.error("structure", (path, name, index), "json-null", texts.null_unwanted())

    return rule_many if repeats else rule_one
