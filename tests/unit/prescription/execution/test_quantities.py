from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.prescription.execution.quantities import (
    Amount,
    added,
    converted,
    covered_days,
    duration_days,
    factor,
    is_counted,
    prescribed_days,
    prescribed_quantity,
    read_amount,
)
from tests.unit.prescription.building import days, dosage, tablets

UCUM = "http://unitsofmeasure.org"
EDQM = "http://standardterms.edqm.eu"
values = st.decimals(min_value=Decimal("0.01"), max_value=10000, places=2)


def measure(value: str, code: str) -> Amount:
    return Amount(Decimal(value), code, UCUM, code)


def computed(*dosages: dict[str, Any], lasting: int | None = None, start: date | None = None) -> Amount | None:
    return prescribed_quantity(dosages, lasting, start)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (measure("1", "g"), measure("1", "mg"), 1000),
        (measure("1", "mg"), measure("1", "g"), Fraction(1, 1000)),
        (measure("1", "mg"), measure("1", "mL"), None),
        (measure("1", "{tablet}"), measure("1", "1"), 1),
        (measure("1", "{tablet}"), measure("1", "{capsule}"), None),
        (Amount(Decimal(1), "Comprimé", EDQM, "15054000"), Amount(Decimal(1), "cp", EDQM, "15054000"), 1),
        (Amount(Decimal(1), "Comprimé", EDQM, "15054000"), Amount(Decimal(1), "comprimé(s)"), 1),
        (Amount(Decimal(1), "Gélule"), Amount(Decimal(1), "gelules"), 1),
        (Amount(Decimal(1), "comprimé"), Amount(Decimal(1), "gélule"), None),
        (Amount(Decimal(1), "comprimé"), measure("1", "mg"), None),
        (Amount(Decimal(1), "mois"), Amount(Decimal(1), "mois", UCUM, "mo"), 1),
    ],
)
def test_units_compare_as_ucum_as_equal_codes_or_as_equal_words(
    left: Amount, right: Amount, expected: Fraction | None
) -> None:
    assert factor(left, right) == expected


def test_a_quantity_keeps_its_digits() -> None:
    amount = read_amount({"value": Decimal("0.10"), "unit": "mg"})
    assert amount is not None
    assert amount.quantity() == {"value": Decimal("0.10"), "unit": "mg"}
    assert read_amount({"unit": "mg"}) is None
    assert read_amount(None) is None


@given(st.lists(values, min_size=1, max_size=20))
def test_a_sum_in_tablets_is_exact(parts: list[Decimal]) -> None:
    total = added([tablets(part) for part in parts])
    assert total is not None
    assert total.value == sum(parts)


@given(values)
def test_there_and_back_between_milligrams_and_grams_loses_nothing(value: Decimal) -> None:
    there = converted(Amount(value, "mg", UCUM, "mg"), measure("1", "g"))
    assert there is not None
    back = converted(there, measure("1", "mg"))
    assert back is not None
    assert back.value == value


def test_amounts_that_cannot_be_compared_have_no_sum() -> None:
    assert added([tablets(1), measure("1", "mg")]) is None


@given(
    dose=st.integers(1, 10),
    times=st.integers(1, 12),
    length=st.integers(1, 365),
)
def test_so_many_times_a_day_for_so_many_days_is_their_product(dose: int, times: int, length: int) -> None:
    amount = computed(dosage(dose, frequency=times, period=1, periodUnit="d"), lasting=length)
    assert amount is not None
    assert amount.value == dose * times * length


@given(hours=st.integers(1, 48), length=st.integers(1, 60))
def test_every_so_many_hours_counts_a_begun_interval(hours: int, length: int) -> None:
    amount = computed(dosage(1, frequency=1, period=hours, periodUnit="h"), lasting=length)
    assert amount is not None
    assert amount.value * hours >= 24 * length > (amount.value - 1) * hours


@given(dose=st.integers(1, 5), times=st.integers(1, 6), amount=st.integers(1, 500))
def test_what_an_amount_covers_is_what_the_posology_takes_in_those_days(dose: int, times: int, amount: int) -> None:
    posology = dosage(dose, frequency=times, period=1, periodUnit="d")
    covered = covered_days(tablets(amount), [posology], None)
    assert covered is not None
    assert (covered - 1) * dose * times < amount <= covered * dose * times


def test_moments_of_the_day_are_intakes() -> None:
    amount = computed(dosage(2, when=["MORN", "NOON"], timeOfDay=["16:00:00"]), lasting=10)
    assert amount == tablets(60)


def test_one_patch_every_72_hours_for_14_days_comes_to_five() -> None:
    assert computed(dosage(1, "patch", frequency=1, period=72, periodUnit="h"), lasting=14) == Amount(
        Decimal(5), "patch"
    )


