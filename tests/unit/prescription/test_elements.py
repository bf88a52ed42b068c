from datetime import date

import pytest

from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag, InWords, Setting
from tests.unit.prescription.building import device, medicine, service, spelled

OFFICIAL = "https://smt.esante.gouv.fr/terminologie-cisis"


@pytest.mark.parametrize("flag", list(Flag))
def test_every_flag_is_read_where_it_was_set_on_a_medicine(flag: Flag) -> None:
    request = medicine()
    elements.set_flag(request, flag)
    assert flag in elements.flags(request)


@pytest.mark.parametrize("flag", sorted({*elements.BY_EXTENSION, *elements.SUBTYPES} - {Flag.OVERLAP}))
@pytest.mark.parametrize("make", [device, lambda: service("58410-2", "http://loinc.org")])
def test_flags_of_every_line_are_read_where_they_were_set_on_acts_and_devices(flag: Flag, make: object) -> None:
    request = make()
    elements.set_flag(request, flag)
    assert elements.flags(request) == {flag}


def test_a_flag_set_twice_stands_once() -> None:
    request = medicine()
    for holds in (True, False):
        elements.set_flag(request, Flag.LONG_TERM_ILLNESS, holds=holds)
    assert len(request["extension"]) == 1
    assert elements.stated(request) == {Flag.LONG_TERM_ILLNESS: False}


def test_device_requests_have_no_category() -> None:
    request = device()
    elements.set_flag(request, Flag.LARGE_EQUIPMENT)
    assert "category" not in request


def test_a_subtype_counts_under_its_systems_only() -> None:
    concept = {"coding": [{"system": OFFICIAL, "code": "MED-1098"}]}
    assert elements.flags(medicine(category=[concept])) == {Flag.SECURED}
    other = {"coding": [{"system": "http://example.org", "code": "MED-1098"}]}
    assert elements.flags(medicine(category=[other])) == frozenset()


@pytest.mark.parametrize("priority", ["urgent", "asap", "stat"])
def test_an_urgent_priority_is_an_urgent_prescription(priority: str) -> None:
    assert elements.flags(medicine(priority=priority)) == {Flag.URGENT}
    assert elements.flags(medicine(priority="routine")) == frozenset()


def test_the_french_core_extension_says_not_reimbursed_too() -> None:
    request = medicine(extension=[{"url": elements.NOT_COVERED, "valueBoolean": True}])
    assert elements.flags(request) == {Flag.NOT_REIMBURSED}


def test_what_is_no_boolean_is_no_flag() -> None:
    request = medicine(extension=[{"url": elements.url("prevention"), "valueString": "oui"}])
    assert elements.stated(request) == {}


def test_mentions_in_words_are_read_by_their_part_and_empty_ones_are_none() -> None:
    request = spelled(medicine(), dose="un comprimé", duration="  ")
    assert elements.in_words(request) == {InWords.DOSE: "un comprimé"}
    assert elements.in_words(medicine()) == {}


@pytest.mark.parametrize(
    ("substitution", "expected"),
    [
        ({}, (False, None)),
        ({"allowedBoolean": True}, (False, None)),
        ({"allowedBoolean": False}, (True, None)),
        ({"allowedBoolean": False, "reason": {"text": "mte"}}, (True, "MTE")),
        ({"allowedBoolean": False, "reason": {"text": "EFG - enfant"}}, (True, "EFG")),
        ({"allowedBoolean": False, "reason": {"coding": [{"code": "CIF"}]}}, (True, "CIF")),
        ({"allowedCodeableConcept": {"coding": [{"code": "N"}]}}, (True, None)),
    ],
)
def test_not_substitutable_is_read_with_its_reason(substitution: dict, expected: tuple) -> None:
    assert elements.no_substitution(medicine(substitution=substitution)) == expected


def test_the_days_of_a_scheduled_surgery() -> None:
    request = medicine()
    assert elements.surgery(request) is None
    elements.set_value(request, "scheduled-surgery", "Period", {"start": "2026-06-20"})
    assert elements.surgery(request) == (date(2026, 6, 20), date(2026, 6, 20))


def test_where_it_is_executed_is_unknown_unless_said() -> None:
    assert elements.execution_setting(medicine()) is None
    request = device()
    elements.set_value(request, "execution-setting", "Code", "hospital")
    assert elements.execution_setting(request) is Setting.HOSPITAL
