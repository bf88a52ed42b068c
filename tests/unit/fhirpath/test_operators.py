"""Operators: equality, order, logic, arithmetic, on every kind of value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.fhirpath import EvaluationError

Ask = Callable[..., list[Any]]

EQUALITY = [
    ("1 = 1.0", [True]),
    ("1 = true", [False]),
    ("'a' = 'A'", [False]),
    ("'a b' ~ ' A  B '", [True]),
    ("name.given = ('Anne' | 'Marie' | 'Nan')", [True]),
    ("name.given = ('Marie' | 'Anne' | 'Nan')", [False]),
    ("name.given ~ ('Marie' | 'Anne' | 'Nan')", [True]),
    ("name.given = 'Anne'", [False]),
    ("name[0] = name[0]", [True]),
    ("name[0] = name[1]", [False]),
    ("name[0] ~ name[1]", [False]),
    ("photo = 1", []),
    ("photo != 1", []),
    ("photo ~ {}", [True]),
    ("photo !~ 1", [True]),
    ("active = true", [True]),
    ("gender = 'female'", [True]),
    ("gender != 'male'", [True]),
    ("0.1 + 0.2 = 0.3", [True]),
    ("1.05 ~ 1.1", [True]),
    ("address.postalCode = '69000'", []),
    ("'a' in name.given", [False]),
    ("'Nan' in name.given", [True]),
    ("{} in name.given", []),
    ("name.given contains 'Marie'", [True]),
    ("name contains name[1]", [True]),
]
LOGIC = [
    ("true and {}", []),
    ("false and {}", [False]),
    ("{} or true", [True]),
    ("{} xor true", []),
    ("{} implies true", [True]),
    ("{} implies false", []),
    ("false implies {}", [True]),
    ("true implies {}", []),
    ("gender and active", [True]),
    ("true or false and false", [True]),
    ("name.family and active", [True]),
]
MOMENTS = [
    ("birthDate = @1979-03-12", [True]),
    ("birthDate = @1979-03", []),
    ("birthDate != @1980-03", [True]),
    ("birthDate < @1979-04", [True]),
    ("birthDate <= @1979-03", []),
    ("birthDate < @1979-03-12T10:00:00Z", []),
    ("@2024-03-31T12:00:00+02:00 = @2024-03-31T10:00:00Z", [True]),
    ("@2024-03-31T12:00:00+02:00 < @2024-03-31T11:00:00Z", [True]),
    ("@2024-01-01T00:30:00+01:00 = @2023-12-31T23:30:00Z", [True]),
    ("@2024-03-31T12:00:00 = @2024-03-31T12:00:00Z", []),
    ("@2024-03-31T12:00:00 < @2024-04-02T12:00:00Z", [True]),
    ("@2024-03-31T12:00:00.000 = @2024-03-31T12:00:00", [True]),
    ("@2024-03-31T12:00 ~ @2024-03-31T12:00:00", [False]),
    ("@T10:30 < @T10:31", [True]),
    ("@T10:30 = @T10", []),
    ("@T10:30 = @2024-01-01", [False]),
    ("@2024-01-31 + 1 month", ["2024-02-29"]),
    ("@2024-02-29 + 1 year", ["2025-02-28"]),
    ("@2024-02-29 - 1 day", ["2024-02-28"]),
    ("@2024-12-31T23:59:59.500Z + 1 second", ["2025-01-01T00:00:00.500Z"]),
    ("@2024-01-01T00:00:00-05:00 - 1 hour", ["2023-12-31T23:00:00-05:00"]),
    ("@2024-01 + 40 days", ["2024-02"]),
    ("@2024 + 13 months", ["2025"]),
    ("@2024-01-01 + 36 hours", ["2024-01-02"]),
    ("@T23:30 + 1 hour", ["00:30"]),
    ("@T10:00:00 + 1.5 seconds", ["10:00:01"]),
    ("@9999-12-31 + 1 day", []),
    ("@0001-01-01 - 1 day", []),
    ("@2024-01-31 + 2 weeks", ["2024-02-14"]),
]
QUANTITIES = [
    ("1 'g' = 1000 'mg'", [True]),
    ("1 'g' < 1001 'mg'", [True]),
    ("1 'g' = 1 'mL'", []),
    ("1 'g' < 1 'mL'", []),
    ("1 year = 12 months", [True]),
    ("1 year = 1 'a'", []),
    ("1 year ~ 1 'a'", [True]),
    ("1 week = 7 days", [True]),
    ("1 day = 24 'h'", [True]),
    ("1 'g' + 500 'mg' = 1.5 'g'", [True]),
    ("1 'g' - 500 'mg' = 500 'mg'", [True]),
    ("2 'mg' * 3", ["6 'mg'"]),
    ("6 'mg' / 2", ["3 'mg'"]),
    ("10 'mg' / 2 'mL' = 5 'mg/mL'", [True]),
    ("10 'mg' / 0", []),
    ("1 'mg' + 1 'mL'", []),
    ("37 'Cel' = 98.6 '[degF]'", [True]),
    ("extension.value.ofType(Quantity) > 4 'mg'", []),
    ("extension.value.ofType(Quantity).value > 4", [True]),
    ("-(5 'mg') = -5 'mg'", [True]),
]
ARITHMETIC = [
    ("1 + 2 * 3", [7]),
    ("(1 + 2) * 3", [9]),
    ("7 div 2", [3]),
    ("-7 div 2", [-3]),
    ("-7 mod 2", [-1]),
    ("7.5 mod 2", ["1.5"]),
    ("1 / 3 * 3 ~ 1", [True]),
    ("1 / 0", []),
    ("1 div 0", []),
    ("1 mod 0", []),
    ("'a' + 'b'", ["ab"]),
    ("'a' + {}", []),
    ("'a' & {}", ["a"]),
    ("+5", [5]),
    ("-telecom[0].rank", [-2]),
    ("telecom[0].rank * 2147483647", []),
    ("telecom[0].rank + 0.5", ["2.5"]),
]


@pytest.mark.parametrize(("expression", "expected"), [*EQUALITY, *LOGIC, *MOMENTS, *ARITHMETIC, *QUANTITIES])
def test_an_operator_gives_what_its_definition_says(ask: Ask, expression: str, expected: list[Any]) -> None:
    assert ask(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "name.given < 'a'",
        "1 < 'a'",
        "true < false",
        "@T10:30 < @2024-01-01",
        "'a' - 'b'",
        "'a' * 2",
        "-'a'",
        "+true",
        "@2024-01-01 + 1",
        "@2024-01-01 + 1 'mg'",
        "@2024-01-01 + 1 'mo'",
        "@T10:00 + 1 day",
        "1 & 'a'",
        "name.given and true",
        "name.given in ('a' | 'b')",
        "(1 | 2) + 1",
    ],
)
def test_operands_that_do_not_go_together_fail(ask: Ask, expression: str) -> None:
    with pytest.raises(EvaluationError):
        ask(expression)


def test_text_that_grows_without_end_fails(ask: Ask) -> None:
    doubled = "(" + "|".join(str(number) for number in range(40)) + ").aggregate($total & $total, 'xxxxxxxx')"
    with pytest.raises(EvaluationError):
        ask(doubled)


def test_decimals_keep_the_digits_that_they_were_written_with(ask: Ask) -> None:
    from fhirserver import jsontext  # noqa: PLC0415 - for this test alone

    resource = jsontext.read(
        b'{"resourceType":"Observation","status":"final","code":{},"valueQuantity":{"value":1.50,"unit":"g"}}'
    )
    assert ask("value.value.toString()", resource) == ["1.50"]
    assert ask("value.value.precision()", resource) == [2]
    assert ask("value.value = 1.5", resource) == [True]
