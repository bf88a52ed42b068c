"""Tree navigation and the clock (https://hl7.org/fhirpath/N1/#tree-navigation, #utility-functions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fhirserver.fhirpath import nodes
from fhirserver.fhirpath.compiled.code import Code, Focus
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import DATE, DATE_TIME, TIME
from fhirserver.fhirpath.nodes import Node
from fhirserver.fhirpath.values.moments import MomentKind, now_as

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call
    from fhirserver.fhirpath.model import Type


@function("children")
def children(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return all elements directly below the items."""
    model, items = compiler.model, compiler.nodes(source)

    def run(this: Any, env: Environment) -> Any:
        return [child for item in items(this, env) if item.__class__ is Node for child in nodes.children(model, item)]

    return Code(run, single=False, unordered=True)


@function("descendants")
def descendants(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
    """Return all elements below the items, at any depth."""
    model, items = compiler.model, compiler.nodes(source)

    def run(this: Any, env: Environment) -> Any:
        return [
            below for item in items(this, env) if item.__class__ is Node for below in nodes.descendants(model, item)
        ]

    return Code(run, single=False, unordered=True)


def _clock(name: str, kind: MomentKind, type_: Type) -> None:
    @function(name)
    def read(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:  # noqa: ARG001 - as every function
        return Code(lambda this, env: now_as(kind, env.now), single=True, type=type_)  # noqa: ARG005 - a closure's shape


_clock("now", "dateTime", DATE_TIME)
_clock("today", "date", DATE)
_clock("timeOfDay", "time", TIME)
