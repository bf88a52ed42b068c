"""JSON text to Python values and back, losing nothing.

FHIR decimals keep their digits (https://hl7.org/fhir/R4/datatypes.html#decimal): a JSON number with a fraction or
an exponent becomes a `Number`, which is a Decimal that remembers its text, and is written as that text.
Objects become dicts in the order read, arrays lists, integers int, the rest as usual.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, Self

import msgspec
import orjson

from fhirserver.errors import Unreadable
from fhirserver.issues import Text

MAX_DEPTH: Final = 220
"""Nesting beyond which a text is refused: 100 levels of FHIR elements, which are two each where they repeat.

The deepest example of FHIR R4 nests 21 levels; orjson writes 254."""


class Number(Decimal):
    """A JSON number with a fraction or exponent: a Decimal that is written as it was read."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """Read a JSON number; ValueError if it exceeds what a double can hold (such as `1e999`)."""
        if abs(float(text)) == float("inf"):
            raise ValueError(text)
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return Number, (self.text,)

    def __copy__(self) -> Number:
        return self

    def __deepcopy__(self, memo: object) -> Number:
        return self


_FAULTS: Final = {
    "Expecting value": Text("une valeur est attendue", "a value is expected"),
    "Expecting property name enclosed in double quotes": Text(
        "un nom de propriété entre guillemets doubles est attendu", "a property name in double quotes is expected"
    ),
    "Illegal trailing comma before end of object": Text(
        "virgule superflue avant la fin de l'objet", "superfluous comma before the end of the object"
    ),
    "Illegal trailing comma before end of array": Text(
        "virgule superflue avant la fin du tableau", "superfluous comma before the end of the array"
    ),
    "Expecting ':' delimiter": Text("« : » est attendu", "a colon is expected"),
    "Expecting ',' delimiter": Text("« , » ou la fin est attendue", "a comma or the end is expected"),
    "Extra data": Text("du texte suit la fin de la ressource", "text follows the end of the resource"),
    "Unterminated string starting at": Text(
        "chaîne sans guillemet de fin, commencée là", "string without a closing quote, begun there"
    ),
    "Invalid control character at": Text(
        "caractère de contrôle dans une chaîne (un saut de ligne s'écrit \\n)",
        "control character in a string (a line break is written \\n)",
    ),
    "Invalid \\escape": Text("échappement inconnu après « \\ »", "unknown escape after a backslash"),
    "Invalid \\uXXXX escape": Text(
        "« \\u » demande quatre chiffres hexadécimaux", "\\u asks for four hexadecimal digits"
    ),
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": Text(
        "marque d'ordre des octets (BOM) ; envoyez de l'UTF-8 sans BOM",
        "byte order mark (BOM); send UTF-8 without one",
    ),
}
"""What the standard library says of JSON, in both languages."""
_decoder: Final = msgspec.json.Decoder(float_hook=Number)
_SHORT: Final = 1 << 20
_LOOKED_AT: Final = 100
_RUN: Final = 1 << 13
_MARKS: Final = (b":", b"{", b"[")
_spaced: Final = re.compile(rb'"[ \t\n\r]+:').search


def read(data: bytes) -> Any:
    """Read one JSON text (UTF-8, no byte order mark).

    Raises:
        Unreadable: not UTF-8, not JSON, a key twice in one object, a lone surrogate, a number beyond a double,
            or nested deeper than MAX_DEPTH; the text says where.
    """
    try:
        value = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _read_slowly(data)
    telling = _telling(data)
    if telling is data and _written_alike(value, data):
        return value
    keys, depth = _measure(value)
    if depth > MAX_DEPTH:
        raise _too_deep()
    # Each key of the text is one `":` when no white space stands between its quote and its colon, and quotes inside
    # strings can only add to the count: an equal count proves that no key was read twice.
    if telling.count(b'":') != keys or _spaced(telling):
        return _read_slowly(data)
    return value


def _telling(data: bytes) -> bytes:
    """Return a text without its long runs of neither quote, colon nor bracket: they tell nothing of keys and levels.

    Content in base64 is such a run, and most of the text that it stands in: to step over it takes a twentieth of the
    time of counting in it. A run ends at a quote, so that nothing that is counted begins before it and ends behind it.
    """
    kept, start, at = [], 0, 0
    while at < len(data) - _RUN:
        end = data.find(b'"', at)
        end = len(data) if end < 0 else end
        if end - at > _RUN and all(data.find(mark, at, end) < 0 for mark in _MARKS):
            kept.append(data[start:at])
            start = end
        at = max(end, at + _RUN)
    return b"".join((*kept, data[start:])) if kept else data


def _written_alike(value: Any, data: bytes) -> bool:
    """Tell whether a value, written without white space, is this very text: then no key was read twice.

    Asked of texts that look so, and that cannot nest too deeply since they have few brackets: three times as quick as
    to count keys and levels.
    """
    if len(data) > _SHORT or b'": ' in data[:_LOOKED_AT] or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        return False
    try:
        return orjson.dumps(value, default=_write_number) == data
    except orjson.JSONEncodeError:
        return False


def write(value: Any, *, pretty: bool = False) -> bytes:
    """Write a value as UTF-8 JSON; a `Number` as the text it was read from, any other Decimal by its digits."""
    option = orjson.OPT_INDENT_2 if pretty else 0
    try:
        return orjson.dumps(value, default=_write_number, option=option)
    except orjson.JSONEncodeError:
        # integers beyond 64 bits, the only legal value that orjson does not write
        return orjson.dumps(_wrap_large_integers(value), default=_write_number, option=option)


def canonical(value: Any) -> bytes:
    """Write a value with sorted keys: equal bytes mean equal JSON, numbers compared as text."""
    try:
        return orjson.dumps(value, default=_write_number, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_wrap_large_integers(value), default=_write_number, option=orjson.OPT_SORT_KEYS)


def _write_number(value: object) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    raise TypeError(type(value).__name__)


def _wrap_large_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _wrap_large_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_wrap_large_integers(item) for item in value]
    if type(value) is int and not -(2**63) <= value < 2**64:
        return Decimal(value)
    return value


def _measure(value: Any) -> tuple[int, int]:
    """Return the number of keys in all objects, and the depth of nesting."""
    keys = depth = 0
    level = [value]
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                keys += len(item)
                below += item.values()
            elif type(item) is list:
                below += item
        level = below
    return keys, depth


def _read_slowly(data: bytes) -> Any:
    """Read with the standard library, which says where and what is wrong."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(
            Text(
                f"Le corps n'est pas de l'UTF-8 valide (octet {error.start}).",
                f"The body is not valid UTF-8 (byte {error.start}).",
            ),
            rule="json",
        ) from None
    try:
        value = json.loads(
            text, parse_float=Number, parse_constant=_refuse_constant, object_pairs_hook=_object_of_unique_keys
        )
    except json.JSONDecodeError as error:
        said = _FAULTS.get(error.msg, Text(error.msg, error.msg))
        raise Unreadable(
            Text(
                f"JSON illisible, ligne {error.lineno}, colonne {error.colno} : {said.fr}.",
                f"Unreadable JSON, line {error.lineno}, column {error.colno}: {said.en}.",
            ),
            rule="json",
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        shown = str(error)[:40]
        raise Unreadable(
            Text(f"Nombre hors limites ou interdit en JSON : {shown}.", f"Number out of range or not JSON: {shown}."),
            rule="json",
        ) from None
    if _measure(value)[1] > MAX_DEPTH:
        raise _too_deep()
    try:
        write(value)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        raise Unreadable(
            Text(
                "Une chaîne contient un demi-codet isolé (\\ud800 à \\udfff) : ce n'est pas de l'Unicode.",
                "A string holds a lone surrogate (\\ud800 to \\udfff), which is not Unicode.",
            ),
            rule="json",
        ) from None
    return value


def _object_of_unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Unreadable(
            Text(
                f"La clé « {twice} » figure deux fois dans un même objet JSON ; n'en gardez qu'une.",
                f'The key "{twice}" stands twice in one JSON object; keep one of them.',
            ),
            rule="json",
        )
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _too_deep() -> Unreadable:
    return Unreadable(
        Text(
            f"Le JSON est imbriqué sur plus de {MAX_DEPTH} niveaux.", f"The JSON nests deeper than {MAX_DEPTH} levels."
        ),
        rule="json",
    )
