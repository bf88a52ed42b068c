from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.prescription.french.words import number, says


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "zéro"), (1, "un"), (16, "seize"), (17, "dix-sept"), (20, "vingt"), (21, "vingt et un"),
        (22, "vingt-deux"), (31, "trente et un"), (70, "soixante-dix"), (71, "soixante et onze"),
        (77, "soixante-dix-sept"), (80, "quatre-vingts"), (81, "quatre-vingt-un"), (91, "quatre-vingt-onze"),
        (99, "quatre-vingt-dix-neuf"), (100, "cent"), (101, "cent un"), (200, "deux cents"), (203, "deux cent trois"),
        (1000, "mille"), (2000, "deux mille"), (80_000, "quatre-vingt mille"), (200_000, "deux cent mille"),
        (100_000, "cent mille"), (1_000_000, "un million"), (3_000_021, "trois millions vingt et un"),
        ("0.5", "un demi"), ("0.25", "un quart"), ("1.5", "un et demi"), ("2.05", "deux virgule zéro cinq"),
        ("7.25", "sept virgule vingt-cinq"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_french_does(value: float | str, expected: str) -> None:
    assert number(Decimal(value)) == expected


def test_one_agrees_with_what_is_counted() -> None:
    assert number(1, feminine=True) == "une"
    assert number(21, feminine=True) == "vingt et une"
    assert number(Decimal("1.5"), feminine=True) == "une et demie"


@given(st.integers(0, 10**12 - 1), st.integers(0, 10**12 - 1))
def test_different_numbers_are_written_differently(left: int, right: int) -> None:
    assert (number(left) == number(right)) == (left == right)


@pytest.mark.parametrize("value", [-1, 10**12])
def test_what_cannot_be_read_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=str(value)):
        number(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Vingt et une gélules", 21),
        ("QUATRE-VINGTS mg", 80),
        ("dix sept jours", 17),
        ("un demi-comprimé", Decimal("0.5")),
    ],
)
def test_a_text_says_its_number_whatever_its_case_and_hyphens(text: str, value: Decimal) -> None:
    assert says(text, value)


def test_a_text_that_says_another_number_does_not_say_this_one() -> None:
    assert not says("deux comprimés", 1)
    assert not says("dix-huit jours", 28)
    assert not says("vingt-deux gélules", 2)
    assert not says("vingt et une gélules", 20)
