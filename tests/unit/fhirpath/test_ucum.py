"""UCUM: which codes are units, what they are in base units, which of them compare."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.fhirpath import ucum
from fhirserver.fhirpath.values import ucum_units

CODES = [line.split(" ")[0] for line in ucum_units.UNITS.splitlines()]


@pytest.mark.parametrize("code", CODES)
def test_every_unit_of_the_table_is_valid_and_has_a_canonical_form(code: str) -> None:
    assert ucum.valid(code)
    assert ucum.canonical(Decimal(1), code) is not None


@pytest.mark.parametrize(
    "code",
    ["mg", "{tablet}", "mg{total}", "10*3/uL", "10^9/L", "/min", "mm[Hg]", "mL/min/{1.73_m2}", "k[iU]/L", "kg.m/s2",
     "m2", "s-1", "((mg)/d).s2", "1", "%", "[degF]", "dB[SPL]", "g/(8.h)", "umol/(24.h)", "cm[H2O]", "[IU]/mL"],
)  # fmt: skip
def test_units_in_use_are_valid(code: str) -> None:
    assert ucum.valid(code)


@pytest.mark.parametrize(
    "code",
    ["", " ", "mg ", "foo", "mcg", "cc3x", "mg//L", "mg/", ".mg", "2mg", "mg{", "{a}{b}", "K[iU]", "µg", "k%", "(mg",
     "mg)", "[s]", "m+", "comprimé", "mg\n", "10*" + "9" * 9, "(" * 50 + "m" + ")" * 50, "m" * 500, "{é}"],
)  # fmt: skip
def test_other_texts_are_no_units(code: str) -> None:
    assert not ucum.valid(code)
    assert ucum.canonical(Decimal(1), code) is None


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        ("1.50", "mg", ("0.0015", "g")),
        ("4000", "/mm3", ("4E+12", "m-3")),
        ("4", "10*9/L", ("4E+12", "m-3")),
        ("120", "mm[Hg]", ("15998640", "g.m-1.s-2")),
        ("37", "Cel", ("310.15", "K")),
        ("98.6", "[degF]", ("310.15", "K")),
        ("1", "[in_i]", ("0.0254", "m")),
        ("1", "[lb_av]", ("453.59237", "g")),
        ("1", "a", ("31557600", "s")),
        ("5", "[iU]/mL", ("5000000", "[iU].m-3")),
        ("7.4", "[pH]", ("7.4", "[pH]")),
        ("3", "{tablet}", ("3", "1")),
        ("1", "%", ("0.01", "1")),
        ("2", "kW.h", ("7.2E+9", "g.m2.s-2")),
    ],
)
def test_a_value_is_taken_to_base_units_exactly(value: str, code: str, expected: tuple[str, str]) -> None:
    number, unit = expected
    assert ucum.canonical(Decimal(value), code) == (Decimal(number), unit)


@pytest.mark.parametrize(
    ("left", "right", "comparable"),
    [("mg", "kg", True), ("mg", "mL", False), ("mL", "cm3", True), ("[iU]", "[arb'U]", False), ("[iU]", "[IU]", True),
     ("mg", "foo", False), ("Cel", "K", True), ("/min", "Hz", True)],
)  # fmt: skip
def test_units_compare_that_measure_the_same(left: str, right: str, comparable: object) -> None:
    assert ucum.comparable(left, right) is comparable


def test_products_and_quotients_have_canonical_units() -> None:
    assert ucum.combined("m", "m") == "m2"
    assert ucum.combined("g", "L", divide=True) == "g.m-3"
    assert ucum.combined("m", "m", divide=True) == "1"
    assert ucum.combined("foo", "m") is None


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    known = ucum.canonical(Decimal(1), text)
    assert ucum.valid(text) is (known is not None)


@settings(deadline=None)
@given(st.sampled_from(CODES), st.sampled_from(["", "m", "k", "da"]), st.integers(-5, 5).filter(bool))
def test_a_canonical_unit_is_itself_a_unit_of_the_same_dimension(code: str, prefix: str, power: int) -> None:
    unit = f"{prefix}{code}"
    if not ucum.valid(unit) or code[-1] in "0123456789*^":
        return
    raised = f"{unit}{power}"
    if not ucum.valid(raised):
        return
    canonical = ucum.canonical(Decimal(1), raised)
    assert canonical is not None
    assert ucum.comparable(raised, canonical[1])
