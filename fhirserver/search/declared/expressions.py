"""The expressions of SearchParameters as paths that can be walked straight through JSON.

Nearly every expression of R4 is a union of plain paths with casts, filters on a child's value and filters on the type
that a reference points to. These become `Path`s here; any other expression is left to the FHIRPath engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|([A-Za-z_$][A-Za-z0-9_]*)|(\d+)|(!=|[.()\[\]|=]))")


class UnsupportedExpressionError(ValueError):
    """Not a union of paths: the FHIRPath engine has to evaluate it."""


@dataclass(frozen=True, slots=True)
class Child:
    """Into an element, by its name in FHIRPath (`value` for `value[x]`)."""

    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Keep what is of a FHIR type."""

    type: str


@dataclass(frozen=True, slots=True)
class Where:
    """Keep objects with a child of this value."""

    child: str
    value: str | bool


@dataclass(frozen=True, slots=True)
class PointsTo:
    """Keep references to resources of a type: `where(resolve() is Patient)`, decided by the reference's text."""

    type: str


@dataclass(frozen=True, slots=True)
class Item:
    """Keep one item of the preceding list."""

    position: int


Step = Child | Cast | Where | PointsTo | Item


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from a resource to the values of a parameter.

    Attributes:
        root: the type that the expression names first; empty when it begins with an element.
    """

    root: str
    steps: tuple[Step, ...]


def paths(expression: str) -> tuple[Path, ...]:
    """Return the paths whose union the expression is.

    Raises:
        UnsupportedExpressionError: it is more than that.
    """
    reader = _Reader(expression)
    found = reader.union()
    reader.finish()
    return tuple(found)


class _Reader:
    def __init__(self, expression: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = expression.strip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise UnsupportedExpressionError(expression)
            kind = ("string", "name", "number", "sign")[(match.lastindex or 1) - 1]
            self._tokens.append((kind, match[match.lastindex or 1]))
            position = match.end()
        self._at = 0

    def finish(self) -> None:
        if self._at < len(self._tokens):
            raise UnsupportedExpressionError(self._tokens[self._at][1])

    def union(self) -> list[Path]:
        found = self._cast()
        while self._skip("|"):
            found += self._cast()
        return found

    def _cast(self) -> list[Path]:
        found = self._invocations()
        if self._peek() == ("name", "as"):
            self._at += 1
            found = _extend(found, Cast(self._type_name()))
        return found

    def _invocations(self) -> list[Path]:
        if self._skip("("):
            found = self.union()
            self._expect(")")
        else:
            found = self._first()
        while True:
            if self._skip("."):
                found = self._step(found)
            elif self._skip("["):
                found = _extend(found, Item(int(self._take("number"))))
                self._expect("]")
            else:
                return found

    def _first(self) -> list[Path]:
        name = self._take("name")
        if self._peek() == ("sign", "("):
            return self._function([Path("", ())], name)
        return [Path(name, ())] if name[0].isupper() else [Path("", (Child(name),))]

    def _step(self, found: list[Path]) -> list[Path]:
        name = self._take("name")
        if self._peek() == ("sign", "("):
            return self._function(found, name)
        return _extend(found, Child(name))

    def _function(self, found: list[Path], name: str) -> list[Path]:
        self._expect("(")
        if name in ("as", "ofType"):
            found = _extend(found, Cast(self._type_name()))
        elif name == "extension":
            found = _extend(_extend(found, Child("extension")), Where("url", self._take("string")))
        elif name == "where":
            found = _extend(found, self._condition())
        else:
            raise UnsupportedExpressionError(name)
        self._expect(")")
        return found

    def _condition(self) -> Step:
        name = self._take("name")
        if name == "resolve":
            for sign in "()":
                self._expect(sign)
            if self._take("name") != "is":
                raise UnsupportedExpressionError(name)
            return PointsTo(self._type_name())
        self._expect("=")
        kind, text = self._peek()
        self._at += 1
        if kind == "string":
            return Where(name, text)
        if (kind, text) in (("name", "true"), ("name", "false")):
            return Where(name, text == "true")
        raise UnsupportedExpressionError(text)

    def _type_name(self) -> str:
        name = self._take("name")
        while self._skip("."):  # FHIR.Patient, System.String
            name = self._take("name")
        return name

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _skip(self, sign: str) -> bool:
        if self._peek() == ("sign", sign):
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._skip(sign):
            raise UnsupportedExpressionError(self._peek()[1])

    def _take(self, kind: str) -> str:
        found, text = self._peek()
        if found != kind:
            raise UnsupportedExpressionError(text)
        self._at += 1
        return text


def _extend(found: list[Path], step: Step) -> list[Path]:
    return [Path(path.root, (*path.steps, step)) for path in found]
