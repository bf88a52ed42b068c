from datetime import date

from fhirserver.prescription.lines import day
from fhirserver.prescription.rules.calendar import age, days_after, months_after


def test_three_months_end_on_the_same_day_of_the_month() -> None:
    assert months_after(date(2026, 1, 15), 3) == date(2026, 4, 15)


def test_a_month_without_such_a_day_ends_on_its_last_day() -> None:
    assert months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert months_after(date(2026, 8, 31), 1) == date(2026, 9, 30)


def test_twelve_months_from_29_february_end_on_28_february() -> None:
    assert months_after(date(2028, 2, 29), 12) == date(2029, 2, 28)


def test_days_are_calendar_days_across_both_changes_of_the_clock() -> None:
    assert days_after(date(2026, 3, 27), 3) == date(2026, 3, 30)
    assert days_after(date(2026, 10, 24), 3) == date(2026, 10, 27)


def test_a_child_is_six_on_the_birthday_and_not_the_day_before() -> None:
    assert age(date(2020, 3, 10), date(2026, 3, 9)) == 5
    assert age(date(2020, 3, 10), date(2026, 3, 10)) == 6


def test_who_was_born_on_29_february_is_a_year_older_on_1_march() -> None:
    assert age(date(2020, 2, 29), date(2026, 2, 28)) == 5
    assert age(date(2020, 2, 29), date(2026, 3, 1)) == 6


def test_the_day_of_an_instant_is_that_of_paris() -> None:
    assert day("2026-01-05T22:59:59Z") == date(2026, 1, 5)
    assert day("2026-01-05T23:00:00Z") == date(2026, 1, 6)
    assert day("2026-07-05T21:59:59Z") == date(2026, 7, 5)
    assert day("2026-07-05T22:00:00Z") == date(2026, 7, 6)
    assert day("2026-01-05T23:30:00-05:00") == date(2026, 1, 6)


def test_around_the_change_of_the_clock_the_day_of_paris_holds() -> None:
    assert day("2026-03-28T23:30:00Z") == date(2026, 3, 29)
    assert day("2026-03-29T22:30:00Z") == date(2026, 3, 30)
    assert day("2026-10-24T22:30:00Z") == date(2026, 10, 25)
    assert day("2026-10-25T22:30:00Z") == date(2026, 10, 25)


def test_less_than_a_day_is_no_day() -> None:
    assert day("2026-01") is None
    assert day("2026") is None
    assert day(None) is None
    assert day("2026-13-45") is None
