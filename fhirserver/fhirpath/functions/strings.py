"""Strings (https://hl7.org/fhirpath/N1/#string-manipulation) and the additions of FHIRPath 2.1."""

from __future__ import annotations

import base64
import binascii
import html
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import regex

from fhirserver.fhirpath.compiled.code import Code, Focus, lowered, many, one
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.functions.registry import function
from fhirserver.fhirpath.model import BOOLEAN, INTEGER, STRING
from fhirserver.fhirpath.operators.arithmetic import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Call
    from fhirserver.fhirpath.model import Type

REGEX_SECONDS: Final = 0.2
"""Longest time that one regular expression may take on one text."""


def text_of(compiler: Compiler, source: Code, tree: Call) -> Callable[[Any, Environment], str | None]:
    """Return the closure that gives the one string of a piece, or None; it fails on anything else."""
    low = lowered(source)
    run = one(low)
    types = low.candidates
    if types and STRING not in types:
        names = " | ".join(sorted(type_.name for type_ in types)[:5])
        compiler.find(
            tree.position,
            f"{tree.name}() attend une chaîne et non {names}.",
            f"{tree.name}() takes a string, not {names}.",
        )
    if low.type is STRING:
        return run
    name = tree.name

    def checked(this: Any, env: Environment) -> str | None:
        value = run(this, env)
        if value is not None and type(value) is not str and not isinstance(value, str):
            raise fails(f"{name}() attend une chaîne", f"{name}() takes a string")
        return value

    return checked


