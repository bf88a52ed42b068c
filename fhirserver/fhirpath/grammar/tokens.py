"""From the text of an expression to tokens (FHIRPath 2.0, https://hl7.org/fhirpath/N1/grammar.html)."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from fhirserver.fhirpath.errors import ExpressionError
from fhirserver.issues import Text

Kind = Literal["word", "quoted", "string", "number", "moment", "symbol", "end"]

MAX_LENGTH: Final = 65_536
"""Longest expression read, in characters; the longest of R4 core has under 1,000."""


class Token(NamedTuple):
    """One token.

    `text` is the value: of a quoted identifier or a string without its quotes and escapes, of a date, dateTime or
    time literal without its `@`.
    """

    kind: Kind
    text: str
    position: int


_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n\r]*|/\*.*?\*/)
      | (?P<moment>@(?:T\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?
                 |\d{4}(?:-\d{2}(?:-\d{2})?)?(?:T(?:\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?))
      | (?P<number>\d+(?:\.\d+)?)
      | (?P<word>[$]?[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")
      | (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<symbol><=|>=|!=|!~|/(?!\*)|[-+*&|=~<>.,()\[\]{}%])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL
)
"""An escape; two that make up one character beyond U+FFFF (a surrogate pair) are one."""

_ESCAPES: Final = {
    "'": "'", '"': '"', "`": "`", "\\": "\\", "/": "/", "r": "\r", "n": "\n", "t": "\t", "f": "\f",
}  # fmt: skip


def tokens(expression: str) -> list[Token]:
    """Split an expression into its tokens; the last one is of kind `end`.

    Raises:
        ExpressionError: a character or escape that FHIRPath does not know, or an expression beyond MAX_LENGTH.
    """
    if len(expression) > MAX_LENGTH:
        raise syntax_error(
            MAX_LENGTH,
            f"l'expression dépasse {MAX_LENGTH} caractères",
            f"the expression is longer than {MAX_LENGTH} characters",
        )
    found: list[Token] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise _unexpected(expression, position)
        kind = match.lastgroup
        text = match.group()
        if kind == "moment":
            found.append(Token("moment", text[1:], position))
        elif kind == "number":
            found.append(Token("number", text, position))
        elif kind == "word":
            found.append(Token("word", text, position))
        elif kind == "quoted":
            found.append(Token("quoted", _unescape(text[1:-1], position), position))
        elif kind == "string":
            found.append(Token("string", _unescape(text[1:-1], position), position))
        elif kind == "symbol":
            found.append(Token("symbol", text, position))
        position = match.end()
    found.append(Token("end", "", len(expression)))
    return found


def syntax_error(position: int, fr: str, en: str) -> ExpressionError:
    """Return the refusal of an expression that is not FHIRPath."""
    return ExpressionError(
        position,
        Text(f"Expression FHIRPath illisible : {fr}.", f"Unreadable FHIRPath expression: {en}."),
        "syntax",
    )


def _unescape(text: str, position: int) -> str:
    if "\\" not in text:
        return text

    def decode(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) > 1:
            try:
                units = bytes.fromhex(escape.replace("\\", "").replace("u", ""))
                return units.decode("utf-16-be")
            except UnicodeDecodeError:
                raise syntax_error(
                    position + 1 + match.start(),
                    f"« \\{escape} » n'est que la moitié d'un caractère",
                    f'"\\{escape}" is only half of a character',
                ) from None
        plain = _ESCAPES.get(escape)
        if plain is None:
            raise syntax_error(
                position + 1 + match.start(),
                f"échappement inconnu « \\{escape} » ; doublez la barre oblique inverse",
                f'unknown escape "\\{escape}"; double the backslash',
            )
        return plain

    return _ESCAPE.sub(decode, text)


def _unexpected(expression: str, position: int) -> ExpressionError:
    character = expression[position]
    opened = {"'": ("chaîne", "string"), "`": ("identifiant", "identifier"), '"': ("identifiant", "identifier")}
    if character in opened:
        fr, en = opened[character]
        return syntax_error(position, f"{fr} sans délimiteur fermant", f"{en} without its closing quote")
    if expression.startswith("/*", position):
        return syntax_error(position, "commentaire non fermé", "comment without its end")
    return syntax_error(position, f"caractère inattendu « {character} »", f'unexpected character "{character}"')
