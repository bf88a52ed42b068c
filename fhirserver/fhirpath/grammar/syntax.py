"""From tokens to a syntax tree: a Pratt parser with the precedence of the FHIRPath 2.0 grammar."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

from fhirserver.fhirpath.grammar.tokens import Token, syntax_error, tokens
from fhirserver.fhirpath.values.moments import Moment, read_moment
from fhirserver.fhirpath.values.quantities import CALENDAR_UNITS, Quantity

MAX_DEPTH: Final = 150
"""Nesting beyond which an expression is refused: deeper trees would exhaust Python's stack."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; None stands for the empty collection `{}`."""

    value: bool | int | Decimal | str | Moment | Quantity | None
    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`$this`, `$index` or `$total`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Constant:
    """An external constant: `%resource`, `%ucum`, `%vs-name`…; the name without its `%`."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """An element by name; without a source, an element of `$this` (or its type)."""

    source: Tree | None
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; without a source it works on `$this`."""

    source: Tree | None
    name: str
    arguments: tuple[Tree, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    """`source[index]`."""

    source: Tree
    index: Tree
    position: int


@dataclass(frozen=True, slots=True)
class Sign:
    """A unary `+` or `-`."""

    operator: str
    operand: Tree
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and an operator."""

    operator: str
    left: Tree
    right: Tree
    position: int


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is Type` or `operand as Type`; the type's name may carry a namespace."""

    operator: str
    operand: Tree
    type_name: str
    position: int


Tree = Literal | Variable | Constant | Member | Call | Index | Sign | Binary | TypeTest

_BINDING: Final = {
    "implies": 1, "or": 2, "xor": 2, "and": 3, "in": 4, "contains": 4,
    "=": 5, "!=": 5, "~": 5, "!~": 5, "<": 6, ">": 6, "<=": 6, ">=": 6,
    "|": 7, "is": 8, "as": 8, "+": 9, "-": 9, "&": 9, "*": 10, "/": 10, "div": 10, "mod": 10,
}  # fmt: skip
_SIGN_BINDING: Final = 11
_KEYWORDS: Final = {"and", "or", "xor", "implies", "div", "mod", "true", "false"}


def parse(expression: str) -> Tree:
    """Read an expression.

    Raises:
        ExpressionError: not FHIRPath, nested deeper than MAX_DEPTH, or a date that does not exist.
    """
    parser = _Parser(tokens(expression))
    tree = parser.expression(0)
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, stream: list[Token]) -> None:
        self._stream = stream
        self._at = 0
        self._depth = 0

    @property
    def _next(self) -> Token:
        return self._stream[self._at]

    def _advance(self) -> Token:
        token = self._stream[self._at]
        self._at += 1
        return token

    def _refuse(self, token: Token) -> NoReturn:
        if token.kind == "end":
            raise syntax_error(token.position, "fin inattendue", "unexpected end")
        raise syntax_error(token.position, f"« {token.text} » inattendu", f'unexpected "{token.text}"')

    def _accept(self, symbol: str) -> bool:
        if self._next.kind == "symbol" and self._next.text == symbol:
            self._at += 1
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._accept(symbol):
            self._refuse(self._next)

    def _deepen(self, position: int) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise syntax_error(
                position,
                f"imbriquée sur plus de {MAX_DEPTH} niveaux",
                f"nested deeper than {MAX_DEPTH} levels",
            )

    def expect_end(self) -> None:
        if self._next.kind != "end":
            self._refuse(self._next)

    def expression(self, binding: int) -> Tree:
        entered = self._depth
        self._deepen(self._next.position)
        left = self._prefix()
        while True:
            token = self._next
            power = _BINDING.get(token.text, 0) if token.kind in ("symbol", "word") else 0
            if power <= binding:
                break
            self._advance()
            self._deepen(token.position)
            if token.text in ("is", "as"):
                left = TypeTest(token.text, left, self._type_name(), token.position)
            else:
                left = Binary(token.text, left, self.expression(power), token.position)
        self._depth = entered
        return left

    def _prefix(self) -> Tree:
        token = self._next
        if token.kind == "symbol" and token.text in "+-":
            self._advance()
            return Sign(token.text, self.expression(_SIGN_BINDING - 1), token.position)
        return self._postfix(self._term())

    def _postfix(self, tree: Tree) -> Tree:
        while True:
            token = self._next
            if self._accept("."):
                self._deepen(token.position)
                tree = self._invocation(tree)
            elif self._accept("["):
                self._deepen(token.position)
                tree = Index(tree, self.expression(0), token.position)
                self._expect("]")
            else:
                return tree

    def _term(self) -> Tree:  # noqa: PLR0911 - one return for one kind of term
        token = self._next
        if token.kind == "number":
            return self._number()
        if token.kind == "string":
            self._advance()
            return Literal(token.text, token.position)
        if token.kind == "moment":
            self._advance()
            return Literal(self._moment(token), token.position)
        if token.kind == "word" and token.text in ("true", "false"):
            self._advance()
            return Literal(token.text == "true", token.position)
        if self._accept("("):
            tree = self.expression(0)
            self._expect(")")
            return tree
        if self._accept("{"):
            self._expect("}")
            return Literal(None, token.position)
        if self._accept("%"):
            name = self._advance()
            if name.kind not in ("word", "quoted", "string"):
                self._refuse(name)
            return Constant(self._dashed(name) if name.kind == "word" else name.text, token.position)
        return self._invocation(None)

    def _dashed(self, name: Token) -> str:
        # Published expressions write %vs-name and %ext-name without the quotes that the grammar asks for.
        text = name.text
        while text.startswith(("vs", "ext")) and self._next.text == "-" and self._touches(self._at):
            self._advance()
            text += "-" + self._advance().text
        return text

    def _touches(self, at: int) -> bool:
        before, dash, after = self._stream[at - 1 : at + 2]
        return (
            before.position + len(before.text) == dash.position
            and dash.position + 1 == after.position
            and after.kind == "word"
        )

    def _moment(self, token: Token) -> Moment:
        moment = read_moment(token.text, literal=True)
        if moment is None:
            raise syntax_error(
                token.position, f"« @{token.text} » n'existe pas au calendrier", f'"@{token.text}" is no date or time'
            )
        return moment

    def _number(self) -> Literal:
        token = self._advance()
        value: int | Decimal = Decimal(token.text) if "." in token.text else int(token.text)
        unit = self._next
        if unit.kind == "string":
            self._advance()
            return Literal(Quantity(Decimal(value), unit.text), token.position)
        if unit.kind == "word" and unit.text in CALENDAR_UNITS:
            self._advance()
            return Literal(Quantity(Decimal(value), CALENDAR_UNITS[unit.text], calendar=True), token.position)
        # the sign of a literal is no part of it, so the least Integer is written as one more than the greatest
        least = self._stream[self._at - 2].text == "-" if self._at > 1 else False
        if isinstance(value, int) and value > 2**31 - (not least):
            raise syntax_error(token.position, "entier au-delà de 2147483647", "an integer beyond 2147483647")
        return Literal(value, token.position)

    def _identifier(self) -> Token:
        token = self._advance()
        named = token.kind == "quoted" or (
            token.kind == "word" and token.text not in _KEYWORDS and not token.text.startswith("$")
        )
        if not named:
            self._refuse(token)
        return token

    def _invocation(self, source: Tree | None) -> Tree:
        token = self._next
        if token.kind == "word" and token.text in ("$this", "$index", "$total") and source is None:
            self._advance()
            return Variable(token.text, token.position)
        name = self._identifier()
        if not self._accept("("):
            return Member(source, name.text, name.position)
        arguments: list[Tree] = []
        if not self._accept(")"):
            arguments.append(self.expression(0))
            while self._accept(","):
                arguments.append(self.expression(0))
            self._expect(")")
        return Call(source, name.text, tuple(arguments), name.position)

    def _type_name(self) -> str:
        name = self._identifier().text
        while self._next.text == "." and self._next.kind == "symbol":
            self._advance()
            name += "." + self._identifier().text
        return name
