"""Combining (https://hl7.org/fhirpath/N1/#combining), intersect() and exclude()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, many
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.operators import binary as operators
from fhirserver.fhirpath.values.equality import distinct, key

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call


@function("union", 1)
def union(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return all items of both collections, without duplicates."""
    return operators.union(compiler, source, compiler.compile(tree.arguments[0], focus))


@function("combine", 1)
def combine(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return all items of both collections, duplicates included."""
    return operators.union(compiler, source, compiler.compile(tree.arguments[0], focus), keep=True)


@function("intersect", 1)
def intersect(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the items that are in both collections, without duplicates."""
    return _compared(compiler, source, tree, focus, keep=True)


@function("exclude", 1)
def exclude(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the items that are not in the other collection, duplicates included."""
    return _compared(compiler, source, tree, focus, keep=False)


def _compared(compiler: Compiler, source: Code, tree: Call, focus: Focus, *, keep: bool) -> Code:
    items, low = many(source), operators.lowering(source.type)
    others = many(lowered(compiler.compile(tree.arguments[0], focus)))

    def run(this: Any, env: Environment) -> Any:
        against = {key(value) for value in others(this, env)}
        pairs = [(item, value) for item in items(this, env) if (key(value := low(item)) in against) is keep]
        found = [item for item, _ in pairs]
        return distinct(found, [value for _, value in pairs]) if keep else found

    return Code(run, single=False, type=source.type, possible=source.possible)
