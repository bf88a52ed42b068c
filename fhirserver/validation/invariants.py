"""Invariants: FHIRPath constraints of types and profiles, evaluated where they are declared.

https://hl7.org/fhir/R4/conformance-rules.html#constraints. A constraint holds when its expression is true; an empty
result is not true. One that cannot be compiled or evaluated here is information, never an error of the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from fhirserver.fhirpath.errors import EvaluationError, ExpressionError
from fhirserver.validation.kit import Kit
from fhirserver.validation.native import NATIVE
from fhirserver.validation.run import Check, Path, Run
from fhirserver.validation.texts import rules as texts
from fhirserver.validation.tree import Element

_STRUCTURAL: Final = frozenset({"ele-1", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "txt-1", "txt-2"})
"""Constraints that the walk itself decides: empty elements, contained resources, references to these, narratives."""

_ERRATA: Final = {
    "enableWhen.count() > 2 implies enableBehavior.exists()": "enableWhen.count() >= 2 implies enableBehavior.exists()",
    "probability is decimal implies (probability as decimal) <= 100": "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))",
}
"""Expressions of R4 that do not say what their own prose says, and what they were corrected to in later versions."""

Holds = Callable[[Any, Path, Run], bool | None]


def keys_of(element: Element) -> frozenset[str]:
    """Return the keys of the constraints that an element declares."""
    return frozenset(one["key"] for one in element.definition.get("constraint", ()))


def constraint_steps(
    kit: Kit, elements: Iterable[Element], type_name: str, *, without: frozenset[str] = frozenset()
) -> list[Check]:
    """Return the checks of the constraints that some elements declare on one value, each key once."""
    steps: list[Check] = []
    seen = set(without) | _STRUCTURAL
    for element in elements:
        for constraint in element.definition.get("constraint", ()):
            key = constraint["key"]
            if key not in seen:
                seen.add(key)
                step = _step(kit, constraint, element, type_name)
                if step:
                    steps.append(step)
    return steps


def _step(kit: Kit, constraint: dict[str, Any], element: Element, type_name: str) -> Check | None:
    key, stated = constraint["key"], constraint.get("expression")
    expression = _ERRATA.get(stated, stated)
    origin = (constraint.get("source") or element.profile).partition("|")[0]
    severity = "error" if constraint.get("severity") == "error" else "warning"
    human = constraint.get("human", "")
    rule = f"{origin}#{key}"
    if not expression:
        return _not_evaluable(rule, texts.no_expression(key, origin))
    holds: Holds
    if (key, expression) in NATIVE:
        holds = NATIVE[key, expression]
    else:
        made = _compiled(kit, expression, element, type_name)
        if isinstance(made, ExpressionError):
            return _not_evaluable(rule, texts.bad_expression(key, origin, made.text))
        holds = made

    def check(value: Any, path: Path, run: Run) -> None:
        if not run.invariants:
            return
        try:
            if holds(value, path, run):
                return
        except EvaluationError as error:
            if run.once(rule):
                run.add("information", "not-supported", path, rule, texts.bad_expression(key, origin, error.text))
            return
        run.add(severity, "invariant", path, rule, texts.broken(key, human, origin, expression))  # type: ignore[arg-type] # one of two severities

    return check


def _not_evaluable(rule: str, text: Any) -> Check:
    def check(_value: Any, path: Path, run: Run) -> None:
        if run.invariants and run.once(rule):
            run.add("information", "not-supported", path, rule, text)

    return check


def _compiled(kit: Kit, expression: str, element: Element, type_name: str) -> Holds | ExpressionError:
    context = type_name
    if not type_name or type_name in ("Element", "BackboneElement"):
        context = (element.definition.get("base") or {}).get("path") or element.path
    try:
        test = kit.engine.compile(expression, context).test
    except ExpressionError as error:
        return error

    def holds(value: Any, _path: Path, run: Run) -> bool | None:
        return test(value, run.environment())

    return holds
