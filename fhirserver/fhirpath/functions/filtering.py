"""Filtering, projection, aggregates and iif (https://hl7.org/fhirpath/N1/#filtering-and-projection)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import EMPTY, Code, Focus, Run, focus_on, many, one, truth
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.grammar.syntax import Call, Tree, Variable
from fhirserver.fhirpath.model import BOOLEAN
from fhirserver.fhirpath.operators import typetests
from fhirserver.fhirpath.operators.binary import lowering
from fhirserver.fhirpath.values.equality import key

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler

MAX_ITEMS: Final = 20_000
"""Most items that repeat() gathers: an expression that makes new ones for ever ends there."""


def mentions(tree: Any, name: str) -> bool:
    """Tell whether a tree holds `$index` or `$total`."""
    if isinstance(tree, Variable):
        return tree.name == name
    if isinstance(tree, tuple):
        return any(mentions(item, name) for item in tree)
    return is_dataclass(tree) and any(mentions(getattr(tree, field.name), name) for field in fields(tree))


def _indexed(tree: Tree, run: Any) -> Any:
    """Return a closure `(items, env) -> pairs of item and environment`-ready runner for a body."""
    if not mentions(tree, "$index"):
        return lambda items, env: [(item, run(item, env)) for item in items]
    return lambda items, env: [(item, run(item, env.at(index))) for index, item in enumerate(items)]


@function("where", 1)
def where(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return the items that meet a criterion."""
    if source is EMPTY:
        return EMPTY
    criterion = truth(compiler.compile(tree.arguments[0], focus_on(source)))
    run = source.run
    kept: Run
    single = source.single
    if mentions(tree.arguments, "$index"):
        each, items, single = _indexed(tree.arguments[0], criterion), many(source), False

        def kept(this: Any, env: Environment) -> Any:
            return [item for item, holds in each(items(this, env), env) if holds is True]

    elif single:

        def kept(this: Any, env: Environment) -> Any:
            item = run(this, env)
            return item if item is not None and criterion(item, env) is True else None

    else:

        def kept(this: Any, env: Environment) -> Any:
            return [item for item in run(this, env) if criterion(item, env) is True]

    return Code(kept, single, source.type, source.possible, unordered=source.unordered)


@function("select", 1)
def select(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return what a projection gives for each item."""
    if source is EMPTY:
        return EMPTY
    body = compiler.compile(tree.arguments[0], focus_on(source))
    items, run = many(source), body.run
    each = _indexed(tree.arguments[0], run) if mentions(tree.arguments, "$index") else None
    if body.single:

        def projected(this: Any, env: Environment) -> Any:
            if each is not None:
                return [value for _, value in each(items(this, env), env) if value is not None]
            return [value for item in items(this, env) if (value := run(item, env)) is not None]

    else:

        def projected(this: Any, env: Environment) -> Any:
            if each is not None:
                return [value for _, values in each(items(this, env), env) for value in values]
            return [value for item in items(this, env) for value in run(item, env)]

    return Code(projected, single=False, type=body.type, possible=body.possible, unordered=source.unordered)


@function("repeat", 1)
def repeat(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Apply a projection again and again to what it gives, until nothing new comes."""
    if source is EMPTY:
        return EMPTY
    projection = compiler.compile(tree.arguments[0], focus_on(source))
    if projection.type is None or projection.type is not source.type:
        # What it gives may be of other types than what it starts from.
        source = compiler.noded(source)
        projection = compiler.noded(compiler.compile(tree.arguments[0], Focus(None)))
    items, step, low = many(source), many(projection), lowering(projection.type)

    def repeated(this: Any, env: Environment) -> Any:
        found: list[Any] = []
        known: set[Hashable] = set()
        queue = items(this, env)
        while queue:
            level: list[Any] = []
            for item in queue:
                for new in step(item, env):
                    place = key(low(new))
                    if place not in known:
                        known.add(place)
                        level.append(new)
            found += level
            if len(found) > MAX_ITEMS:
                raise fails("repeat() ne s'arrête pas", "repeat() does not come to an end")
            queue = level
        return found

    return Code(repeated, single=False, type=projection.type, possible=projection.possible)


@function("ofType", 1)
def of_type(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the items of a type."""
    wanted = typetests.of_tree(compiler, tree.arguments[0])
    if tree.source is not None:
        return typetests.narrowed(compiler, tree.source, focus, wanted, only_one=False)
    return typetests.chosen(compiler, source, wanted, only_one=False)


@function("as", 1)
def as_type(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return the item if it is of a type."""
    wanted = typetests.of_tree(compiler, tree.arguments[0])
    if tree.source is not None:
        return typetests.narrowed(compiler, tree.source, focus, wanted, only_one=True)
    return typetests.chosen(compiler, source, wanted, only_one=True)


@function("is", 1)
def is_type(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Tell whether the item is of a type."""
    return typetests.is_type(compiler, source, typetests.of_tree(compiler, tree.arguments[0]))


@function("iif", 2, 3)
def iif(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return one value or another, as a criterion holds or not."""
    inner = focus if tree.source is None else focus_on(source)
    compiled = [compiler.compile(argument, inner) for argument in tree.arguments]
    criterion = compiled[0]
    types = criterion.candidates
    if types and all(type_.lowered is not BOOLEAN for type_ in types):
        compiler.find(
            tree.arguments[0].position,
            "Le critère de iif() doit être un booléen.",
            "The criterion of iif() must be a Boolean.",
        )
    holds = truth(criterion)
    type_ = compiled[1].type
    if any(code.type is not type_ for code in compiled[1:]):
        compiled[1:] = [compiler.noded(code) for code in compiled[1:]]
        type_ = None
    yes = many(compiled[1])
    no = many(compiled[2]) if len(compiled) > 2 else None  # noqa: PLR2004 - the third argument
    of = one(source)

    def chosen(this: Any, env: Environment) -> Any:
        item = of(this, env)
        if holds(item, env) is True:
            return yes(item, env)
        return no(item, env) if no else []

    return Code(chosen, single=False, type=type_)


@function("aggregate", 1, 2)
def aggregate(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Fold the items into `$total`."""
    source = compiler.noded(source)
    step = compiler.nodes(compiler.compile(tree.arguments[0], focus_on(source)))
    start = compiler.nodes(compiler.compile(tree.arguments[1], focus)) if len(tree.arguments) > 1 else None
    items = many(source)

    def folded(this: Any, env: Environment) -> Any:
        total: list[Any] = start(this, env) if start else []
        for index, item in enumerate(items(this, env)):
            total = step(item, env.at(index, total))
        return total

    return Code(folded, single=False)


@function("trace", 1, 2)
def trace(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Tell the environment about the items, and return them unchanged."""
    name = one(compiler.compile(tree.arguments[0], focus))
    shown = compiler.compile(tree.arguments[1], focus_on(source)) if len(tree.arguments) > 1 else None
    project = many(shown) if shown else None

    run, single = source.run, source.single

    def traced(this: Any, env: Environment) -> Any:
        found = run(this, env)
        if env.trace is not None:
            _tell(found, this, env)
        return found

    def _tell(result: Any, this: Any, env: Environment) -> None:
        found = result if not single else ([] if result is None else [result])
        if env.trace is not None:
            values = [value for item in found for value in project(item, env)] if project else found
            env.trace(str(name(this, env)), values)

    return Code(traced, single=single, type=source.type, possible=source.possible)
