from dataclasses import replace
from datetime import date

import pytest

from tests.unit.prescription.building import ADULT, UCD, medicine, serious

LEVOTHYROXINE, GLUCOPHAGE = "H03AA01", "3400890387606"


def refused(reason: str | None, code: str = LEVOTHYROXINE, system: str | None = None, **facts: object) -> dict:
    substitution = {"allowedBoolean": False} | ({"reason": {"text": reason}} if reason else {})
    given = medicine(code, substitution=substitution, **({"system": system} if system else {}))
    return serious(given, **facts)


def test_not_substitutable_without_a_reason_is_refused() -> None:
    assert refused(None) == {"no-substitution": "blocking"}
    assert refused("parce que") == {"no-substitution": "blocking"}


def test_a_narrow_margin_holds_for_listed_substances_only() -> None:
    assert refused("MTE") == {}
    assert refused("MTE", GLUCOPHAGE, UCD) == {"no-substitution": "blocking"}


def test_for_a_medicine_that_the_tables_do_not_know_the_narrow_margin_is_confirmed() -> None:
    assert refused("MTE", "X99XX99") == {"no-substitution": "confirm"}


@pytest.mark.parametrize(("born", "accepted"), [(date(2020, 1, 6), True), (date(2020, 1, 5), False)])
def test_the_galenic_form_holds_for_a_child_under_six(born: date, accepted: bool) -> None:  # noqa: FBT001 - a parameter
    child = replace(ADULT, birth_date=born)
    assert refused("EFG", patient=child) == ({} if accepted else {"no-substitution": "blocking"})


def test_a_contra_indication_holds_for_any_medicine() -> None:
    assert refused("CIF", GLUCOPHAGE, UCD) == {}


def test_the_reason_may_be_coded() -> None:
    reason = {"coding": [{"system": "urn:fhirserver:CodeSystem:no-substitution-reason", "code": "CIF"}]}
    assert serious(medicine(substitution={"allowedBoolean": False, "reason": reason})) == {}


def test_where_substitution_is_allowed_no_reason_is_asked() -> None:
    assert serious(medicine(substitution={"allowedBoolean": True})) == {}
