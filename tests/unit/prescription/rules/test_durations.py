from datetime import date
from typing import Any

import pytest

from fhirserver.prescription.rules.course import renewals
from tests.unit.prescription.building import TABLES, UCD, alerts, line, medicine, serious, spelled

SMS = "http://data.esante.gouv.fr/ansm/medicament/codeSMS"
WORDS = {
    "strength": "dix milligrammes",
    "dose": "un comprimé",
    "intakes": "une fois par jour",
    "posology": "un comprimé une fois par jour",
    "duration": "selon mention",
}


def long(code: str, lasting: int, renewed: int = 0, drafted: str = "2026-01-05") -> dict[str, str]:
    request = spelled(medicine(code, lasting=lasting, renewals=renewed, drafted=drafted), **WORDS)
    request["dispenseRequest"]["performer"] = {"reference": "Organization/1"}
    found = serious(request, on=date(2026, 1, 5))
    return {rule: level for rule, level in found.items() if rule in ("maximum-duration", "renewals")}


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("N05CF01", 28),  # zopiclone: hypnotic
        ("N05CF02", 28),  # zolpidem
        ("N05BA12", 84),  # alprazolam: anxiolytic
        ("N03AE01", 84),  # clonazepam by mouth
        ("N02AX02", 84),  # tramadol
        ("N02AJ06", 84),  # codeine
        ("N02AA08", 84),  # dihydrocodeine
        ("N07BC01", 28),  # buprenorphine
        ("N07BC02", 14),  # methadone
        ("N06AX14", 28),  # tianeptine
        ("N02BF02", 183),  # pregabalin
        ("N02AA05", 28),  # oxycodone: narcotic
        ("C07AB07", 366),  # any other of list I
    ],
)
def test_each_class_has_its_longest_duration(code: str, most: int) -> None:
    assert long(code, most) == {}
    assert long(code, most + 1) == {"maximum-duration": "blocking"}


def test_maximum_durations_count_the_renewals() -> None:
    assert long("N05BA12", 28, renewed=2) == {}
    assert long("N05BA12", 28, renewed=3) == {"maximum-duration": "blocking"}
    assert long("N02AX02", 42, renewed=1) == {}
    assert long("N02AX02", 43, renewed=1) == {"maximum-duration": "blocking"}


def test_tramadol_and_codeine_are_limited_to_twelve_weeks_from_march_2025() -> None:
    assert long("N02AX02", 90, drafted="2025-02-28") == {}
    assert long("N02AX02", 90, drafted="2025-03-01") == {"maximum-duration": "blocking"}
    assert long("N02AJ06", 180, drafted="2025-02-28T22:59:59Z") == {}
    assert long("N02AJ06", 180, drafted="2025-02-28T23:00:00Z") == {"maximum-duration": "blocking"}


def test_a_limited_medicine_whose_duration_cannot_be_computed_is_to_be_confirmed() -> None:
    request = medicine("N05BA12", lasting=None, dosageInstruction=[{"text": "selon besoin"}])
    request["dispenseRequest"]["quantity"] = {"value": 30, "unit": "comprimé"}
    assert serious(request) == {"maximum-duration": "confirm"}


def test_a_stated_quantity_gives_the_duration_by_its_daily_amount() -> None:
    request = medicine("N05CF01", lasting=None)
    request["dispenseRequest"]["quantity"] = {"value": 28, "unit": "comprimé"}
    assert serious(request) == {}
    request["dispenseRequest"]["quantity"]["value"] = 29
    assert serious(request) == {"maximum-duration": "blocking"}


def counting(code: str, quantity: int, lasting: int, **changes: Any) -> dict[str, Any]:
    request = medicine(code, lasting=lasting, **changes)
    request["dispenseRequest"]["quantity"] = {"value": quantity, "unit": "comprimé"}
    return request


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (counting("N02AA05", 28, 28), {}),  # oxycodone, one a day
        (counting("N02AA05", 100, 28), {"maximum-duration": "blocking"}),
        (counting("N02AA05", 14, 7), {"quantity": "confirm"}),
        (counting("N05CF01", 28, 28), {}),  # zopiclone
        (counting("N05CF01", 56, 28), {"maximum-duration": "confirm"}),
        (counting("N05BA12", 30, 28, renewals=2), {}),
        (counting("MV00000531", 90, 84, system=SMS), {}),  # diazepam in packs of 30
        (counting("MV00000531", 120, 84, system=SMS), {"maximum-duration": "confirm"}),
        (counting("C07AB07", 30, 28), {}),
    ],
)
def test_a_quantity_does_not_outlast_what_is_written_and_allowed(request_: dict, expected: dict) -> None:
    found = serious(request_)
    assert {rule: level for rule, level in found.items() if rule in ("quantity", "maximum-duration")} == expected


def test_a_quantity_of_many_times_the_duration_is_told() -> None:
    assert alerts(counting("C07AB07", 300, 30))["quantity"] == "information"
    assert "quantity" not in alerts(counting("C07AB07", 50, 30))


def test_narcotics_are_never_renewed() -> None:
    assert long("N02AA05", 7, renewed=1) == {"renewals": "blocking"}


def test_what_list_two_implies_is_said() -> None:
    request = medicine("3400892402437", system=UCD, renewals=None)
    assert alerts(request)["renewals"] == "information"
    assert renewals(line(request), TABLES) == 12


def test_renewals_of_list_one_are_as_written() -> None:
    assert renewals(line(medicine(renewals=None)), TABLES) == 0
    assert renewals(line(medicine(renewals=3)), TABLES) == 3


def test_a_prescription_that_nothing_can_be_delivered_of_any_more_is_told() -> None:
    assert "validity" not in alerts(medicine(drafted="2025-10-05"))
    assert alerts(medicine(drafted="2025-10-04"))["validity"] == "information"
