"""The functions that expressions may call, each with the number of arguments it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.code import Code, Focus
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call

    Build = Callable[[Compiler, Code, Call, Focus], Code]


class Function(NamedTuple):
    """A function: how it is compiled, and the least and most arguments it takes."""

    build: Build
    least: int
    most: int


FUNCTIONS: Final[dict[str, Function]] = {}


def function(name: str, least: int = 0, most: int | None = None) -> Callable[[Build], Build]:
    """Enter a function under its FHIRPath name, with the least and most arguments it takes."""

    def enter(build: Build) -> Build:
        FUNCTIONS[name] = Function(build, least, least if most is None else most)
        return build

    return enter
