from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirserver.errors import Conflict, Gone, Unprocessable
from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.execution.deliveries import Agreement, Delivery, decide
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.execution.standing import Delivered, standing
from fhirserver.prescription.rules.outcomes import Outcome
from tests.unit.prescription.building import (
    TABLES,
    UCD,
    delivery,
    dosage,
    line,
    medicine,
    refused,
    run,
    tablets,
)

PARACETAMOL = "3400892169026"  # packs of 8
UCUM = "http://unitsofmeasure.org"


def ordered(count: float, **changes: Any) -> dict[str, Any]:
    """Return a line of so many tablets, of a medicine in no table."""
    request = medicine(**{"lasting": None, **changes})
    request["dispenseRequest"]["quantity"] = {"value": count, "unit": "comprimé"}
    return request


def confirmed(*rules: str) -> dict[str, str]:
    return dict.fromkeys(rules, "voyage du patient")


def test_of_thirty_tablets_thirty_single_ones_are_accepted_and_no_more() -> None:
    decisions = run(ordered(30), *[delivery(1)] * 30)
    assert decisions[0].standing.remaining == tablets(29)
    assert decisions[-1].standing.finished
    rule, text = refused(Conflict, ordered(30), *[delivery(1)] * 31)
    assert rule == "prescription-remaining"
    assert "il ne reste rien" in text


def test_more_than_remains_is_refused_and_what_remains_is_said() -> None:
    rule, text = refused(Conflict, ordered(30), delivery(25), delivery(10))
    assert rule == "prescription-remaining"
    assert "il reste 5 comprimés à délivrer, la demande est de 10 comprimés" in text


def test_a_delivery_may_exceed_by_less_than_one_smallest_pack() -> None:
    request = ordered(10, code=PARACETAMOL, system=UCD)
    assert run(request, delivery(16))[0].standing.finished
    assert run(request, delivery(17))[0].standing.finished
    assert refused(Conflict, request, delivery(18))[0] == "prescription-remaining"


def test_the_dispenser_may_say_how_large_the_smallest_pack_is() -> None:
    assert run(ordered(28), delivery(30, pack=tablets(30)))[0].standing.finished
    assert refused(Conflict, ordered(28), delivery(30, pack=tablets(2)))[0] == "prescription-remaining"


def test_without_a_known_pack_half_a_tablet_is_rounded_up_and_no_more() -> None:
    assert run(ordered(14.5), delivery(15))[0].standing.finished
    assert refused(Conflict, ordered(14.5), delivery(15.5))[0] == "prescription-remaining"


def test_a_narcotic_is_delivered_to_the_unit() -> None:
    request = ordered(28, code="3400892083926", system=UCD, lasting=28)
    request["dispenseRequest"]["quantity"]["unit"] = "gélule"
    asked = delivery(on="2026-01-06", amount=Amount(Decimal(29), "gélule"))
    rule, text = refused(Conflict, request, asked)
    assert rule == "prescription-remaining"
    assert "à l'unité près" in text


@pytest.mark.parametrize("count", [0, -1])
def test_a_quantity_of_nothing_or_less_is_refused(count: int) -> None:
    assert refused(Unprocessable, ordered(30), delivery(count))[0] == "prescription-quantity"


def test_units_that_cannot_be_compared_are_refused_with_the_unit_that_is_wanted() -> None:
    asked = delivery(amount=Amount(Decimal(2), "mL", UCUM, "mL"))
    rule, text = refused(Unprocessable, ordered(30), asked)
    assert rule == "prescription-units"
    assert "« comprimé »" in text


def test_tablets_count_against_milligrams_by_what_one_contains() -> None:
    request = medicine(PARACETAMOL, system=UCD, lasting=5)
    request["dosageInstruction"] = [dosage(1000, "mg", frequency=3, period=1, periodUnit="d")]
    request["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"] |= {"system": UCUM, "code": "mg"}
    decision = run(request, delivery(8))[0]
    assert decision.counted.amount == Amount(Decimal(8000), "mg", UCUM, "mg")
    assert decision.standing.remaining == Amount(Decimal(7000), "mg", UCUM, "mg")
    assert run(request, delivery(16))[0].standing.finished


def test_a_line_without_a_quantity_has_it_computed_from_posology_and_duration() -> None:
    request = medicine(lasting=10, dosageInstruction=[dosage(2, when=["MORN", "EVE"])])
    assert run(request, delivery(30))[0].standing.remaining == tablets(10)


