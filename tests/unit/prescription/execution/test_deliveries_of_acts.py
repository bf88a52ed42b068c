"""Acts and devices: what is executed of them is counted as deliveries of medicines are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import Conflict, Failure, Unprocessable
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.rules.outcomes import Outcome
from tests.unit.prescription.building import days, delivery, device, refused, run, service


def test_acts_are_counted_by_executions_or_by_their_quantity() -> None:
    blood = service("58410-2", "http://loinc.org")
    assert run(blood, delivery())[0].standing.finished
    assert refused(Conflict, blood, delivery(), delivery())[0] == "prescription-remaining"
    sessions = service("AMK 8", "urn:fhirserver:CodeSystem:ngap", quantityQuantity={"value": 10, "unit": "séance"})
    decision = run(sessions, delivery(amount=Amount(Decimal(1), "séance")))[0]
    assert decision.standing.remaining == Amount(Decimal(9), "séance")


def test_an_act_of_a_series_is_one_of_those_prescribed() -> None:
    sessions = service("AMK 8", "urn:fhirserver:CodeSystem:ngap", quantityQuantity={"value": 3, "unit": "séance"})
    assert [each.standing.finished for each in run(sessions, *[delivery()] * 3)] == [False, False, True]
    assert refused(Conflict, sessions, *[delivery()] * 4)[0] == "prescription-remaining"


def test_acts_without_a_quantity_are_counted_by_when_they_are_to_be_done() -> None:
    daily = {"repeat": {"boundsDuration": days(3), "frequency": 2, "period": 1, "periodUnit": "d"}}
    dressings = service("AMI 4", "urn:fhirserver:CodeSystem:ngap", occurrenceTiming=daily)
    first, *_, last = run(dressings, *[delivery()] * 6)
    assert first.standing.remaining == Amount(Decimal(5), "acte")
    assert last.standing.finished


def test_a_medicines_outcome_is_refused_for_an_act() -> None:
    blood = service("58410-2", "http://loinc.org")
    assert refused(Unprocessable, blood, delivery(outcome=Outcome.GENERIC))[0] == "prescription-substitution"


def test_a_device_is_delivered_again_as_often_as_is_written() -> None:
    request = device(line_quantity=("Quantity", {"value": 16, "unit": "pansement"}), line_renewals=("UnsignedInt", 1))
    once = delivery(amount=Amount(Decimal(16), "pansement"))
    first, second = run(request, once, once)
    assert first.standing.remaining == Amount(Decimal(16), "pansement")
    assert second.standing.finished


KNEE = ("AMK 8", "urn:fhirserver:CodeSystem:ngap")
WEEK = {"value": 1, "unit": "semaine", "system": "http://unitsofmeasure.org", "code": "wk"}


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        ({"quantityRange": {"low": {"value": 10, "unit": "séance"}, "high": {"value": 15, "unit": "séance"}}}, 15),
        (
            {
                "quantityRatio": {"numerator": {"value": 2, "unit": "séance"}, "denominator": WEEK},
                "occurrenceTiming": {"repeat": {"boundsDuration": {**WEEK, "value": 5}}},
            },
            10,
        ),
        (
            {
                "quantityQuantity": {**WEEK, "value": 2},
                "occurrenceTiming": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            },
            28,
        ),
        ({"occurrenceTiming": {"event": ["2026-01-06", "2026-01-08", "2026-01-12"]}}, 3),
    ],
)
def test_the_number_of_an_act_may_be_a_range_a_ratio_or_a_list_of_days(asked: dict[str, Any], number: int) -> None:
    decision = run(service(*KNEE, **asked), delivery())[0]
    assert decision.standing.remaining is not None
    assert decision.standing.remaining.value == number - 1


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        (KNEE[0], {}),
        ("AMO 12", {}),
        ("AMI 4", {"occurrenceTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}),
        ("AMI 1", {"asNeededBoolean": True}),
        ("AMI 1", {"quantityQuantity": WEEK}),
        ("AMI 1", {"quantityRatio": {"numerator": {"value": 2}, "denominator": WEEK}}),
    ],
)
def test_an_act_whose_number_is_left_open_goes_on_until_who_executes_it_says_that_it_is_done(
    code: str, asked: dict[str, Any]
) -> None:
    request = service(code, KNEE[1], **asked)
    done = run(request, *[delivery()] * 3)
    assert [each.standing.finished for each in done] == [False, False, False]
    assert [each.counted.outcome for each in done] == [Outcome.STAGED] * 3
    last = delivery(outcome=Outcome.AS_IS, stated=True)
    assert run(request, delivery(), last)[-1].standing.finished
    assert refused(Conflict, request, delivery(), last, delivery())[0] == "prescription-remaining"


def test_a_single_act_of_nursing_is_done_once() -> None:
    assert run(service("AMI 1", KNEE[1]), delivery())[0].standing.finished


def test_a_device_is_refused_at_the_quantity_that_was_supplied() -> None:
    request = device(line_quantity=("Quantity", {"value": 16, "unit": "pansement"}), line_renewals=("UnsignedInt", 0))
    for amount in (
        Amount(Decimal(17), "pansement"),
        Amount(Decimal(1), "boîte"),
        Amount(Decimal(0), "pansement"),
        None,
    ):
        with pytest.raises(Failure) as caught:
            run(request, delivery(amount=amount, location="SupplyDelivery"))
        assert caught.value.issues[0].expression == "SupplyDelivery.suppliedItem.quantity"
