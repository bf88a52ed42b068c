"""Subsetting (https://hl7.org/fhirpath/N1/#subsetting) and sort()."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath.compiled.code import EMPTY, Code, Focus, focus_on, lowered, many, one, too_many
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.grammar.syntax import Call, Sign, Tree, Variable
from fhirserver.fhirpath.operators import comparison

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirserver.fhirpath.compiled.compiler import Compiler


def _picking(name: str, pick: Callable[[list[Any]], Any]) -> None:
    @function(name)
    def picked(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
        compiler.check_ordered(source, tree.position)
        if source.single:
            return source
        run = source.run

        def item(this: Any, env: Environment) -> Any:
            found = run(this, env)
            return pick(found) if found else None

        return Code(item, single=True, type=source.type, possible=source.possible)


def _only(items: list[Any]) -> Any:
    if len(items) > 1:
        raise too_many(len(items))
    return items[0]


_picking("first", lambda items: items[0])
_picking("last", lambda items: items[-1])
_picking("single", _only)


def _slicing(name: str, cut: Callable[[list[Any], int], list[Any]], *, counted: bool) -> None:
    @function(name, int(counted))
    def sliced(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        compiler.check_ordered(source, tree.position)
        items = many(source)
        number = one(lowered(compiler.compile(tree.arguments[0], focus))) if counted else None

        def run(this: Any, env: Environment) -> Any:
            found = items(this, env)
            if number is None:
                return cut(found, 1)
            count = number(this, env)
            if count is None:
                return []
            if type(count) is not int:
                raise fails(f"{name}() attend un entier", f"{name}() takes an integer")
            return cut(found, max(count, 0))

        return Code(run, single=False, type=source.type, possible=source.possible)


_slicing("tail", lambda items, count: items[count:], counted=False)
_slicing("skip", lambda items, count: items[count:], counted=True)
_slicing("take", lambda items, count: items[:count], counted=True)


@function("sort", 0, 9)
def sort(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the items in order of themselves, or of keys; a key with a leading `-` in descending order."""
    if source is EMPTY:
        return EMPTY
    trees: tuple[Tree, ...] = tree.arguments or (Variable("$this", tree.position),)
    keys = []
    for argument in trees:
        descending = isinstance(argument, Sign) and argument.operator == "-"
        inner = argument.operand if isinstance(argument, Sign) and descending else argument
        keys.append((one(lowered(compiler.compile(inner, focus_on(source)))), -1 if descending else 1))
    items = many(source)

    def run(this: Any, env: Environment) -> Any:
        keyed = [(item, [key(item, env) for key, _ in keys]) for item in items(this, env)]

        def order(left: Any, right: Any) -> int:
            for mine, other, (_, sign) in zip(left[1], right[1], keys, strict=True):
                if mine is None or other is None:
                    # Items without the key come first, whatever the direction.
                    outcome = (mine is not None) - (other is not None)
                else:
                    outcome = (comparison.compare(mine, other) or 0) * sign
                if outcome:
                    return outcome
            return 0

        return [item for item, _ in sorted(keyed, key=cmp_to_key(order))]

    return Code(run, single=False, type=source.type, possible=source.possible)
