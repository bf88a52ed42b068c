"""Formats of primitive types, right and wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhirserver.jsontext import Number
from fhirserver.validation.elements.formats import FORMATS, is_absolute, json_type

RIGHT = {
    "boolean": [True, False],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "positiveInt": [1, 2**31 - 1],
    "unsignedInt": [0, 5],
    "decimal": [1, Number("1.50"), Number("1e3"), 10**20],
    "string": ["a", " a", "a\nb", "é", "a b"],
    "code": ["a", "a b", "A-1.2"],
    "id": ["a", "A-1.b", "x" * 64],
    "uri": [
        "http://a/b?c#d",
        "urn:oid:1.2.250",
        "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
        "Patient/1",
        "a%20b",
        "urn:uuid:C757873D-EC9A-4326-A141-556F43239520",
    ],
    "canonical": ["http://a/b|1.0", "urn:oid:1.2", "#contained"],
    "oid": ["urn:oid:1.2.250.1.213"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "date": ["2024", "2024-05", "2024-02-29", "1905-12-31"],
    "dateTime": ["2024", "2024-05-02T10:00:00Z", "2024-05-02T10:00:00.123+02:00", "2024-05-02T23:59:60-05:00"],
    "instant": ["2024-05-02T10:00:00Z", "2024-05-02T10:00:00.1+14:00"],
    "time": ["10:00:00", "23:59:59.999"],
    "base64Binary": ["QQ==", "QUJD", "QUJD\nQUJD"],
}
WRONG = {
    "integer": [Number("1.5"), 2**31, -(2**31) - 1],
    "positiveInt": [0, -1],
    "unsignedInt": [-1],
    "string": ["", "  ", "a\x00b", "\n"],
    "code": ["", " a", "a ", "a  b", "a\tb"],
    "id": ["", "a b", "a_b", "é", "x" * 65],
    "uri": [
        "",
        "a b",
        "urn:oid:01.2",
        "urn:oid:1.2.a",
        "urn:uuid:123",
        "urn:uuid:c757873d",
    ],
    "canonical": ["Patient", "HTTP://A/B", "::", "a b"],
    "oid": ["1.2.250", "urn:oid:3.1"],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520"],
    "date": ["2024-2-1", "2023-02-29", "2024-04-31", "0000", "24", "2024-13", "2024-05-02T10:00:00Z", "2024-05-02 "],
    "dateTime": [
        "2024-05-02T10:00",
        "2024-05-02T10:00:00",
        "2024-05-02T25:00:00Z",
        "2023-02-30T10:00:00Z",
        "2024-05-02T10:00:00+15:00",
    ],
    "instant": ["2024", "2024-05-02", "2024-05-02T10:00Z"],
    "time": ["10:00", "24:00:00", "10:00:00Z"],
    "base64Binary": ["", "a", "====", "QQ", "é"],
}


@pytest.mark.parametrize(("type_name", "value"), [(kind, one) for kind, values in RIGHT.items() for one in values])
def test_values_of_the_specification_are_accepted(type_name: str, value: Any) -> None:
    form = FORMATS[type_name]
    assert form.holds(value)
    assert form.right(value)


@pytest.mark.parametrize(("type_name", "value"), [(kind, one) for kind, values in WRONG.items() for one in values])
def test_other_values_are_refused_with_a_reason_in_both_languages(type_name: str, value: Any) -> None:
    form = FORMATS[type_name]
    assert form.holds(value)
    assert not form.right(value)
    code, text = form.explain(value)
    assert code == "value"
    assert text.fr
    assert text.en
    assert text.fr != text.en


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("string", 1),
        ("string", True),
        ("boolean", 1),
        ("boolean", "true"),
        ("integer", True),
        ("integer", "1"),
        ("decimal", "1.5"),
        ("decimal", True),
    ],
)
def test_a_json_value_of_another_type_does_not_hold(type_name: str, value: Any) -> None:
    assert not FORMATS[type_name].holds(value)


def test_a_uri_is_absolute_when_its_scheme_is_in_lower_case() -> None:
    assert is_absolute("https://a")
    assert is_absolute("urn:oid:1.2")
    assert not is_absolute("HTTPS://A")
    assert not is_absolute("systeme")
    assert not is_absolute("::")


def test_json_types_have_their_names() -> None:
    values = [None, True, {}, [], "a", 1, Decimal(1)]
    assert [json_type(one) for one in values] == ["null", "boolean", "object", "array", "string", "number", "number"]
