"""Narcotics: presentation within three days, fractions, overlap, scheduled surgery (CSP R5132-30, R5132-33)."""

from datetime import date
from typing import Any

import pytest

from fhirserver.errors import Conflict, Gone, Unprocessable
from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.execution.deliveries import Decision, Delivery, decide
from fhirserver.prescription.rules.course import course, stride
from tests.unit.prescription.building import TABLES, alerts, delivery, line, medicine, tablets

OXYCODONE, METHADONE, FENTANYL = "N02AA05", "N07BC02", "N02AB03"


def narcotic(code: str = OXYCODONE, **changes: Any) -> dict[str, Any]:
    return medicine(code, **{"drafted": "2026-06-01", "lasting": 28, **changes})


def run(request: dict[str, Any], *asked: Delivery) -> list[Decision]:
    decisions: list[Decision] = []
    for each in asked:
        decisions.append(decide(line(request), tuple(made.counted for made in decisions), each, TABLES))
    return decisions


def refusal(request: dict[str, Any], *asked: Delivery) -> str | None:
    before = tuple(made.counted for made in run(request, *asked[:-1]))
    with pytest.raises((Conflict, Gone, Unprocessable)) as caught:
        decide(line(request), before, asked[-1], TABLES)
    return caught.value.issues[0].rule


def test_dated_the_first_it_is_delivered_in_full_until_the_fourth_inclusive() -> None:
    assert run(narcotic(), delivery(28, on="2026-06-04"))[0].standing.finished
    assert refusal(narcotic(), delivery(28, on="2026-06-05")) == "prescription-remaining"


def test_later_the_elapsed_days_are_deducted() -> None:
    decision = run(narcotic(), delivery(24, on="2026-06-05"))[0]
    assert decision.standing.remaining == tablets(0)
    assert decision.standing.finished
    assert refusal(narcotic(), delivery(25, on="2026-06-05")) == "prescription-remaining"


def test_a_refusal_says_that_days_were_deducted() -> None:
    for on, asked, said in (
        ("2026-06-05", 28, "4 jours écoulés sont déduits"),
        ("2026-06-29", 1, "présenté trop tard"),
    ):
        with pytest.raises(Conflict) as caught:
            decide(line(narcotic()), (), delivery(asked, on=on), TABLES)
        assert said in caught.value.issues[0].text.fr


def test_the_three_days_are_calendar_days_across_the_change_of_the_clock() -> None:
    assert stride(line(narcotic(drafted="2026-03-27")), TABLES, (), date(2026, 3, 30)).elapsed == 0
    assert stride(line(narcotic(drafted="2026-03-27")), TABLES, (), date(2026, 3, 31)).elapsed == 4
    assert stride(line(narcotic(drafted="2026-10-23")), TABLES, (), date(2026, 10, 26)).elapsed == 0


def test_drafted_after_midnight_in_paris_counts_from_the_new_day() -> None:
    late_evening = narcotic(drafted="2026-06-01T22:30:00Z")
    assert stride(line(late_evening), TABLES, (), date(2026, 6, 5)).due == date(2026, 6, 5)


def test_the_three_days_pass_over_a_leap_day() -> None:
    assert stride(line(narcotic(drafted="2028-02-27")), TABLES, (), date(2028, 3, 1)).elapsed == 0
    assert stride(line(narcotic(drafted="2027-02-26")), TABLES, (), date(2027, 3, 1)).elapsed == 0
    assert stride(line(narcotic(drafted="2027-02-26")), TABLES, (), date(2027, 3, 2)).elapsed == 4


def test_presented_after_the_whole_treatment_nothing_is_left() -> None:
    assert stride(line(narcotic()), TABLES, (), date(2026, 6, 29)).days == 0
    assert refusal(narcotic(), delivery(1, on="2026-06-29")) == "prescription-remaining"


def test_methadone_is_delivered_a_week_at_a_time() -> None:
    request = narcotic(METHADONE, lasting=14)
    plan = course(line(request), TABLES)
    assert (plan.step_days, plan.steps, plan.step) == (7, 2, tablets(7))
    assert refusal(request, delivery(8, on="2026-06-01")) == "prescription-overlap"
    assert run(request, delivery(7, on="2026-06-01"))[0].standing.next_date == date(2026, 6, 8)


def test_each_fraction_is_presented_within_three_days_of_the_end_of_the_last() -> None:
    request = narcotic(METHADONE, lasting=14)
    first = delivery(7, on="2026-06-01")
    assert run(request, first, delivery(7, on="2026-06-11"))[1].standing.finished
    late = run(request, first, delivery(3, on="2026-06-12"))[1]
    assert late.standing.finished
    assert refusal(request, first, delivery(4, on="2026-06-12")) == "prescription-remaining"


