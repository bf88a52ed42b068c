"""Where a line stands after its deliveries: what remains, and from when.

Sources: Code de la santé publique R5132-12 (a month at a time), R5132-33 (elapsed days of narcotics are deducted).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from fhirserver.prescription.execution.quantities import Amount, Exact, exact, is_counted
from fhirserver.prescription.lines import Line
from fhirserver.prescription.rules.calendar import days_after
from fhirserver.prescription.rules.course import Course, Stride, course, stride
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.rules.tables import Tables
from fhirserver.prescription.rules.validity import Window, window


@dataclass(frozen=True, slots=True)
class Delivered:
    """What an earlier delivery brought, in the line's unit; nothing where it was not delivered, with the reason."""

    on: date
    amount: Amount | None = None
    outcome: Outcome = Outcome.AS_IS
    days: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a line stands.

    Attributes:
        remaining: what may still be delivered in all; None where it is not counted.
        deliveries_left: how many deliveries remain where quantities cannot be counted; None where they are counted.
        next_date: the first day on which something may be delivered; None where nothing remains, or where that day
            would come after the last: then only an early delivery, with its reason, brings more.
        last_date: the last such day; None where no rule sets one.
        finished: whether nothing remains.
        next_amount: what may be delivered on `next_date` without a reason; None where it is not counted.
    """

    remaining: Amount | None
    deliveries_left: int | None
    next_date: date | None
    last_date: date | None
    finished: bool
    next_amount: Amount | None = None


def standing(line: Line, before: tuple[Delivered, ...], tables: Tables, on: date) -> Standing:
    """Tell where a line stands on a day: what remains, and from when.

    Args:
        line: the line.
        before: what was delivered, in order.
        tables: the tables in force.
        on: the day in Paris.
    """
    plan, given = course(line, tables), given_of(before)
    opened = window(line, tables)
    if plan.open_ended:
        done = is_complete(given)
        ended = done or opened.ended(on, begun=bool(given))
        following = None if ended else _within(opened, max(on, opened.first or on))
        return Standing(None, 0 if done else None, following, opened.last, ended)
    if plan.total is None or (given and given[0].amount is None):
        left = max(0, (plan.steps or 1) - len(given))
        ended = not left or opened.ended(on, begun=bool(given))
        following = None if ended else _within(opened, _next(plan, given, on, opened.first))
        return Standing(None, left, following, opened.last, ended)
    remaining = plan.total.of(max(0, exact(plan.total.value) - sum_of(given)))
    shown = stride(line, tables, spans(plan, given), on)
    if shown is not None and shown.elapsed and plan.days:
        owed = plan.total.share(shown.left, plan.days, up=is_counted(plan.total))
        remaining = min(remaining, owed, key=_value)
    if remaining.value <= 0 or opened.ended(on, begun=bool(given)):
        return Standing(remaining, None, None, opened.last, finished=True)
    following = max(on, opened.first or on)
    if shown is not None and not shown.days:
        following = max(following, shown.resumes)
    following_amount = min(remaining, _due(plan, shown) or remaining, key=_value)
    if plan.implied and shown is not None and plan.step is not None and plan.step_days:
        # the prescriber said nothing of renewals: beyond what he wrote remains what is due, the right to renew stays
        written = plan.total.of(exact(plan.total.value) / Fraction(1 + plan.renewals) - sum_of(given))
        due = plan.step.share(shown.days, plan.step_days)
        remaining = min(remaining, max(due, written, key=_value), key=_value)
    if _within(opened, following) is None:
        return Standing(remaining, None, None, opened.last, finished=False)
    return Standing(remaining, None, following, opened.last, finished=False, next_amount=following_amount)


def _within(opened: Window, day: date) -> date | None:
    """A day, unless the line is no longer valid then."""
    return None if opened.last is not None and day > opened.last else day


def _due(plan: Course, shown: Stride | None) -> Amount | None:
    """What the next delivery may bring: what is left of a step, else a whole one; a begun tablet counts."""
    if shown is None or plan.step is None or not plan.step_days:
        return None
    days = shown.days or min(shown.left, plan.step_days)
    return plan.step.share(days, plan.step_days, up=is_counted(plan.step))


def _value(amount: Amount) -> Decimal:
    return amount.value


def given_of(before: tuple[Delivered, ...]) -> tuple[Delivered, ...]:
    """The deliveries that brought something."""
    return tuple(each for each in before if each.outcome is not Outcome.NOT_DELIVERED)


def is_complete(given: tuple[Delivered, ...]) -> bool:
    """Whether an act of which no number is prescribed was declared done: `staged` leaves it open."""
    return any(each.outcome is not Outcome.STAGED for each in given)


def used_up(before: tuple[Delivered, ...]) -> date | None:
    """The day on which what was delivered has been taken; None where no delivery says for how long it lasts."""
    end = None
    for each in given_of(before):
        if each.days:
            # what is fetched late is begun that day, what is fetched early after what is left
            end = days_after(each.on if end is None else max(end, each.on), each.days)
    return end


def sum_of(given: tuple[Delivered, ...]) -> Exact:
    """What they brought in all, in the line's unit."""
    return sum(exact(each.amount.value) for each in given if each.amount)


def days_of(plan: Course, amount: Amount) -> Exact | None:
    """Days of treatment that an amount brings, by its share of the whole; None where the duration is unknown."""
    if plan.days is None or plan.total is None or plan.total.value <= 0:
        return None
    return Fraction(exact(amount.value) * plan.days * (1 + plan.renewals), exact(plan.total.value))


def spans(plan: Course, given: tuple[Delivered, ...]) -> tuple[tuple[date, Exact], ...]:
    """Each delivery's day and the days of treatment that it brings, exactly, so that parts of a day add up."""
    return tuple((each.on, (each.amount and days_of(plan, each.amount)) or 0) for each in given)


def _next(plan: Course, given: tuple[Delivered, ...], on: date, first: date | None) -> date:
    """The first day for a next delivery: once what was delivered has been taken; today where part of it is owed."""
    earliest = max(on, first) if first else on
    if not given or plan.step_days is None:
        return earliest
    if plan.step is None or given[0].amount is None:
        return max(earliest, days_after(given[0].on, plan.step_days * len(given)))
    full = sum_of(given) // exact(plan.step.value) if plan.step.value else 0
    return max(earliest, days_after(given[0].on, plan.step_days * full)) if full else earliest
