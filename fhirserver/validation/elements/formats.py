"""The formats of FHIR's primitive types (https://hl7.org/fhir/R4/datatypes.html#primitive).

Each type has one quick test for the values that are right, and an explanation that is asked for only when it fails.
The tests mean what the specification's prose says, beyond its regular expressions: dates exist, an OID is an OID.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhirserver import base64text
from fhirserver.issues import IssueCode, Text
from fhirserver.jsontext import Number
from fhirserver.validation.texts import values as texts

_YEAR: Final = r"(?!0000)[0-9]{4}"
_MONTH: Final = r"(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_ZONE: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_date: Final = re.compile(rf"({_YEAR})(?:-({_MONTH})(?:-({_DAY}))?)?")
_datetime: Final = re.compile(rf"({_YEAR})(?:-({_MONTH})(?:-({_DAY})(?:T{_TIME}{_ZONE})?)?)?")
_instant: Final = re.compile(rf"({_YEAR})-({_MONTH})-({_DAY})T{_TIME}{_ZONE}")
_time: Final = re.compile(_TIME)
_id: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_code: Final = re.compile(r"[^\s\x00-\x1f]+(?: [^\s\x00-\x1f]+)*")
_uri: Final = re.compile(r"[^\s\x00-\x1f]+")
_oid: Final = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_uuid: Final = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_control: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_absolute: Final = re.compile(r"[a-z][a-z0-9+.\-]*:[^\s:]\S*")

MAX_STRING: Final = 1_048_576
"""Characters in a string at most (https://hl7.org/fhir/R4/datatypes.html#string)."""


class Format(NamedTuple):
    """How values of one primitive type look.

    Attributes:
        json: the JSON type, for messages: `string`, `boolean` or `number`.
        holds: whether a JSON value has the right type.
        right: whether a value of the right JSON type is a legal value.
        explain: why it is not, as an issue code and a text.
    """

    json: str
    holds: Callable[[Any], bool]
    right: Callable[[Any], bool]
    explain: Callable[[Any], tuple[IssueCode, Text]]


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _is_number(value: Any) -> bool:
    kind = type(value)
    return kind is int or kind is Number or (isinstance(value, (Decimal, float)) and kind is not bool)


def _day_exists(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    fullmatch = pattern.fullmatch

    def right(value: str) -> bool:
        match = fullmatch(value)
        if match is None:
            return False
        day = match[3]
        return day is None or day < "29" or int(day) <= monthrange(int(match[1]), int(match[2]))[1]

    return right


def _right_string(value: str) -> bool:
    if len(value) > MAX_STRING or not value or value.isspace():
        return False
    return value.isprintable() or _control.search(value) is None


def _right_uri(value: str) -> bool:
    if _uri.fullmatch(value) is None:
        return False
    if value.startswith("urn:"):
        if value.startswith("urn:oid:"):
            return _oid.fullmatch(value) is not None
        if value.startswith("urn:uuid:"):
            return _uuid.fullmatch(value.lower()) is not None
    return True


def is_absolute(value: str) -> bool:
    """Return whether a uri names its scheme, in lower case (`https:`, `urn:`…)."""
    return _absolute.match(value) is not None


def _right_canonical(value: str) -> bool:
    return _right_uri(value) and (value.startswith("#") or is_absolute(value))


def _right_base64(value: str) -> bool:
    return base64text.is_base64(value)


def _between(low: int, high: int) -> Callable[[Any], bool]:
    def right(value: Any) -> bool:
        return type(value) is int and low <= value <= high

    return right


def _always(_value: Any) -> bool:
    return True


def _named(type_name: str) -> Callable[[Any], tuple[IssueCode, Text]]:
    def explain(value: Any) -> tuple[IssueCode, Text]:
        if type(value) is str and (value == "" or value.isspace()):
            return "value", texts.empty_string()
        return "value", texts.format_wrong(type_name, value)

    return explain


def _string(type_name: str, right: Callable[[Any], bool]) -> Format:
    return Format("string", _is_string, right, _named(type_name))


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    full = pattern.fullmatch

    def right(value: Any) -> bool:
        return full(value) is not None

    return right


FORMATS: Final[dict[str, Format]] = {
    "boolean": Format("boolean", _is_boolean, _always, _named("boolean")),
    "integer": Format("number", _is_number, _between(-(2**31), 2**31 - 1), _named("integer")),
    "positiveInt": Format("number", _is_number, _between(1, 2**31 - 1), _named("positiveInt")),
    "unsignedInt": Format("number", _is_number, _between(0, 2**31 - 1), _named("unsignedInt")),
    "decimal": Format("number", _is_number, _always, _named("decimal")),
    "string": _string("string", _right_string),
    "markdown": _string("markdown", _right_string),
    "code": _string("code", _matches(_code)),
    "id": _string("id", _matches(_id)),
    "uri": _string("uri", _right_uri),
    "url": _string("url", _right_uri),
    "canonical": _string("canonical", _right_canonical),
    "oid": _string("oid", _matches(_oid)),
    "uuid": _string("uuid", _matches(_uuid)),
    "date": _string("date", _day_exists(_date)),
    "dateTime": _string("dateTime", _day_exists(_datetime)),
    "instant": _string("instant", _day_exists(_instant)),
    "time": _string("time", _matches(_time)),
    "base64Binary": _string("base64Binary", _right_base64),
    "xhtml": Format("string", _is_string, _always, _named("xhtml")),
}
"""By FHIR type name; xhtml is judged by `narrative`."""


def json_type(value: Any) -> str:
    """Return the JSON type of a value, for messages: `object`, `array`, `string`, `number`, `boolean`, `null`."""
    if value is None:
        return "null"
    for name, kinds in (("boolean", bool), ("object", dict), ("array", list), ("string", str)):
        if isinstance(value, kinds):
            return name
    return "number"
