"""Existence (https://hl7.org/fhirpath/N1/#existence)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code, Focus, focus_on, lowered, many, present, truth
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import BOOLEAN, INTEGER
from fhirserver.fhirpath.operators.binary import lowering
from fhirserver.fhirpath.values.equality import distinct, key

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call

_ALWAYS: Final = {
    "allTrue": (False, True),
    "anyTrue": (True, False),
    "allFalse": (True, True),
    "anyFalse": (False, False),
}


@function("empty")
def empty(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether there is no item."""
    run, there = source.run, source.present
    if there is not None:
        is_there = there
        return Code(lambda this, env: not is_there(this, env), single=True, type=BOOLEAN)
    if source.single:
        return Code(lambda this, env: run(this, env) is None, single=True, type=BOOLEAN)
    return Code(lambda this, env: not run(this, env), single=True, type=BOOLEAN)


@function("exists", 0, 1)
def exists(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether there is an item (that meets the criterion)."""
    if not tree.arguments:
        return Code(present(source), single=True, type=BOOLEAN)
    criterion = truth(compiler.compile(tree.arguments[0], focus_on(source)))
    items = many(source)

    def found(this: Any, env: Environment) -> bool:
        return any(criterion(item, env) is True for item in items(this, env))

    return Code(found, single=True, type=BOOLEAN)


@function("all", 1)
def all_items(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether every item meets the criterion."""
    criterion = truth(compiler.compile(tree.arguments[0], focus_on(source)))
    items = many(source)

    def judged(this: Any, env: Environment) -> bool:
        return all(criterion(item, env) is True for item in items(this, env))

    return Code(judged, single=True, type=BOOLEAN)


def _over_booleans(name: str) -> None:
    stops_at, otherwise = _ALWAYS[name]
    # allTrue stops at false with false; anyTrue stops at true with true; allFalse stops at true with false…
    answer = not otherwise

    @function(name)
    def judged(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
        items = many(lowered(source))

        def run(this: Any, env: Environment) -> bool:
            outcome = otherwise
            for item in items(this, env):
                if item is not True and item is not False:
                    raise fails(f"{name}() ne prend que des booléens", f"{name}() takes booleans only")
                if item is stops_at:
                    outcome = answer
            return outcome

        return Code(run, single=True, type=BOOLEAN)


for _name in _ALWAYS:
    _over_booleans(_name)


@function("subsetOf", 1)
def subset_of(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether every item is also in the other collection."""
    return _included(source, compiler.compile(tree.arguments[0], focus))


@function("supersetOf", 1)
def superset_of(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell whether every item of the other collection is also here."""
    return _included(compiler.compile(tree.arguments[0], focus), source)


def _included(inner: Code, outer: Code) -> Code:
    some, others = many(lowered(inner)), many(lowered(outer))

    def included(this: Any, env: Environment) -> bool:
        within = {key(item) for item in others(this, env)}
        return all(key(item) in within for item in some(this, env))

    return Code(included, single=True, type=BOOLEAN)


@function("count")
def count(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the number of items."""
    items = many(source)
    return Code(lambda this, env: len(items(this, env)), single=True, type=INTEGER)


@function("distinct")
def distinct_items(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the items without duplicates."""
    items, low = many(source), lowering(source.type)

    def run(this: Any, env: Environment) -> Any:
        found = items(this, env)
        return distinct(found, [low(item) for item in found])

    return Code(run, single=False, type=source.type, possible=source.possible)


@function("isDistinct")
def is_distinct(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether no item comes twice."""
    items, low = many(source), lowering(source.type)

    def run(this: Any, env: Environment) -> bool:
        found = items(this, env)
        return len(distinct(found, [low(item) for item in found])) == len(found)

    return Code(run, single=True, type=BOOLEAN)


@function("not")
def negated(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the opposite of a Boolean."""
    run = truth(source)

    def opposite(this: Any, env: Environment) -> bool | None:
        value = run(this, env)
        return None if value is None else not value

    return Code(opposite, single=True, type=BOOLEAN)