def test_what_cannot_be_computed_needs_the_pharmacists_confirmation() -> None:
    request = medicine(lasting=10, dosageInstruction=[{"text": "selon besoin"}])
    assert refused(Unprocessable, request, delivery(10))[0] == "prescription-quantity-not-computable"
    decision = run(request, delivery(10, confirmed=confirmed("quantity-not-computable")))[0]
    assert decision.standing.finished
    assert decision.standing.remaining is None


def test_nothing_is_delivered_before_drafting() -> None:
    rule, _ = refused(Unprocessable, ordered(30), delivery(1, on="2026-01-04"))
    assert rule == "prescription-validity"


def test_a_first_delivery_after_three_months_is_gone_and_a_begun_one_goes_on() -> None:
    assert run(ordered(30), delivery(1, on="2026-04-05"))
    rule, text = refused(Gone, ordered(30), delivery(1, on="2026-04-06"))
    assert rule == "prescription-validity"
    assert "05/04/2026" in text
    assert len(run(ordered(30), delivery(1, on="2026-04-05"), delivery(1, on="2026-04-06"))) == 2


def test_after_twelve_months_all_is_gone() -> None:
    request = ordered(30)
    assert len(run(request, delivery(1), delivery(1, on="2027-01-05"))) == 2
    assert refused(Gone, request, delivery(1), delivery(1, on="2027-01-06"))[0] == "prescription-validity"


def test_a_renewal_is_due_when_the_first_month_has_been_taken() -> None:
    request = medicine(lasting=28, renewals=2)
    first = run(request, delivery(28, on="2026-01-06"))[0]
    assert first.complete
    assert first.standing.next_date == date(2026, 2, 3)
    assert first.standing.remaining == tablets(56)
    early = delivery(28, on="2026-02-02")
    rule, text = refused(Unprocessable, request, delivery(28, on="2026-01-06"), early)
    assert rule == "prescription-early-delivery"
    assert "03/02/2026" in text
    assert len(run(request, delivery(28, on="2026-01-06"), delivery(28, on="2026-02-03"))) == 2


def test_an_early_renewal_may_be_confirmed_with_a_reason() -> None:
    early = delivery(28, on="2026-01-20", confirmed=confirmed("early-delivery"))
    decision = run(medicine(lasting=28, renewals=2), delivery(28, on="2026-01-06"), early)[1]
    assert [alert.rule for alert in decision.alerts] == ["early-delivery"]


def test_three_months_on_one_line_are_delivered_a_month_at_a_time() -> None:
    request = medicine(lasting=90)
    assert refused(Unprocessable, request, delivery(90))[0] == "prescription-early-delivery"
    first = run(request, delivery(30, on="2026-01-06"))[0]
    assert first.complete
    assert first.standing.next_date == date(2026, 2, 5)


def test_what_is_less_than_a_pack_is_not_delivered_early_either() -> None:
    request = medicine("3400890020275", system=UCD, lasting=28, renewals=2)  # packs of 30
    for on in ("2026-01-06", "2026-01-07", "2026-02-02"):
        rule, text = refused(Unprocessable, request, delivery(28), delivery(29, on=on))
        assert rule == "prescription-early-delivery"
        assert "délivrable à ce jour : rien" in text
    assert run(request, delivery(27), delivery(30))[1].standing.remaining == tablets(27)


def test_nor_is_less_than_a_pack_of_an_assimilated_medicine_without_the_mention() -> None:
    request, pack = medicine("N07BC01", lasting=28), tablets(7)
    asked = delivery(7, pack=pack), delivery(6, on="2026-01-07", pack=pack)
    assert refused(Unprocessable, request, *asked)[0] == "prescription-overlap"


def test_in_a_single_delivery_lifts_fractions_and_no_month() -> None:
    request = medicine(lasting=28, renewals=5)
    elements.set_flag(request, Flag.SINGLE_DELIVERY)
    rule, text = refused(Unprocessable, request, delivery(168))
    assert rule == "prescription-early-delivery"
    assert "délivrable à ce jour : 28 comprimés" in text


def test_contraceptives_are_delivered_for_three_months() -> None:
    request = medicine("G03AA07", lasting=84, renewals=3)
    assert run(request, delivery(84))[0].standing.next_date == date(2026, 3, 31)


def test_what_is_owed_of_a_month_may_be_delivered_the_same_day() -> None:
    request = medicine(lasting=28, renewals=1)
    first, second = run(request, delivery(20, outcome=Outcome.STAGED), delivery(8))
    assert not first.complete
    assert first.standing.next_date == date(2026, 1, 6)
    assert second.complete
    assert second.standing.next_date == date(2026, 2, 3)


def test_list_one_is_renewed_only_if_written() -> None:
    request = medicine(lasting=28, renewals=None)
    assert run(request, delivery(28))[0].standing.finished


