"""Where a line stands: what remains, the next day within its validity, and until when what was delivered lasts."""

from datetime import date

from fhirserver.errors import Conflict, Unprocessable
from fhirserver.prescription.execution.standing import Delivered, used_up
from fhirserver.prescription.rules.outcomes import Outcome
from tests.unit.prescription.building import UCD, delivery, medicine, refused, run, tablets


def test_a_next_day_after_the_validity_is_not_offered() -> None:
    first, last = run(medicine(lasting=30, renewals=11), delivery(30), delivery(30, on="2027-01-05"))
    assert first.standing.next_date == date(2026, 2, 5)
    assert last.complete
    assert not last.standing.finished
    assert (last.standing.next_date, last.standing.next_amount) == (None, None)


def test_an_early_delivery_with_its_reason_brings_the_last_month_before_the_validity_ends() -> None:
    request = medicine(lasting=30, renewals=11)
    reason = {"early-delivery": "départ en voyage"}
    late = [delivery(30), delivery(30, on="2026-12-20"), delivery(30, on="2027-01-04", confirmed=reason)]
    assert run(request, *late)[-1].standing.remaining == tablets(270)


def test_a_renewal_that_list_two_implies_is_announced_with_its_amount() -> None:
    request = medicine("3400892402437", system=UCD, lasting=28, renewals=None)
    decision = run(request, delivery(28))[0]
    assert decision.standing.remaining == tablets(0)
    assert decision.standing.next_amount == tablets(28)


def test_what_is_fetched_late_is_taken_from_that_day() -> None:
    late = (Delivered(date(2026, 1, 5), tablets(30), days=30), Delivered(date(2026, 3, 15), tablets(30), days=30))
    assert used_up(late) == date(2026, 4, 14)


def test_what_is_fetched_early_is_taken_after_what_is_left() -> None:
    early = (Delivered(date(2026, 1, 5), tablets(30), days=30), Delivered(date(2026, 1, 25), tablets(30), days=30))
    assert used_up(early) == date(2026, 3, 6)


def test_nothing_delivered_lasts_until_no_day() -> None:
    assert used_up(()) is None
    assert used_up((Delivered(date(2026, 1, 5), outcome=Outcome.NOT_DELIVERED),)) is None
    assert used_up((Delivered(date(2026, 1, 5), tablets(3)),)) is None


def test_what_cannot_be_counted_is_not_delivered_early_either() -> None:
    request = medicine(lasting=30, renewals=1, dosageInstruction=[{"text": "selon le plan remis"}])
    known = {"quantity-not-computable": "plan lu"}
    first, again = delivery(10, confirmed=known), delivery(10, on="2026-01-07", confirmed=known)
    assert refused(Unprocessable, request, first, again)[0] == "prescription-early-delivery"
    sure = delivery(10, on="2026-01-07", confirmed={**known, "early-delivery": "voyage"})
    assert run(request, first, sure)[1].standing.finished
    assert len(run(request, first, delivery(10, on="2026-02-05", confirmed=known))) == 2


def test_a_narcotic_that_cannot_be_counted_is_not_delivered_once_its_days_have_passed() -> None:
    request = medicine("N02AA01", lasting=14, dosageInstruction=[{"text": "selon le plan remis"}])
    late = delivery(10, on="2026-01-19", confirmed={"quantity-not-computable": "plan lu"})
    assert "présenté trop tard" in refused(Conflict, request, late)[1]


def test_of_three_months_of_list_two_what_is_written_remains_before_any_renewal() -> None:
    request = medicine("3400892402437", system=UCD, lasting=90, renewals=None)
    first, second, third = run(request, delivery(30), delivery(30, on="2026-02-05"), delivery(30, on="2026-03-07"))
    assert [each.standing.remaining for each in (first, second, third)] == [tablets(60), tablets(30), tablets(0)]
    assert [each.standing.next_amount for each in (first, third)] == [tablets(30), tablets(30)]
    assert refused(Unprocessable, request, delivery(90))[0] == "prescription-early-delivery"
    assert run(request, delivery(90, confirmed={"early-delivery": "voyage"}))[0].standing.next_date == date(2026, 4, 6)
    assert refused(Conflict, request, delivery(120))[0] == "prescription-remaining"