def test_certain_days_of_the_week_are_counted_on_the_calendar() -> None:
    weekly = dosage(1, dayOfWeek=["mon"])
    assert computed(weekly, lasting=8, start=date(2026, 1, 5)) == tablets(2)
    assert computed(weekly, lasting=8, start=date(2026, 1, 6)) == tablets(1)
    assert computed(weekly, lasting=28) == tablets(4)
    assert computed(weekly, lasting=8) is None


def test_as_needed_comes_to_the_most_that_is_allowed() -> None:
    most = {"numerator": {"value": 3, "unit": "comprimé"}, "denominator": days(1)}
    taken = {**dosage(1, frequencyMax=6, period=1, periodUnit="d"), "asNeededBoolean": True, "maxDosePerPeriod": most}
    assert computed(taken, lasting=5) == tablets(15)


def test_a_range_comes_to_its_larger_end() -> None:
    posology = {
        "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [
            {"doseRange": {"low": {"value": 1, "unit": "comprimé"}, "high": {"value": 2, "unit": "comprimé"}}}
        ],
    }
    assert computed(posology, lasting=5) == tablets(20)


@pytest.mark.parametrize(("dose", "expected"), [(0.333333, "10"), (0.667, "20"), (0.125, "3.75"), (0.3, "9")])
def test_a_third_of_a_tablet_written_out_is_a_third(dose: float, expected: str) -> None:
    total = computed(dosage(dose), lasting=30)
    assert total is not None
    assert total.value == Decimal(expected)


def test_steps_that_follow_each_other_are_added() -> None:
    first = {**dosage(2, frequency=1, period=1, periodUnit="d", boundsDuration=days(3)), "sequence": 1}
    then = {**dosage(1, frequency=1, period=1, periodUnit="d", boundsDuration=days(7)), "sequence": 2}
    assert computed(first, then) == tablets(13)
    assert prescribed_days(None, [first, then]) == 10


def test_doses_at_different_moments_of_one_step_share_its_days() -> None:
    morning = {**dosage(1, when=["MORN"], boundsDuration=days(5)), "sequence": 1}
    evening = {**dosage(2, when=["EVE"], boundsDuration=days(5)), "sequence": 1}
    assert computed(morning, evening) == tablets(15)
    assert prescribed_days(None, [morning, evening]) == 5


def test_a_timing_that_has_but_a_code_is_counted_by_what_it_means() -> None:
    abbreviation = {"system": "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation", "code": "TID"}
    dosages = [dosage(1, boundsDuration=days(7)), dosage(1, boundsDuration=days(7), when=["HS"])]
    for each in dosages:
        each["timing"]["code"] = {"coding": [abbreviation]}
    assert computed(dosages[0]) == tablets(21)
    assert computed(dosages[1]) == tablets(7)
    del dosages[0]["timing"]["code"]["coding"][0]["system"]
    assert computed(dosages[0]) is None


def test_a_period_of_days_counts_its_first_and_last_day() -> None:
    period = {"start": "2026-01-05", "end": "2026-01-09"}
    assert prescribed_days(None, [dosage(1, boundsPeriod=period, frequency=1, period=1, periodUnit="d")]) == 5


@pytest.mark.parametrize(
    "posology",
    [
        dosage(1, frequency=1),
        {"text": "selon besoin"},
        {**dosage(1), "doseAndRate": [{"rateQuantity": {"value": 5, "unit": "mL/h"}}]},
        {**dosage(1), "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mg/kg"}}]},
    ],
)
def test_what_the_posology_leaves_open_is_not_guessed(posology: dict[str, Any]) -> None:
    assert computed(posology, lasting=5) is None


def test_without_a_duration_nothing_can_be_computed() -> None:
    assert computed(dosage(1, frequency=1, period=1, periodUnit="d")) is None
    assert prescribed_days(None, [dosage(1, frequency=1, period=1, periodUnit="d")]) is None


def test_a_stated_duration_decides_over_the_posology() -> None:
    posology = dosage(1, boundsDuration=days(5), frequency=1, period=1, periodUnit="d")
    assert prescribed_days(days(30), [posology]) == 30


@pytest.mark.parametrize(("value", "code", "expected"), [(2, "wk", 14), (1, "mo", 30), (36, "h", 2), (1, "a", 365)])
def test_durations_are_whole_days(value: int, code: str, expected: int) -> None:
    assert duration_days({"value": value, "code": code}) == expected


def test_a_duration_in_no_unit_of_time_is_none() -> None:
    assert duration_days({"value": 3, "code": "mg"}) is None


def test_tablets_are_counted_and_milligrams_are_not() -> None:
    assert is_counted(tablets(1))
    assert is_counted(measure("1", "{tablet}"))
    assert not is_counted(measure("1", "mg"))