def test_list_two_is_renewed_unless_forbidden() -> None:
    request = medicine("3400892402437", system=UCD, lasting=28, renewals=None)
    decision = run(request, delivery(28))[0]
    assert not decision.standing.finished
    assert decision.standing.next_date == date(2026, 2, 3)
    request["extension"] = [{"url": "urn:fhirserver:StructureDefinition:not-renewable", "valueBoolean": True}]
    assert run(request, delivery(28))[0].standing.finished
    assert run(medicine("3400892402437", system=UCD, renewals=0), delivery(28))[0].standing.finished


def test_an_implied_renewal_waits_until_the_month_has_been_taken() -> None:
    request = medicine("3400892402437", system=UCD, lasting=28, renewals=None)
    decisions = run(request, *[delivery(1)] * 28)
    assert decisions[-1].standing.remaining == tablets(0)
    assert not decisions[-1].standing.finished
    rule, text = refused(Conflict, request, *[delivery(1)] * 29)
    assert rule == "prescription-remaining"
    assert "03/02/2026" in text
    assert run(request, delivery(28), delivery(28, on="2026-02-03"))[1].counted.amount == tablets(28)


def test_months_that_were_not_fetched_are_not_delivered_together() -> None:
    request = medicine(lasting=28, renewals=5)
    late = delivery(56, on="2026-05-20")
    assert refused(Unprocessable, request, delivery(28), late)[0] == "prescription-early-delivery"
    assert run(request, delivery(28), delivery(28, on="2026-05-20"))[1].standing.next_date == date(2026, 6, 17)


def test_a_line_not_delivered_has_a_coded_reason_and_counts_for_nothing() -> None:
    nothing = Outcome.NOT_DELIVERED
    assert refused(Unprocessable, ordered(30), delivery(outcome=nothing))[0] == "prescription-not-delivered-reason"
    assert refused(Unprocessable, ordered(30), delivery(outcome=nothing, reason="envie")) is not None
    decision = run(ordered(30), delivery(outcome=nothing, reason="out-of-stock"))[0]
    assert decision.standing.remaining == tablets(30)
    assert not decision.standing.finished


@pytest.mark.parametrize("outcome", [Outcome.GENERIC, Outcome.HYBRID, Outcome.BIOSIMILAR])
def test_what_must_not_be_substituted_is_not(outcome: Outcome) -> None:
    request = {**ordered(30), "substitution": {"allowedBoolean": False, "reason": {"text": "CIF"}}}
    rule, text = refused(Unprocessable, request, delivery(30, outcome=outcome))
    assert rule == "prescription-substitution"
    assert "(CIF)" in text


def test_nor_in_part() -> None:
    request = {**ordered(30), "substitution": {"allowedBoolean": False, "reason": {"text": "CIF"}}}
    asked = delivery(5, outcome=Outcome.STAGED, substituted=True)
    assert refused(Unprocessable, request, asked)[0] == "prescription-substitution"
    assert len(run(request, delivery(5, outcome=Outcome.STAGED))) == 1


def test_a_generic_is_delivered_where_substitution_is_not_forbidden() -> None:
    assert run(ordered(30), delivery(30, outcome=Outcome.GENERIC))[0].standing.finished


def test_a_biosimilar_needs_a_known_group_or_a_confirmation() -> None:
    known = ordered(5, code="L03AA02")
    assert run(known, delivery(5, outcome=Outcome.BIOSIMILAR))[0].alerts[0].rule == "substitution-information"
    unknown = delivery(5, outcome=Outcome.BIOSIMILAR)
    assert refused(Unprocessable, ordered(5), unknown)[0] == "prescription-substitution-group"
    sure = delivery(5, outcome=Outcome.BIOSIMILAR, confirmed=confirmed("substitution-group"))
    assert run(ordered(5), sure)


def test_biosimilars_were_not_substituted_before_their_date() -> None:
    request = ordered(5, code="L03AA02", drafted="2022-04-10")
    asked = delivery(5, on="2022-04-14", outcome=Outcome.BIOSIMILAR)
    assert refused(Unprocessable, request, asked)[0] == "prescription-substitution-group"
    assert run(request, delivery(5, on="2022-04-15", outcome=Outcome.BIOSIMILAR))


def test_a_shortage_replacement_says_why_even_where_substitution_is_forbidden() -> None:
    request = {**ordered(30), "substitution": {"allowedBoolean": False, "reason": {"text": "MTE"}}}
    bare = delivery(30, outcome=Outcome.SHORTAGE)
    assert refused(Unprocessable, request, bare)[0] == "prescription-shortage-reason"
    assert run(request, delivery(30, outcome=Outcome.SHORTAGE, reason="recommandation ANSM du 02/01/2026"))


