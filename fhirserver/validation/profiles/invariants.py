"""Invariants: FHIRPath constraints of types and profiles, evaluated where they are declared.

https://hl7.org/fhir/R4/conformance-rules.html#constraints. A constraint holds when its expression is true; an empty
result is not true. One that cannot be compiled or evaluated here is information, never an error of the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from fhirserver.fhirpath import EvaluationError, ExpressionError
from fhirserver.issues import Severity, Text
from fhirserver.validation.kit import Kit
from fhirserver.validation.profiles.certain import Child, look
from fhirserver.validation.profiles.presence import Test as PresenceTest
from fhirserver.validation.profiles.presence import presence_test
from fhirserver.validation.profiles.source import Source
from fhirserver.validation.profiles.tree import Element
from fhirserver.validation.run import Path, Run, Silent, Step
from fhirserver.validation.texts import rules as texts

_STRUCTURAL: Final = frozenset({"ele-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2"})
"""Constraints that the walk itself decides: empty elements, contained resources, references to these, narratives."""

_ERRATA: Final = {
    "offset.empty() or (when.exists() and ((when in ('C' | 'CM' | 'CD' | 'CV')).not()))": (
        "offset.empty() or (when.exists() and when.all($this in ('C' | 'CM' | 'CD' | 'CV')).not())"
    ),
    "enableWhen.count() > 2 implies enableBehavior.exists()": (
        "enableWhen.count() >= 2 implies enableBehavior.exists()"
    ),
    "probability is decimal implies (probability as decimal) <= 100": (
        "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))"
    ),
    "fullUrl.contains('/_history/').not()": "fullUrl.empty() or fullUrl.contains('/_history/').not()",
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
}
"""Expressions of R4 that do not say what their own prose says, and what later versions of FHIR made of them."""


_NOT_OF_CONTAINED: Final = frozenset({"dom-6"})
"""Constraints that speak of resources on their own: the holder's narrative tells what is contained, too."""


class Constraint(NamedTuple):
    """One constraint of one element, ready to be reported.

    Attributes:
        rule: `url#key`.
        severity: of a breach.
        text: what a breach says.
        key: its key, with the profile that states it.
        expression: FHIRPath; None where the guide has prose only.
    """

    rule: str
    severity: Severity
    text: Text
    key: tuple[str, str]
    expression: str | None

    def report(self, path: Path, run: Run) -> None:
        """Note the breach."""
        if self.key[0] in _NOT_OF_CONTAINED and run.scope.kind == "contained":
            return
        run.add(self.severity, "invariant", path, self.rule, self.text)

    def excuse(self, path: Path, run: Run, text: Text) -> None:
        """Note, once in a run, that the constraint cannot be evaluated."""
        if run.once(self.rule):
            run.add("information", "not-supported", path, self.rule, text)


class Presence(NamedTuple):
    """A constraint that depends on the names of an object's properties alone."""

    holds: PresenceTest
    constraint: Constraint


class Invariants(NamedTuple):
    """The constraints of one element: those by presence, and the checks of all others."""

    presence: tuple[Presence, ...]
    steps: tuple[Step, ...]


def keys_of(element: Element) -> frozenset[str]:
    """Return the keys of the constraints that an element declares."""
    return frozenset(one["key"] for one in element.definition.get("constraint", ()))


def invariants_of(
    kit: Kit,
    elements: Iterable[Element],
    type_name: str,
    *,
    without: frozenset[str] = frozenset(),
    children: Mapping[str, Child] | None = None,
) -> Invariants:
    """Compile the constraints that some elements declare on one value, each key once.

    Args:
        kit: of the validator.
        elements: the element itself, and the root of its data type.
        type_name: FHIR type of the value.
        without: keys that are judged elsewhere.
        children: the elements of the object, where they are known: a look at them may decide.
    """
    presence: list[Presence] = []
    tests: list[tuple[Any, Constraint]] = []
    steps: list[Step] = []
    seen = set(without) | _STRUCTURAL
    names = {name: child.keys for name, child in children.items()} if children is not None else None
    for element in elements:
        for stated in element.definition.get("constraint", ()):
            if stated["key"] in seen:
                continue
            seen.add(stated["key"])
            constraint = _constraint(stated, element)
            if constraint.expression is None:
                steps.append(_not_evaluable(constraint, texts.no_expression(*constraint.key)))
                continue
            by_names = presence_test(constraint.expression, names) if names is not None else None
            if by_names is not None:
                presence.append(Presence(by_names, constraint))
                continue
            made = _compiled(kit, constraint.expression, element, type_name)
            if isinstance(made, ExpressionError):
                steps.append(_not_evaluable(constraint, texts.bad_expression(*constraint.key, made.text)))
            else:
                tests.append((made, constraint))
    if tests:
        steps.append(_evaluate(tuple(tests), children or {}))
    return Invariants(tuple(presence), tuple(steps))


def _constraint(stated: dict[str, Any], element: Element) -> Constraint:
    key, expression = stated["key"], stated.get("expression")
    origin = (stated.get("source") or element.profile).partition("|")[0]
    severity: Severity = "error" if stated.get("severity") == "error" else "warning"
    mended = _ERRATA.get(expression, expression) if expression else None
    text = texts.broken(key, stated.get("human", ""), origin, mended or "")
    return Constraint(f"{origin}#{key}", severity, text, (key, origin), mended)


def _evaluate(tests: tuple[tuple[Any, Constraint], ...], children: Mapping[str, Child]) -> Step:
    """Return the check of all constraints of one value."""

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.invariants:
            return
        surroundings = run.environment()
        for test, constraint in tests:
            try:
                if test(value, surroundings):
                    continue
            except EvaluationError as error:
                constraint.excuse(path, run, texts.bad_expression(*constraint.key, error.text))
                continue
            constraint.report(path, run)

    return Step(check, _all_true(tests, children), "invariants")


def _all_true(tests: tuple[tuple[Any, Constraint], ...], children: Mapping[str, Child]) -> Silent:
    """Return the test whether all constraints of a value hold: by a look, and by FHIRPath where that is not enough."""
    source = Source()
    looks = [look(source, constraint.expression or "", children) for _, constraint in tests]
    source.add(0, f"return {' and '.join(one for one in looks if one) or 'True'}")
    certain: Callable[[Any], bool] = source.made("value")
    every = tuple(test for test, _ in tests)
    others = tuple(test for test, one in zip(every, looks, strict=True) if one is None)

    def silent(value: Any, run: Run) -> bool:
        left = others if certain(value) else every
        if left:
            surroundings = run.environment()
            try:
                for test in left:
                    if not test(value, surroundings):
                        return False
            except EvaluationError:
                return False
        return True

    return silent


def _not_evaluable(constraint: Constraint, text: Text) -> Step:
    def check(_value: Any, path: Path, run: Run) -> None:
        if run.invariants:
            constraint.excuse(path, run, text)

    return Step(check, None, "invariants")


def _compiled(kit: Kit, expression: str, element: Element, type_name: str) -> Any:
    context = type_name
    if not type_name or type_name in ("Element", "BackboneElement"):
        context = (element.definition.get("base") or {}).get("path") or element.path
    try:
        return kit.engine.compile(expression, context).test
    except ExpressionError as error:
        return error
