"""What is FHIRPath and what is not: precedence, literals, escapes, comments, positions of faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.fhirpath import Engine, ExpressionError

Ask = Callable[..., list[Any]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("2 + 3 * 4 - 1", [13]),
        ("(1 | 2 is Integer).count()", [2]),
        ("1 < 2 = true", [True]),
        ("'a' in 'a' | 'b'", [True]),
        ("true or true and false", [True]),
        ("false implies false implies false", [False]),
        ("1 + 1 // end", [2]),
        ("1 /* in between */ + 1", [2]),
        ("`name`.`family`", ["Dupont"]),
        ('"name".family', ["Dupont"]),
        ("'\\u00e9t\\u00e9'", ["été"]),
        ("'\\ud83d\\uDE00'", ["😀"]),
        ("'\\ud83d\\uDE00'.length()", [1]),
        ("-2147483648", [-2147483648]),
        ("'it\\'s'", ["it's"]),
        ("%ucum", ["http://unitsofmeasure.org"]),
        ("%`vs-administrative-gender`", ["http://hl7.org/fhir/ValueSet/administrative-gender"]),
        ("%vs-administrative-gender", ["http://hl7.org/fhir/ValueSet/administrative-gender"]),
        ("%'ext-patient-birthTime'", ["http://hl7.org/fhir/StructureDefinition/patient-birthTime"]),
        ("{}", []),
        ("@2024-02-29.toString()", ["2024-02-29"]),
        ("@2024T.toString()", ["2024T"]),
        ("4 days.toString()", ["4 days"]),
        ("1 day.toString()", ["1 day"]),
    ],
)
def test_an_expression_is_read_as_the_grammar_says(ask: Ask, expression: str, expected: list[Any]) -> None:
    assert ask(expression) == expected


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("", 0),
        ("1 +", 3),
        ("name.", 5),
        ("name..given", 5),
        ("(1", 2),
        ("1)", 1),
        ("'abc", 0),
        ("`abc", 0),
        ("1 /* never", 2),
        ("name[0", 6),
        ("name.where(", 11),
        ("{1}", 1),
        ("'a\\ud83d'", 2),
        ("'\\uDE00'", 1),
        ("2147483648", 0),
        ("-2147483649", 1),
        ("name #", 5),
        ("'a\\x'", 2),
        ("@2024-02-30", 0),
        ("@2024-13", 0),
        ("@T25:00", 0),
        ("@T10:00Z", 7),
        ("99999999999", 0),
        ("and", 0),
        ("a = = b", 4),
        ("$foo", 0),
        ("1 is", 4),
        ("% 1", 2),
    ],
)
def test_a_fault_of_syntax_is_refused_with_its_place(engine: Engine, expression: str, position: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        engine.compile(expression)
    assert caught.value.kind == "syntax"
    assert caught.value.position == position
    assert caught.value.text.fr.startswith("Expression FHIRPath illisible")
    assert caught.value.text.en.startswith("Unreadable FHIRPath expression")


@pytest.mark.parametrize("expression", ["foo()", "name.where()", "name.first(1)", "'a'.substring(1, 2, 3)", "now(1)"])
def test_unknown_functions_and_wrong_numbers_of_arguments_are_refused(engine: Engine, expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        engine.compile(expression)
    assert caught.value.kind == "semantic"


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "1",
        ".".join(["a"] * 5000),
        "1" + " + 1" * 5000,
        "a[0]" + "[0]" * 5000,
        "iif(true," * 5000 + "1" + ")" * 5000,
        "x" * 100_000,
    ],
    ids=["parentheses", "signs", "members", "sums", "indexes", "calls", "length"],
)
def test_an_expression_without_measure_is_refused_in_bounded_time(engine: Engine, expression: str) -> None:
    with pytest.raises(ExpressionError):
        engine.compile(expression)


def test_the_deepest_expression_that_is_read_also_runs(ask: Ask) -> None:
    assert ask("1" + " + 1" * 140) == [141]
    assert ask("(" * 70 + "name" + ")" * 70 + ".count()") == [2]