def agreed(on: str) -> Delivery:
    return delivery(30, outcome=Outcome.CHANGED_DOSAGE, agreement=Agreement("Practitioner/1", date.fromisoformat(on)))


@pytest.mark.parametrize("on", ["2026-01-05", "2026-01-06"])
def test_a_changed_dosage_needs_the_prescribers_agreement_between_drafting_and_delivery(on: str) -> None:
    assert run(ordered(30), agreed(on))


@pytest.mark.parametrize(
    "asked", [delivery(30, outcome=Outcome.CHANGED_DOSAGE), agreed("2026-01-04"), agreed("2026-01-07")]
)
def test_without_it_or_at_another_time_it_is_refused(asked: Delivery) -> None:
    assert refused(Unprocessable, ordered(30), asked)[0] == "prescription-prescriber-agreement"


def test_a_line_that_names_a_pharmacy_is_delivered_by_no_other() -> None:
    request = medicine("N07BC01", lasting=7)
    request["dispenseRequest"]["performer"] = {"identifier": {"value": "1880780077"}}
    asked = delivery(7, dispenser=frozenset({"1999999999"}))
    assert refused(Unprocessable, request, asked)[0] == "prescription-named-pharmacy"
    assert run(request, delivery(7, dispenser=frozenset({"1880780077"})))


def test_an_unsecured_opioid_from_before_march_2025_was_delivered_until_the_31st() -> None:
    request = medicine("N02AX02", drafted="2025-02-28", lasting=10)
    assert run(request, delivery(10, on="2025-03-31"))
    assert refused(Unprocessable, request, delivery(10, on="2025-04-01"))[0] == "prescription-secured-grace"


@pytest.mark.parametrize("before", [(), (delivery(4),)])
def test_a_medicine_delivered_without_its_quantity_is_asked_for_it(before: tuple[Delivery, ...]) -> None:
    rule, text = refused(Unprocessable, ordered(30), *before, delivery())
    assert rule == "prescription-quantity"
    assert "comprimé" in text


def test_the_same_question_gives_the_same_answer() -> None:
    assert run(ordered(30), delivery(12)) == run(ordered(30), delivery(12))


def deliver(request: dict[str, Any], parts: Iterable[int]) -> tuple[list[Delivered], int]:
    before: list[Delivered] = []
    refusals = 0
    for part in parts:
        try:
            before.append(decide(line(request), tuple(before), delivery(part), TABLES).counted)
        except Conflict:
            refusals += 1
    return before, refusals


@settings(deadline=None)
@given(st.integers(1, 60), st.lists(st.integers(1, 20), max_size=12))
def test_however_it_is_split_no_more_than_prescribed_is_delivered(ordered_count: int, parts: list[int]) -> None:
    request = ordered(ordered_count, dosageInstruction=[{"text": "selon le plan remis"}])
    before, refusals = deliver(request, parts)
    total = sum(each.amount.value for each in before if each.amount)
    assert total <= ordered_count
    assert len(before) + refusals == len(parts)
    now = standing(line(request), tuple(before), TABLES, date(2026, 1, 6))
    assert now.remaining == tablets(ordered_count - total)
    assert now.finished == (total == ordered_count)
    assert (now.next_date is None) == now.finished


@settings(deadline=None)
@given(st.integers(1, 60), st.lists(st.integers(1, 40), max_size=12))
def test_boxes_exceed_what_is_prescribed_by_less_than_the_smallest(ordered_count: int, parts: list[int]) -> None:
    plan = [{"text": "selon le plan remis"}]
    before, _ = deliver(ordered(ordered_count, code=PARACETAMOL, system=UCD, dosageInstruction=plan), parts)
    assert sum(each.amount.value for each in before if each.amount) < ordered_count + 8


@given(
    lasting=st.integers(1, 300),
    renewals=st.integers(0, 5),
    dose=st.sampled_from([0.5, 1, 2.5]),
    code=st.sampled_from(["C07AB07", "N02AA01", "G03AA07", "A02BC02"]),
)
@settings(max_examples=60, deadline=None)
def test_what_a_line_says_of_its_next_delivery_is_accepted_that_day(
    lasting: int, renewals: int, dose: float, code: str
) -> None:
    request = medicine(code, lasting=lasting, renewals=renewals, dosageInstruction=[dosage(dose)])
    now = standing(line(request), (), TABLES, date(2026, 1, 5))
    before: tuple[Delivered, ...] = ()
    for _ in range(4):
        if now.next_date is None or now.next_amount is None:
            break
        decision = decide(line(request), before, Delivery(now.next_date, amount=now.next_amount), TABLES)
        before, now = (*before, decision.counted), decision.standing
    assert before
