from dataclasses import replace
from datetime import date

import pytest

from fhirserver.prescription import elements
from fhirserver.prescription.elements import CATEGORY_SYSTEM, Flag
from tests.unit.prescription.building import ADULT, alerts, medicine, serious, service


def placed(code: str) -> dict:
    return medicine(category=[{"coding": [{"system": CATEGORY_SYSTEM, "code": code}]}])


def test_what_is_executed_inside_the_hospital_is_out_of_scope() -> None:
    assert serious(placed("inpatient")) == {"hospital": "blocking"}


@pytest.mark.parametrize("code", ["discharge", "outpatient", "community"])
def test_a_hospitals_prescription_for_the_city_is_accepted(code: str) -> None:
    assert serious(placed(code)) == {}


def test_an_act_says_it_by_extension() -> None:
    act = service("58410-2", "http://loinc.org")
    elements.set_value(act, "execution-setting", "Code", "hospital")
    assert serious(act) == {"hospital": "blocking"}
    elements.set_value(act, "execution-setting", "Code", "city")
    assert serious(act) == {}


def test_all_lines_are_for_one_patient_by_one_prescriber() -> None:
    assert serious(medicine(), medicine(subject={"reference": "Patient/2"})) == {"one-patient": "blocking"}
    assert serious(medicine(), medicine(requester={"reference": "Practitioner/2"})) == {"one-prescriber": "blocking"}
    assert alerts(medicine(), medicine(drafted="2026-01-04"))["one-date"] == "information"


def test_the_patients_opposition_holds_for_all_lines_or_for_none() -> None:
    opposed = medicine()
    elements.set_flag(opposed, Flag.OPPOSITION)
    assert serious(opposed, medicine()) == {"flags": "blocking"}
    assert serious(opposed, opposed) == {}


def test_a_medicine_of_abortion_says_whether_it_is_for_one() -> None:
    request = medicine("G03XB01", lasting=1)
    assert serious(request) == {"pregnancy-termination": "confirm"}
    for holds in (True, False):
        elements.set_flag(request, Flag.PREGNANCY_TERMINATION, holds=holds)
        assert serious(request) == {}


def test_the_secret_of_a_minor_ends_on_the_eighteenth_birthday() -> None:
    request = medicine()
    elements.set_flag(request, Flag.MINOR_SECRET)
    assert serious(request, patient=replace(ADULT, birth_date=date(2008, 1, 6))) == {}
    assert serious(request, patient=replace(ADULT, birth_date=date(2008, 1, 5))) == {"minor-secret": "blocking"}
