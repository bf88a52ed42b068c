"""The course of a line's deliveries: how many, what each comes to, from which day; the three days of narcotics.

Sources: Code de la santé publique R5132-12 (a month at a time), R5132-14 (renewals), R5132-30 and R5132-33 (narcotics:
fractions, presentation within three days, elapsed days deducted), décret 2022-972 (scheduled surgery).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from fhirserver.prescription import acts, elements
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.execution.quantities import Amount, Exact, duration_days
from fhirserver.prescription.lines import Line, of_line
from fhirserver.prescription.rules.calendar import days_after
from fhirserver.prescription.rules.tables import Tables

_YEAR: Final = 365
_MONTHLY: Final = 11


@dataclass(frozen=True, slots=True)
class Course:
    """What the law and the prescriber allow of one line.

    Attributes:
        renewals: how often the whole quantity may be delivered again.
        days: days that the prescribed quantity covers; None where unknown.
        step_days: days that one delivery may cover at most; None where unknown.
        steps: deliveries in all; None where it depends on what each brings.
        step: quantity of one delivery; None where it cannot be computed.
        total: quantity of all deliveries; None where it cannot be computed.
        implied: whether the renewals are those of list II, of which the prescriber said nothing.
        open_ended: whether the number of an act is left to who executes it: without an end, or as needed.
    """

    renewals: int
    days: int | None
    step_days: int | None
    steps: int | None
    step: Amount | None
    total: Amount | None
    implied: bool = False
    open_ended: bool = False


@of_line
def renewals(line: Line, tables: Tables) -> int:
    """How often a line may be renewed: as written; of list II also unless forbidden; narcotics never."""
    stated = line.renewals
    if not line.is_medicine or line.drafted is None:
        return stated or 0
    row = tables.first("renewals", tables.names(line), line.drafted)
    if row is not None and row.value == "never":
        return 0
    if stated is not None or row is None or row.value != "unless-forbidden" or Flag.NOT_RENEWABLE in line.flags:
        return stated or 0
    if line.days is None:
        return _MONTHLY
    return max(0, _YEAR // line.days - 1)


@of_line
def course(line: Line, tables: Tables) -> Course:
    """Work out the course of a line."""
    again, days, quantity = renewals(line, tables), line.days, line.quantity
    total = None if quantity is None else quantity.of(quantity.value * (1 + again))
    longest = _longest(line, tables)
    implied = again > 0 and line.renewals is None
    if days is None and implied:
        days = longest
    if days is None:
        steps = 1 + again if quantity is None else None
        return Course(again, None, None, steps, quantity, total, open_ended=_is_open_ended(line, tables))
    step_days = min(days, longest) if longest else days
    step = None if quantity is None else quantity.share(step_days, days)
    return Course(again, days, step_days, -(-days * (1 + again) // step_days), step, total, implied)


def _is_open_ended(line: Line, tables: Tables) -> bool:
    """Whether no number of an act follows: daily without an end, as needed, or planned by who executes it."""
    if line.type != "ServiceRequest" or line.quantity is not None:
        return False
    left = line.drafted is not None and tables.first("number-left-open", tables.names(line), line.drafted)
    return acts.recurs(line.resource) or bool(left)


def _longest(line: Line, tables: Tables) -> int | None:
    """Days that one delivery covers at most: a fraction set by the prescriber or the law, else a month or three."""
    if not line.is_medicine or line.drafted is None:
        return None
    limits = []
    names = tables.names(line)
    if Flag.SINGLE_DELIVERY not in line.flags:
        fraction = tables.least("fraction-days", names, line.drafted)
        limits += [fraction.value] if fraction else []
        asked = duration_days(line.resource.get("dispenseRequest", {}).get("dispenseInterval"))
        limits += [asked] if asked and asked > 0 else []
    month = tables.first("delivery-days", names, line.drafted)
    limits += [month.value] if month else []
    return min(limits, default=None)


@dataclass(frozen=True, slots=True)
class Stride:
    """What may be delivered of a medicine on a day: one step at a time, the next when the last has been taken.

    Attributes:
        days: days of treatment that may be delivered that day.
        left: days of treatment left in all.
        resumes: the day on which what was delivered has been taken.
        strict: whether the rules of narcotics hold: to the unit, within the three days.
        express: whether an early delivery needs the prescriber's express mention (narcotics and assimilated).
        late: whether a narcotic comes late that day.
        elapsed: days deducted because a narcotic came late, now or before.
        due: until when, that day included, a narcotic can be presented in full; None for others.
    """

    days: Exact
    left: Exact
    resumes: date
    strict: bool = False
    express: bool = False
    late: bool = False
    elapsed: int = 0
    due: date | None = None


def stride(line: Line, tables: Tables, before: Sequence[tuple[date, Exact]], on: date) -> Stride | None:
    """Tell what may be delivered on a day; for narcotics by the three days of R5132-33, after each fraction again.

    Args:
        line: the line.
        tables: limits.
        before: earlier deliveries in order: the day, and the days of treatment that each brought.
        on: the day in Paris.

    Returns:
        None where nothing paces the deliveries: no medicine, or no duration known.
    """
    drafted, plan = line.drafted, course(line, tables)
    if not line.is_medicine or drafted is None or plan.days is None or plan.step_days is None:
        return None
    names = tables.names(line)
    rule = tables.first("presentation-days", names, drafted)
    # a scheduled surgery has a window of its own instead (`validity.window`)
    margin = None if rule is None or elements.surgery(line.resource) is not None else int(rule.value)
    express = needs_mention(line, tables, drafted)
    early = None if express else tables.first("early-days", names, on)
    state = _Fraction(plan.step_days, margin)
    for each, covered in before:
        state.present((each - drafted).days)
        state.take((each - drafted).days, covered)
    begins = days_after(drafted, state.begins)
    late = state.present((on - drafted).days + (early.value if early else 0))
    whole = plan.days * (1 + plan.renewals)
    left = max(0, whole - sum(covered for _, covered in before) - state.lost)
    days = max(0, min(state.limit - state.given, left))
    due = None if margin is None else days_after(begins, margin)
    return Stride(days, left, begins, rule is not None, express, late, state.lost, due)


def needs_mention(line: Line, tables: Tables, drafted: date) -> bool:
    """Whether an early delivery needs the prescriber's express mention: of narcotics and assimilated medicines."""
    names = tables.names(line)
    return any(tables.first(rule, names, drafted) is not None for rule in ("presentation-days", "overlap"))


class _Fraction:
    """One step after the other, in days from drafting; with a margin, days are lost beyond it."""

    def __init__(self, step: int, margin: int | None) -> None:
        self.step, self.margin = step, margin
        self.limit: Exact = step
        self.given: Exact = 0
        self.end: Exact = 0
        self.lost = 0

    @property
    def begins(self) -> int:
        """The day on which the next fraction begins: what was delivered has been taken."""
        return math.ceil(self.end)

    def present(self, on: int) -> bool:
        """Begin the next fraction where the last has been taken; deduct days where it comes late, and say so."""
        if on < self.end:
            return False
        self.limit, self.given = self.step, 0
        elapsed = on - self.begins
        if self.margin is None or elapsed <= self.margin:
            return False
        self.lost += elapsed
        self.limit -= elapsed % self.step
        return True

    def take(self, on: int, covered: Exact) -> None:
        """Count a delivery."""
        self.end = max(self.end, on) + covered
        self.given += covered
