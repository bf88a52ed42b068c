"""Plans as Python source: what an object with a known sequence of names is looked at for, without a call for each.

A plan goes through its rules one by one. Where it is used often, this module writes a function in its place that has
the cheap part of every rule in line, and asks the rule itself only when a value looks wrong: the rule then says what
is wrong, as it would have done anyway. Two functions may be written for a sequence of names:

- the plan, which judges: it goes through the values in their order, and gives the same issues in the same order;
- for objects in which nothing but primitive values and such objects lie, a silent test, which asks whether there is
  anything to say at all. It needs no order and no path; where it says no, the plan goes over the object again.

`tests/unit/validation/test_written_plans.py` proves that written plans and rules always agree.
"""

from __future__ import annotations

from typing import Any, Final

from fhirserver.validation.kit import Kit, Later
from fhirserver.validation.profiles.objects import Further, ObjectCheck
from fhirserver.validation.profiles.properties import Each, Many, One, Property, Scalar
from fhirserver.validation.profiles.source import Source
from fhirserver.validation.run import Check, Step

_MOST_WRITTEN: Final = 4_000
"""Plans written for one set of definitions, some kB each; beyond them, rules are gone through one by one."""

_HIGHEST: Final = 3
"""Objects inside of objects that a silent test looks at: where something is to be said, it has looked in vain."""

_TESTS: Final = {
    "anything": "True",
    "boolean": "type({x}) is bool",
    "decimal": "(type({x}) is int or type({x}) is {0})",
    "integer": "type({x}) is int and {0} <= {x} <= {1}",
    "known": "type({x}) is str and {x} in {0}[run.terminology]",
    "right": "type({x}) is str and {0}({x})",
    "silent": "{0}({x}, run)",
    # printable, and no white space in front: an empty text and one of white space alone are less than "!"
    "text": 'type({x}) is str and {x} >= "!" and {x}.isprintable() and len({x}) <= {0}',
}
_DEPTHS: Final = {"": "", "invariants": "run.invariants and ", "terminology": "run.terminology and "}


def write(kit: Kit, check: ObjectCheck, names: tuple[str, ...]) -> None:
    """Write the plan of a sequence of names, and a silent test where the kind of object has none yet."""
    if kit.written >= _MOST_WRITTEN:
        return
    kit.written += 1
    check.plans[names] = _Writer(check, names).plan()
    if check.silent is None:
        found = _Writer(check, names).silent()
        if found is not None:
            check.height, check.silent = found


class _Held:
    """What the check of a property that holds objects comes down to.

    Attributes:
        main: the check by the shape of the object, None where the check is of another kind.
        steps: the checks that follow.
    """

    def __init__(self, check: Check) -> None:
        steps: list[Check] = []
        while True:
            if isinstance(check, Further):
                steps[:0] = check.steps
                check = check.main
            elif isinstance(check, Later):
                check = check.target
            else:
                break
        self.main = check if isinstance(check, ObjectCheck) else None
        self.steps = steps


