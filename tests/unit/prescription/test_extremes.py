"""Values that FHIR allows and no treatment has: every function answers, with a refusal or a figure, and none fails."""

import contextlib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import Failure
from fhirserver.prescription import lines
from fhirserver.prescription.checking import check
from fhirserver.prescription.execution.deliveries import decide
from fhirserver.prescription.execution.standing import standing
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.print import printing
from tests.unit.prescription.building import ADULT, DOCTOR, TABLES, delivery, dosage, medicine

HUGE, TINY = Decimal("1e30"), Decimal("0.000000001")
NARCOTIC, ANXIOLYTIC, OTHER = "N02AA05", "N05BA12", "C07AB07"


def lasting(value: Any, code: str = "d") -> dict[str, Any]:
    return {"expectedSupplyDuration": {"value": value, "code": code}}


@pytest.mark.parametrize("code", [NARCOTIC, ANXIOLYTIC, OTHER])
@pytest.mark.parametrize(
    "changes",
    [
        {"dispenseRequest": lasting(HUGE)},
        {"dispenseRequest": lasting(10**12, "a")},
        {"dispenseRequest": lasting(TINY)},
        {"dispenseRequest": lasting(0)},
        {"dispenseRequest": lasting(-3)},
        {"dispenseRequest": {**lasting(28), "numberOfRepeatsAllowed": 2**31 - 1}},
        {"dispenseRequest": {**lasting(28), "dispenseInterval": {"value": 0, "code": "d"}}},
        {"dispenseRequest": {**lasting(28), "quantity": {"value": HUGE, "unit": "comprimé"}}},
        {"dispenseRequest": {**lasting(28), "quantity": {"value": TINY, "unit": "comprimé"}}},
        {"dispenseRequest": {**lasting(28), "quantity": {"value": 0, "unit": "comprimé"}}},
        {"dosageInstruction": [dosage(HUGE)]},
        {"dosageInstruction": [dosage(0)]},
        {"dosageInstruction": [dosage(1, frequency=2**31 - 1, period=TINY, periodUnit="s")]},
        {"dosageInstruction": [dosage(1, dayOfWeek=["mon"], boundsDuration={"value": 10**15, "code": "a"})]},
        {"dosageInstruction": [dosage(1, boundsPeriod={"start": "0001-01-01", "end": "9999-12-31"}, when=["MORN"])]},
        {"dosageInstruction": [{"sequence": 1}, {"sequence": 2}]},
        {"authoredOn": "9999-12-31"},
        {"authoredOn": "0001-01-01"},
    ],
)
def test_no_value_that_fhir_allows_makes_a_rule_fail(code: str, changes: dict[str, Any]) -> None:
    line = lines.read(medicine(code, **changes))
    assert isinstance(check([line], Facts(date(2026, 1, 6), ADULT, DOCTOR)), list)
    assert printing.prescription("0" * 18, [line], printing.Sources({}, {})).lines
    now = standing(line, (), TABLES, date(2026, 1, 6))
    assert now.finished == (now.next_date is None)
    for count in (TINY, 1, HUGE):
        with contextlib.suppress(Failure):
            decision = decide(line, (), delivery(count, confirmed={"early-delivery": "x"}), TABLES)
            assert decision.counted.amount is not None