def _on_text(name: str, type_: Type, compute: Callable[..., Any], least: int = 0, most: int | None = None) -> None:
    """Enter a function of one string and of arguments that are all single; empty where any of them is."""

    @function(name, least, most)
    def build(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        text = text_of(compiler, source, tree)
        arguments = [one(lowered(compiler.compile(argument, focus))) for argument in tree.arguments]
        if len(arguments) == 1:
            argument = arguments[0]

            def run(this: Any, env: Environment) -> Any:
                value = text(this, env)
                if value is None:
                    return None
                given = argument(this, env)
                return None if given is None else compute(value, given)

        else:

            def run(this: Any, env: Environment) -> Any:
                value = text(this, env)
                if value is None:
                    return None
                given = [argument(this, env) for argument in arguments]
                return None if None in given else compute(value, *given)

        return Code(run, single=True, type=type_)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise fails("une chaîne est attendue en argument", "a string is expected as argument")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise fails("un entier est attendu en argument", "an integer is expected as argument")
    return value


@function("substring", 1, 2)
def build_substring(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Return a part of a string; an empty length is as good as none."""
    text = text_of(compiler, source, tree)
    start, *rest = [one(lowered(compiler.compile(argument, focus))) for argument in tree.arguments]

    def run(this: Any, env: Environment) -> Any:
        value, first = text(this, env), start(this, env)
        length = rest[0](this, env) if rest else None
        return (
            None if value is None or first is None else _substring(value, first, MAX_TEXT if length is None else length)
        )

    return Code(run, single=True, type=STRING)


def _substring(text: str, start: Any, length: Any) -> str | None:
    if not 0 <= _integer(start) < len(text):
        return None
    return text[start : start + max(_integer(length), 0)]


@lru_cache(maxsize=512)
def pattern(text: str) -> regex.Pattern[str]:
    """Compile a regular expression; `.` matches line ends too.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        return regex.compile(text, regex.DOTALL)
    except regex.error as error:
        raise fails(f"expression régulière illisible : {error}", f"unreadable regular expression: {error}") from None


def _matches(text: str, expression: Any) -> bool:
    try:
        return pattern(_string(expression)).search(text, timeout=REGEX_SECONDS) is not None
    except TimeoutError:
        raise _too_slow() from None


def _matches_full(text: str, expression: Any) -> bool:
    try:
        return pattern(_string(expression)).fullmatch(text, timeout=REGEX_SECONDS) is not None
    except TimeoutError:
        raise _too_slow() from None


def _replace_matches(text: str, expression: Any, substitution: Any) -> str:
    if not _string(expression):
        return text
    # `$1` and `${name}` are how FHIRPath writes groups; a backslash has no meaning of its own there.
    template = _string(substitution).replace("\\", "\\\\")
    template = regex.sub(r"\$(\d+|\{\w+\})", lambda found: rf"\g<{found[1].strip('{}')}>", template)
    try:
        return _bounded(pattern(expression).sub(template, text, timeout=REGEX_SECONDS))
    except TimeoutError:
        raise _too_slow() from None
    except (regex.error, IndexError) as error:
        raise fails(f"remplacement illisible : {error}", f"unreadable substitution: {error}") from None


def _too_slow() -> Exception:
    return fails("expression régulière trop coûteuse", "the regular expression takes too long")


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise fails(f"chaîne de plus de {MAX_TEXT} caractères", f"a string of more than {MAX_TEXT} characters")
    return text


def _replace(text: str, old: Any, new: Any) -> str:
    if len(_string(new)) * (len(text) + 1) > MAX_TEXT and text.count(_string(old)) * len(new) > MAX_TEXT:
        return _bounded("x" * (MAX_TEXT + 1))
    return text.replace(_string(old), new)


def _encode(text: str, form: Any) -> str | None:
    match form:
        case "base64":
            return base64.b64encode(text.encode()).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(text.encode()).decode()
        case "hex":
            return text.encode().hex()
        case _:
            return None


def _decode(text: str, form: Any) -> str | None:
    try:
        match form:
            case "base64":
                return base64.b64decode(text, validate=True).decode()
            case "urlbase64":
                return base64.urlsafe_b64decode(text).decode()
            case "hex":
                return bytes.fromhex(text).decode()
            case _:
                return None
    except (ValueError, binascii.Error):
        return None


def _escape(text: str, form: Any) -> str | None:
    if form == "html":
        return html.escape(text, quote=True)
    return json.dumps(text, ensure_ascii=False)[1:-1] if form == "json" else None


def _unescape(text: str, form: Any) -> str | None:
    if form == "html":
        return html.unescape(text)
    if form != "json":
        return None
    try:
        return str(json.loads(f'"{text}"')) if not text.startswith('"') else text
    except ValueError:
        return None


_on_text("startsWith", BOOLEAN, lambda text, start: text.startswith(_string(start)), 1)
_on_text("endsWith", BOOLEAN, lambda text, end: text.endswith(_string(end)), 1)
_on_text("contains", BOOLEAN, lambda text, part: _string(part) in text, 1)
_on_text("indexOf", INTEGER, lambda text, part: text.find(_string(part)), 1)
_on_text("lastIndexOf", INTEGER, lambda text, part: text.rfind(_string(part)), 1)
_on_text("upper", STRING, str.upper)
_on_text("lower", STRING, str.lower)
_on_text("replace", STRING, _replace, 2)
_on_text("matches", BOOLEAN, _matches, 1)
_on_text("matchesFull", BOOLEAN, _matches_full, 1)
_on_text("replaceMatches", STRING, _replace_matches, 2)
_on_text("length", INTEGER, len)
_on_text("trim", STRING, str.strip)
_on_text("encode", STRING, _encode, 1)
_on_text("decode", STRING, _decode, 1)
_on_text("escape", STRING, _escape, 1)
_on_text("unescape", STRING, _unescape, 1)


def _several(name: str, compute: Callable[..., list[str]], least: int) -> None:
    """Enter a function of one string that gives several."""

    @function(name, least)
    def build(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
        text = text_of(compiler, source, tree)
        arguments = [one(lowered(compiler.compile(argument, focus))) for argument in tree.arguments]

        def run(this: Any, env: Environment) -> list[str]:
            value = text(this, env)
            given = [argument(this, env) for argument in arguments]
            return [] if value is None or None in given else compute(value, *given)

        return Code(run, single=False, type=STRING)


_several("toChars", list, 0)
_several("split", lambda text, mark: text.split(_string(mark)) if mark else list(text), 1)


@function("join", 0, 1)
def join(compiler: Compiler, source: Code, tree: Call, focus: Focus) -> Code:
    """Join strings, with a separator between them."""
    items = many(lowered(source))
    between = one(lowered(compiler.compile(tree.arguments[0], focus))) if tree.arguments else None

    def joined(this: Any, env: Environment) -> str | None:
        found = [_string(item) for item in items(this, env)]
        mark = between(this, env) if between else ""
        return _bounded((mark or "").join(found)) if found else None

    return Code(joined, single=True, type=STRING)