class _Writer:
    """Writes one function for a sequence of names."""

    def __init__(self, check: ObjectCheck, names: tuple[str, ...]) -> None:
        self._check = check
        self._names = names
        self._properties = [check.shape.rules[name] for name in names]
        source = Source()
        self._constant, self._add, self._made = source.constant, source.add, source.made
        self._height = 1

    def plan(self) -> Check:
        """Return the plan."""
        for number, found in enumerate(self._properties):
            self._judge(f"x{number}", found)
        for constraint in self._check.shape.broken(self._names):
            self._add(0, f"if run.invariants: {self._constant(constraint.report)}(path, run)")
        for step in self._check.shape.steps:
            self._step(step, "value", "path", 0)
        values = ", ".join(f"x{number}" for number in range(len(self._names)))
        head = [f"{values}{',' if values else ''} = value.values()"] if values else []
        made: Check = self._made("value, path, run", head)
        return made

    def silent(self) -> tuple[int, Any] | None:
        """Return the silent test with its height, None where there can be none."""
        for number, found in enumerate(self._properties):
            if not self._look(f"x{number}", found):
                return None
        for step in self._check.shape.steps:
            if not self._ask(step, "value", 0):
                return None
        if self._height > _HIGHEST or not self._names or self._check.shape.broken(self._names):
            return None
        # a name that is not there: another sequence of names, which the plans know or do not know
        head = [f"if len(value) != {len(self._names)}: return False", "try:"]
        head += [f"    x{number} = value[{self._constant(name)}]" for number, name in enumerate(self._names)]
        head += ["except KeyError: return False"]
        self._add(0, "return True")
        return self._height, self._made("value, run", head)

    def _test(self, form: Scalar, variable: str) -> str:
        return _TESTS[form.test].format(*map(self._constant, form.parts), x=variable)

    # the plan

    def _judge(self, x: str, found: Property) -> None:
        form = found.form
        ask = f"{self._constant(found.rule)}({x}, value, path, run)"
        if isinstance(form, Scalar):
            self._add(0, f"if not ({self._test(form, x)}): {ask}")
        elif isinstance(form, Each):
            self._add(0, f"if {self._wrong_length(x, form)}: {ask}", "else:", f"    for y in {x}:")
            self._add(2, f"if not ({self._test(form.item, 'y')}):", f"    {ask}", "    break")
        elif isinstance(form, One):
            self._add(0, f"if type({x}) is dict:")
            self._held(x, _Held(form.check), form.check, f"(path, {self._constant(form.name)}, -1)", 1)
            self._add(0, "else:", f"    {ask}")
        elif isinstance(form, Many):
            self._add(0, f"if {self._wrong_length(x, form)}: {ask}", "else:", "    n = 0", f"    for y in {x}:")
            at = f"(path, {self._constant(form.name)}, n)"
            self._add(2, "if type(y) is dict:")
            self._held("y", _Held(form.check), form.check, at, 3)
            self._add(2, "else:", f"    {self._constant(form.check)}(y, {at}, run)", "n += 1")
        else:
            self._add(0, ask)

    def _wrong_length(self, x: str, form: Each | Many) -> str:
        return f"type({x}) is not list or not {self._constant(form.least)} <= len({x}) <= {self._constant(form.most)}"

    def _held(self, x: str, held: _Held, check: Check, at: str, depth: int) -> None:
        """Judge an object that a property holds."""
        main = held.main
        if main is None:
            self._add(depth, f"{self._constant(check)}({x}, {at}, run)")
            return
        judge = f"({self._constant(main.plans.get)}(tuple({x})) or {self._constant(main.slowly)})({x}, {at}, run)"
        if main.silent is not None:
            self._add(depth, f"if not {self._constant(main.silent)}({x}, run):", f"    {judge}")
        else:
            self._add(depth, judge)
        for step in held.steps:
            self._step(step, x, at, depth)

    def _step(self, step: Check, x: str, at: str, depth: int) -> None:
        if not isinstance(step, Step):
            self._add(depth, f"{self._constant(step)}({x}, {at}, run)")
            return
        guard = _DEPTHS[step.depth]
        if step.silent is not None:
            guard += f"not {self._constant(step.silent)}({x}, run) and "
        judge = f"{self._constant(step.check)}({x}, {at}, run)"
        self._add(depth, f"if {guard.removesuffix(' and ')}: {judge}" if guard else judge)

    # the silent test; each returns False where there can be none

    def _look(self, x: str, found: Property) -> bool:
        form = found.form
        if isinstance(form, Scalar):
            self._add(0, f"if not ({self._test(form, x)}): return False")
        elif isinstance(form, Each):
            self._add(0, f"if {self._wrong_length(x, form)}: return False", f"for y in {x}:")
            self._add(1, f"if not ({self._test(form.item, 'y')}): return False")
        elif isinstance(form, One):
            return self._look_inside(x, _Held(form.check), 0)
        elif isinstance(form, Many):
            self._add(0, f"if {self._wrong_length(x, form)}: return False", f"for y in {x}:")
            return self._look_inside("y", _Held(form.check), 1)
        return form is not None

    def _look_inside(self, x: str, held: _Held, depth: int) -> bool:
        main = held.main
        if main is None or main.silent is None:
            return False
        self._height = max(self._height, main.height + 1)
        silent = self._constant(main.silent)
        self._add(depth, f"if type({x}) is not dict or not {silent}({x}, run): return False")
        return all(self._ask(step, x, depth) for step in held.steps)

    def _ask(self, step: Check, x: str, depth: int) -> bool:
        if not isinstance(step, Step) or step.silent is None:
            return False
        guard = f"{_DEPTHS[step.depth]}not {self._constant(step.silent)}({x}, run)"
        self._add(depth, f"if {guard}: return False")
        return True