def test_days_lost_by_a_late_first_presentation_stay_lost() -> None:
    request = narcotic(METHADONE, lasting=14)
    first, second = run(request, delivery(2, on="2026-06-06"), delivery(7, on="2026-06-08"))
    assert first.standing.remaining == tablets(7)
    assert second.standing.finished


def test_a_late_fraction_is_cut_to_what_is_left_of_it() -> None:
    request = narcotic(METHADONE, lasting=14)
    assert refusal(request, delivery(3, on="2026-06-06")) == "prescription-late-presentation"


def test_in_a_single_delivery_if_the_prescriber_says_so() -> None:
    request = narcotic(METHADONE, lasting=14)
    elements.set_flag(request, Flag.SINGLE_DELIVERY)
    assert run(request, delivery(14, on="2026-06-01"))[0].standing.finished


def test_the_prescriber_may_ask_for_smaller_fractions() -> None:
    request = narcotic(lasting=28)
    request["dispenseRequest"]["dispenseInterval"] = {"value": 14, "code": "d"}
    assert course(line(request), TABLES).steps == 2
    assert refusal(request, delivery(28, on="2026-06-01")) == "prescription-overlap"


def test_an_overlap_is_allowed_by_express_mention_only() -> None:
    request = narcotic(FENTANYL, lasting=28)
    asked = (delivery(14, on="2026-06-01"), delivery(14, on="2026-06-10"))
    assert refusal(request, *asked) == "prescription-overlap"
    elements.set_flag(request, Flag.OVERLAP)
    assert run(request, *asked)[1].standing.finished


def test_an_overlap_does_not_lift_the_fractions() -> None:
    request = narcotic(METHADONE, lasting=14)
    elements.set_flag(request, Flag.OVERLAP)
    assert refusal(request, delivery(14, on="2026-06-01")) == "prescription-overlap"
    assert run(request, *[delivery(7, on="2026-06-01")] * 2)[1].standing.finished
    elements.set_flag(request, Flag.SINGLE_DELIVERY)
    assert run(request, delivery(14, on="2026-06-01"))[0].standing.finished


def test_a_narcotic_that_begins_too_late_to_be_delivered_in_full_is_told_of() -> None:
    request = narcotic(lasting=14)
    for start, told in (("2026-06-04", False), ("2026-06-05", True)):
        request["dispenseRequest"]["validityPeriod"] = {"start": start}
        assert ("validity" in alerts(request, on=date(2026, 6, 1))) is told


def test_a_confirmation_does_not_replace_the_mention() -> None:
    request = narcotic(FENTANYL, lasting=28)
    insisting = delivery(14, on="2026-06-10", confirmed={"overlap": "voyage"})
    assert refusal(request, delivery(14, on="2026-06-01"), insisting) == "prescription-overlap"


def test_for_a_scheduled_surgery_the_window_is_its_own() -> None:
    request = narcotic(lasting=7)
    elements.set_value(request, "scheduled-surgery", "Period", {"start": "2026-06-20", "end": "2026-06-22"})
    assert refusal(request, delivery(7, on="2026-06-16")) == "prescription-validity"
    assert run(request, delivery(7, on="2026-06-17"))[0].standing.finished
    assert run(request, delivery(7, on="2026-06-25"))[0].standing.finished
    assert refusal(request, delivery(7, on="2026-06-26")) == "prescription-validity"


def test_a_narcotic_is_never_renewed_even_if_written() -> None:
    request = narcotic(lasting=28, renewals=2)
    assert run(request, delivery(28, on="2026-06-01"))[0].standing.finished


def test_the_three_days_do_not_hold_for_assimilated_medicines() -> None:
    assert stride(line(narcotic("N07BC01", lasting=7)), TABLES, (), date(2026, 6, 20)).elapsed == 0
    assert run(narcotic("N07BC01", lasting=7), delivery(7, on="2026-06-20"))[0].standing.finished


def test_an_overlap_of_assimilated_medicines_needs_the_express_mention_too() -> None:
    request, early = narcotic("N07BC01"), delivery(7, on="2026-06-05", confirmed={"early-delivery": "voyage"})
    assert refusal(request, delivery(7, on="2026-06-01"), early) == "prescription-overlap"
    assert run(request, delivery(7, on="2026-06-01"), delivery(7, on="2026-06-08"))[1].standing.remaining == tablets(14)
    elements.set_flag(request, Flag.OVERLAP)
    assert run(request, delivery(7, on="2026-06-01"), delivery(7, on="2026-06-05"))[1].standing.remaining == tablets(14)


def test_small_parts_of_one_day_do_not_count_as_days_each() -> None:
    request = narcotic(lasting=10)
    request["dosageInstruction"][0]["timing"]["repeat"] = {"frequency": 3, "period": 1, "periodUnit": "d"}
    decisions = run(request, *[delivery(1, on="2026-06-02")] * 30)
    assert decisions[-1].standing.finished
    assert not decisions[-2].standing.finished
