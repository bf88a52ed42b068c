from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from tests.unit.prescription.building import alerts, device, medicine, serious, service


def flagged(flag: Flag, *, holds: bool = True) -> dict:
    request = medicine()
    elements.set_flag(request, flag, holds=holds)
    return request


def test_on_a_bizone_form_each_line_says_whether_it_belongs_to_the_long_term_illness() -> None:
    upper = flagged(Flag.LONG_TERM_ILLNESS)
    assert serious(upper, medicine()) == {"bizone": "blocking"}
    assert serious(upper, flagged(Flag.LONG_TERM_ILLNESS, holds=False)) == {}


def test_the_bizone_subtype_alone_asks_for_the_flag_too() -> None:
    assert serious(flagged(Flag.BIZONE)) == {"bizone": "blocking"}


def test_the_flag_holds_for_acts_and_devices_too() -> None:
    act, thing = service("58410-2", "http://loinc.org"), device(line_renewals=("UnsignedInt", 0))
    for request in (act, thing):
        assert serious(flagged(Flag.LONG_TERM_ILLNESS), request) == {"bizone": "blocking"}
        elements.set_flag(request, Flag.LONG_TERM_ILLNESS, holds=False)
        assert serious(flagged(Flag.LONG_TERM_ILLNESS), request) == {}


def test_without_a_long_term_illness_no_flag_is_asked() -> None:
    assert serious(medicine(), medicine()) == {}


def test_glp1_without_the_receipt_of_its_form_is_confirmed_or_not_reimbursed() -> None:
    request = medicine("A10BJ06", drafted="2025-02-01")
    assert serious(request) == {"accompaniment-form": "confirm"}
    elements.set_value(request, "accompaniment-form", "Identifier", {"value": "F-1"})
    assert serious(request) == {}
    unpaid = medicine("A10BJ06")
    elements.set_flag(unpaid, Flag.NOT_REIMBURSED)
    assert serious(unpaid) == {}


def test_no_form_was_asked_before_february_2025() -> None:
    assert serious(medicine("A10BJ06", drafted="2025-01-31")) == {}


def test_off_label_without_not_reimbursed_is_said() -> None:
    assert alerts(flagged(Flag.OFF_LABEL))["off-label"] == "information"


def test_long_term_illness_and_not_reimbursed_contradict() -> None:
    request = flagged(Flag.LONG_TERM_ILLNESS)
    elements.set_flag(request, Flag.NOT_REIMBURSED)
    assert serious(request) == {"flags": "confirm"}
