"""Equality, equivalence and order of two operands, compiled for the types that are known."""

from __future__ import annotations

import operator as python
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Run, lowered, many, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.model import BOOLEAN, DATE, DATE_TIME, MOMENTS, NUMBERS, QUANTITY, STRING
from fhirserver.fhirpath.values import moments, quantities
from fhirserver.fhirpath.values.equality import as_quantity, equal_lists, equivalent_lists
from fhirserver.fhirpath.values.moments import Moment
from fhirserver.fhirpath.values.quantities import Quantity

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Binary

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": python.lt, ">": python.gt, "<=": python.le, ">=": python.ge,
}  # fmt: skip
_FAMILIES: Final = (NUMBERS | {QUANTITY}, frozenset({STRING}), MOMENTS)
_PLAIN: Final = (frozenset({STRING}), frozenset({BOOLEAN}), NUMBERS)


def equality(operator: str, left: Code, right: Code) -> Code:
    """Compile `=`, `!=`, `~` or `!~`."""
    left, right = lowered(left), lowered(right)
    negated = operator.startswith("!")
    if operator.endswith("="):
        run = _equal(left, right)
    else:
        mine, other = many(left), many(right)

        def run(this: Any, env: Environment) -> bool | None:
            return equivalent_lists(mine(this, env), other(this, env))

    if negated:
        asserted = run

        def run(this: Any, env: Environment) -> bool | None:
            outcome = asserted(this, env)
            return None if outcome is None else not outcome

    return Code(run, single=True, type=BOOLEAN)


def _equal(left: Code, right: Code) -> Run:
    simple = any(left.type in family and right.type in family for family in _PLAIN)
    if simple and left.single and right.single:
        first, second = left.run, right.run

        def same(this: Any, env: Environment) -> bool | None:
            mine = first(this, env)
            if mine is None:
                return None
            other = second(this, env)
            return None if other is None else mine == other

        return same
    mine, other = many(left), many(right)

    def same_lists(this: Any, env: Environment) -> bool | None:
        items = mine(this, env)
        return equal_lists(items, other(this, env)) if items else None

    return same_lists


def ordering(compiler: Compiler, tree: Binary, left: Code, right: Code) -> Code:
    """Compile `<`, `>`, `<=` or `>=`."""
    left, right = lowered(left), lowered(right)
    _check(compiler, tree, left, right)
    first, second, order = one(left), one(right), _ORDERS[tree.operator]
    if (left.type in NUMBERS and right.type in NUMBERS) or (left.type is STRING and right.type is STRING):

        def plainly(this: Any, env: Environment) -> bool | None:
            mine = first(this, env)
            if mine is None:
                return None
            other = second(this, env)
            return None if other is None else order(mine, other)

        return Code(plainly, single=True, type=BOOLEAN)

    days = {DATE, DATE_TIME}
    by = moments.compare if left.type in days and right.type in days else compare

    def ordered(this: Any, env: Environment) -> bool | None:
        mine = first(this, env)
        if mine is None:
            return None
        other = second(this, env)
        if other is None:
            return None
        outcome = by(mine, other)
        return None if outcome is None else order(outcome, 0)

    return Code(ordered, single=True, type=BOOLEAN)


def compare(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1 for two System values; None where it is undecidable.

    Raises:
        EvaluationError: they have no order, or are of different types.
    """
    if isinstance(left, Moment) and isinstance(right, Moment) and (left.kind == "time") == (right.kind == "time"):
        return moments.compare(left, right)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        mine, other = as_quantity(left), as_quantity(right)
        if isinstance(mine, Quantity) and isinstance(other, Quantity):
            return quantities.compare(mine, other)
    elif not isinstance(left, bool) and not isinstance(right, bool):
        if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
            return (left > right) - (left < right)
        if isinstance(left, str) and isinstance(right, str):
            return (left > right) - (left < right)
    raise fails("ces valeurs ne se comparent pas", "these values have no order")


def _check(compiler: Compiler, tree: Binary, left: Code, right: Code) -> None:
    mine, other = left.candidates, right.candidates
    if not mine or not other or any(mine & family and other & family for family in _FAMILIES):
        return
    names = [" | ".join(sorted(type_.name for type_ in types)[:5]) for types in (mine, other)]
    compiler.find(
        tree.position,
        f"{names[0]} et {names[1]} ne se comparent pas par {tree.operator}.",
        f"{names[0]} and {names[1]} cannot be compared by {tree.operator}.",
    )
