"""Invariants that only ask which elements are there, decided from the names of an object's properties.

`code.empty() or system.exists()` needs no value: its truth is the same for all objects with the same property names,
so it is decided once for each set of names. Only expressions of this form are taken: elements of the object followed
by `exists()` or `empty()`, joined by `and`, `or`, `xor`, `implies`, `=`, `!=`, `not()` and parentheses.
`tests/unit/validation/test_presence.py` proves that FHIRPath itself always agrees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

Keys = Collection[str]
Test = Callable[[Keys], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[a-z][A-Za-z]*)\.(?P<call>exists|empty)\(\)|(?P<word>and|or|xor|implies)\b"
    r"|(?P<sign>!=|=|\(|\)|\.not\(\)))"
)
_LEVELS: Final = (("implies",), ("or", "xor"), ("and",), ("=", "!="))
"""Binary operators, the loosest first (http://hl7.org/fhirpath/N1/#operator-precedence)."""


class _Other(Exception):  # noqa: N818 - not an error: the expression is of another form
    """The expression asks for more than presence."""


def presence_test(expression: str, elements: Mapping[str, Collection[str]]) -> Test | None:
    """Compile an expression that asks only for presence; None for any other.

    Args:
        expression: the invariant's FHIRPath.
        elements: for each element of the object, by FHIRPath name, the JSON properties under which it may stand.
    """
    try:
        reader = _Reader(expression, elements)
        test = reader.binary(0)
        reader.end()
    except _Other:
        return None
    return test


class _Reader:
    def __init__(self, expression: str, elements: Mapping[str, Collection[str]]) -> None:
        self._elements = elements
        self._tokens: list[tuple[str, str]] = []
        self._next = 0
        position = 0
        while expression[position:].strip():
            match = _TOKEN.match(expression, position)
            if match is None:
                raise _Other
            if match["name"]:
                self._tokens.append((match["name"], match["call"]))
            else:
                self._tokens.append((match["word"] or match["sign"], ""))
            position = match.end()

    def end(self) -> None:
        if self._next != len(self._tokens):
            raise _Other

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("", "")

    def binary(self, level: int) -> Test:
        if level == len(_LEVELS):
            return self._unit()
        left = self.binary(level + 1)
        while self._peek()[0] in _LEVELS[level] and not self._peek()[1]:
            operator = self._peek()[0]
            self._next += 1
            left = _joined(operator, left, self.binary(level + 1))
        return left

    def _unit(self) -> Test:
        word, call = self._peek()
        self._next += 1
        if word == "(" and not call:
            test = self.binary(0)
            if self._peek() != (")", ""):
                raise _Other
            self._next += 1
        elif call:
            test = self._element(word, call)
        else:
            raise _Other
        while self._peek() == (".not()", ""):
            self._next += 1
            test = _negated(test)
        return test

    def _element(self, name: str, call: str) -> Test:
        names = self._elements.get(name)
        if names is None:
            raise _Other
        wanted = frozenset(names) | {f"_{one}" for one in names}
        if call == "exists":
            return lambda keys: not wanted.isdisjoint(keys)
        return wanted.isdisjoint


def _negated(test: Test) -> Test:
    return lambda keys: not test(keys)


def _joined(operator: str, left: Test, right: Test) -> Test:
    if operator == "and":
        return lambda keys: left(keys) and right(keys)
    if operator == "or":
        return lambda keys: left(keys) or right(keys)
    if operator == "implies":
        return lambda keys: not left(keys) or right(keys)
    if operator == "=":
        return lambda keys: left(keys) == right(keys)
    return lambda keys: left(keys) != right(keys)
