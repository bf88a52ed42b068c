from datetime import date

import pytest

from fhirserver.prescription.rules.validity import envelope, purge_day, window
from tests.unit.prescription.building import TABLES, device, line, medicine, service

PARACETAMOL = "3400892169026"
UCD = "http://data.esante.gouv.fr/ansm/medicament/UCD"


def test_a_listed_medicine_starts_within_three_months_and_ends_within_twelve() -> None:
    opened = window(line(medicine(drafted="2026-01-15")), TABLES)
    assert (opened.first, opened.last_start, opened.last) == (date(2026, 1, 15), date(2026, 4, 15), date(2027, 1, 15))
    assert opened.open(date(2026, 4, 15), begun=False)
    assert opened.ended(date(2026, 4, 16), begun=False)
    assert opened.open(date(2026, 4, 16), begun=True)
    assert opened.open(date(2027, 1, 15), begun=True)
    assert opened.ended(date(2027, 1, 16), begun=True)


def test_drafted_just_before_midnight_in_paris_counts_from_that_day() -> None:
    assert window(line(medicine(drafted="2026-01-14T22:59:00Z")), TABLES).last_start == date(2026, 4, 14)
    assert window(line(medicine(drafted="2026-01-14T23:00:00Z")), TABLES).last_start == date(2026, 4, 15)


def test_drafted_on_a_leap_day_ends_on_28_february() -> None:
    assert window(line(medicine(drafted="2028-02-29")), TABLES).last == date(2029, 2, 28)


@pytest.mark.parametrize("request_", [service("58410-2", "http://loinc.org"), device()])
def test_acts_and_devices_have_no_such_end(request_: dict) -> None:
    opened = window(line(request_), TABLES)
    assert opened.last is None
    assert not opened.ended(date(2036, 1, 1), begun=False)


def test_a_medicine_on_no_list_has_no_such_end() -> None:
    assert window(line(medicine(PARACETAMOL, system=UCD)), TABLES).last is None


def test_the_prescribers_own_end_holds_when_it_comes_first() -> None:
    request = medicine(drafted="2026-01-15")
    request["dispenseRequest"]["validityPeriod"] = {"end": "2026-02-28"}
    opened = window(line(request), TABLES)
    assert opened.last == opened.last_start == date(2026, 2, 28)


def test_a_later_start_moves_the_first_day() -> None:
    request = medicine(drafted="2026-01-15")
    request["dispenseRequest"]["validityPeriod"] = {"start": "2026-02-01"}
    opened = window(line(request), TABLES)
    assert opened.first == date(2026, 2, 1)
    assert not opened.open(date(2026, 1, 31), begun=False)
    assert opened.last_start == date(2026, 5, 1)


def test_the_envelope_ends_with_the_last_line_and_never_where_one_line_has_no_end() -> None:
    early, late = line(medicine(drafted="2026-01-15")), line(medicine(drafted="2026-02-15"))
    assert envelope((early, late), TABLES) == (date(2026, 1, 15), date(2027, 2, 15))
    assert envelope((early, line(device())), TABLES)[1] is None


def test_data_are_kept_five_years_from_drafting() -> None:
    assert purge_day(date(2026, 1, 15), TABLES) == date(2031, 1, 15)
    assert purge_day(date(2028, 2, 29), TABLES) == date(2033, 2, 28)
