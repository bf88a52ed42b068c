"""The operators of FHIRPath, compiled (https://hl7.org/fhirpath/N1/#operations)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Focus, Run, lowered, many, one, truth, unwrapped
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.grammar.syntax import Binary, Literal, Sign
from fhirserver.fhirpath.model import BOOLEAN, NUMBERS, QUANTITY
from fhirserver.fhirpath.operators import arithmetic, comparison
from fhirserver.fhirpath.values.equality import contains, distinct

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler

_COMPARISONS: Final = frozenset({"<", ">", "<=", ">="})
_EQUALITIES: Final = frozenset({"=", "!=", "~", "!~"})
_LOGIC: Final = frozenset({"and", "or", "xor", "implies"})


def binary(compiler: Compiler, tree: Binary, focus: Focus) -> Code:
    """Compile two operands and their operator."""
    left, right = compiler.compile(tree.left, focus), compiler.compile(tree.right, focus)
    operator = tree.operator
    if operator in _LOGIC:
        return Code(_logic(operator, truth(left), truth(right)), single=True, type=BOOLEAN)
    if operator in _EQUALITIES:
        return comparison.equality(operator, left, right)
    if operator in _COMPARISONS:
        return comparison.ordering(compiler, tree, left, right)
    if operator == "|":
        return union(compiler, left, right)
    if operator in ("in", "contains"):
        return _membership(left, right) if operator == "in" else _membership(right, left)
    return arithmetic.binary(compiler, tree, left, right)


def signed(compiler: Compiler, tree: Sign, focus: Focus) -> Code:
    """Compile a unary plus or minus."""
    if isinstance(tree.operand, Literal) and type(tree.operand.value) is int and tree.operator == "-":
        value = -tree.operand.value
        return Code(lambda this, env: value, single=True, type=compiler.compile(tree.operand, focus).type)  # noqa: ARG005
    operand = lowered(compiler.compile(tree.operand, focus))
    candidates = operand.candidates
    if candidates and not candidates & (NUMBERS | {QUANTITY}):
        compiler.find(
            tree.position,
            f"Le signe {tree.operator} ne s'applique qu'à un nombre.",
            f"The sign {tree.operator} applies to numbers only.",
        )
    run = one(operand)
    if tree.operator == "+":
        return Code(lambda this, env: arithmetic.checked_number(run(this, env)), single=True, type=operand.type)
    return Code(lambda this, env: arithmetic.negative(run(this, env)), single=True, type=operand.type)


def union(compiler: Compiler, left: Code, right: Code, *, keep: bool = False) -> Code:
    """Compile `|` and `combine()`: all items of both, without duplicates unless they are to be kept."""
    if left.type is not None and left.type is right.type:
        type_, possible = left.type, None
    else:
        left, right, type_ = compiler.noded(left), compiler.noded(right), None
        mine, other = left.candidates, right.candidates
        possible = None if mine is None or other is None else mine | other
    first, second = many(left), many(right)
    if keep:

        def joined(this: Any, env: Environment) -> Any:
            return [*first(this, env), *second(this, env)]

    else:
        low = lowering(type_)

        def joined(this: Any, env: Environment) -> Any:
            items = [*first(this, env), *second(this, env)]
            return distinct(items, [low(item) for item in items]) if len(items) > 1 else items

    return Code(joined, single=False, type=type_, possible=possible)


def lowering(type_: Any) -> Any:
    """Return what turns one item of a known type (or None: any) into what items are compared by."""
    if type_ is None or type_.system or type_.lower is None:
        return unwrapped
    lower = type_.lower

    def low(item: Any) -> Any:
        value = item.value if hasattr(item, "sibling") else item
        return None if value is None else lower(value)

    return low


def _membership(item: Code, collection: Code) -> Code:
    wanted, items = one(lowered(item)), many(lowered(collection))

    def is_in(this: Any, env: Environment) -> bool | None:
        value = wanted(this, env)
        return None if value is None else contains(items(this, env), value)

    return Code(is_in, single=True, type=BOOLEAN)


def _logic(operator: str, left: Run, right: Run) -> Run:
    build = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}[operator]
    return build(left, right)


def _and(left: Run, right: Run) -> Run:
    def both(this: Any, env: Environment) -> bool | None:
        mine = left(this, env)
        if mine is False:
            return False
        other = right(this, env)
        return False if other is False else (None if mine is None or other is None else True)

    return both


def _or(left: Run, right: Run) -> Run:
    def either(this: Any, env: Environment) -> bool | None:
        mine = left(this, env)
        if mine is True:
            return True
        other = right(this, env)
        return True if other is True else (None if mine is None or other is None else False)

    return either


def _xor(left: Run, right: Run) -> Run:
    def differs(this: Any, env: Environment) -> bool | None:
        mine, other = left(this, env), right(this, env)
        return None if mine is None or other is None else mine is not other

    return differs


def _implies(left: Run, right: Run) -> Run:
    def implied(this: Any, env: Environment) -> bool | None:
        mine = left(this, env)
        if mine is False:
            return True
        other = right(this, env)
        return True if other is True else (other if mine is True else None)

    return implied
