"""The decision upon one delivery of one line: what is counted, what remains, when the next may be; or a refusal.

Pure: the line, what was delivered of it before, what is asked now. The same question gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from fhirserver.errors import Conflict, Gone, Unprocessable
from fhirserver.issues import Text
from fhirserver.prescription.alerts import Alert, refusing
from fhirserver.prescription.execution.quantities import Amount, converted, covered_days, is_counted
from fhirserver.prescription.execution.standing import (
    Delivered,
    Standing,
    days_of,
    given_of,
    is_complete,
    spans,
    standing,
)
from fhirserver.prescription.french.amounts import said
from fhirserver.prescription.lines import Line
from fhirserver.prescription.rules import deliverable
from fhirserver.prescription.rules.course import Course, course, stride
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.rules.tables import Medicine, Tables
from fhirserver.prescription.rules.validity import window


@dataclass(frozen=True, slots=True)
class Agreement:
    """The prescriber's agreement to a change: who, and when."""

    prescriber: str
    on: date


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is asked: one delivery of one line.

    Attributes:
        on: the day in Paris.
        outcome: how it is executed.
        stated: whether the outcome was said, not only understood.
        amount: what is delivered; None where it was not delivered, or is not counted (an act).
        days: days of treatment that it brings, if stated.
        dispenser: references and identifiers of the structure that delivers, for a line that names a pharmacy.
        reason: why not delivered, or why replaced.
        agreement: the prescriber's, for a changed dosage.
        pack: units in the smallest pack, if the dispenser says so.
        substituted: whether another medicine than the prescribed one is handed over.
        confirmed: alerts confirmed, with their reasons.
        location: FHIRPath of the delivery in what was sent.
    """

    on: date
    outcome: Outcome = Outcome.AS_IS
    amount: Amount | None = None
    days: int | None = None
    dispenser: frozenset[str] = frozenset()
    reason: str | None = None
    agreement: Agreement | None = None
    pack: Amount | None = None
    substituted: bool = False
    confirmed: Mapping[str, str] = field(default_factory=dict)
    location: str = "MedicationDispense"
    stated: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """An accepted delivery.

    Attributes:
        counted: what counts against the line, in its own unit.
        days: days of treatment that it brings; None where unknown.
        standing: where the line stands afterwards.
        complete: whether it brings all that could be delivered now.
        alerts: what was confirmed or is for information.
    """

    counted: Delivered
    standing: Standing
    complete: bool
    alerts: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    line: Line
    before: tuple[Delivered, ...]
    asked: Delivery
    tables: Tables
    plan: Course
    medicine: Medicine


def decide(line: Line, before: tuple[Delivered, ...], asked: Delivery, tables: Tables) -> Decision:
    """Decide upon one delivery.

    Args:
        line: the line, as prescribed.
        before: what was delivered of it, in order; cancelled deliveries left out.
        asked: the delivery.
        tables: the tables in force.

    Raises:
        Gone: 410, the line's validity has ended.
        Conflict: 409, more than remains, or nothing remains, or not yet; the text says what remains.
        Unprocessable: 422, a quantity of nothing, a unit that cannot be compared, a missing reason or agreement,
            an alert that is not confirmed.
    """
    _check_validity(line, before, asked, tables)
    alerts = deliverable.conditions(line, asked, tables)
    if asked.outcome is Outcome.NOT_DELIVERED:
        _refuse(alerts, asked)
        counted = Delivered(asked.on, None, asked.outcome, reason=asked.reason)
        return Decision(counted, standing(line, before, tables, asked.on), complete=False, alerts=tuple(alerts))
    plan = course(line, tables)
    if plan.open_ended and not asked.stated:
        # one of as many as it takes: that it was the last one is said
        asked = replace(asked, outcome=Outcome.STAGED)
    case = _Case(line, before, asked, tables, plan, tables.medicine(line))
    amount = _amount(case)
    if amount is None or case.plan.total is None:
        counted, more = _uncounted(case, amount)
    else:
        counted, more = _counted(case, amount, case.plan.total)
    alerts += more
    _refuse(alerts, asked)
    if asked.outcome is Outcome.SHORTAGE:
        counted = replace(counted, reason=asked.reason)
    after = standing(line, (*before, counted), tables, asked.on)
    complete = after.next_date is None or after.next_date > asked.on
    return Decision(counted, after, complete, tuple(alerts))


def _check_validity(line: Line, before: tuple[Delivered, ...], asked: Delivery, tables: Tables) -> None:
    opened, begun = window(line, tables), bool(given_of(before))
    if opened.first is not None and asked.on < opened.first:
        raise Unprocessable(
            Text(
                f"Délivrance datée du {asked.on:%d/%m/%Y} : l'ordonnance vaut à partir du {opened.first:%d/%m/%Y}.",
                f"A delivery of {asked.on}, before the prescription is valid ({opened.first}).",
            ),
            expression=asked.location,
            rule="prescription-validity",
        )
    if opened.ended(asked.on, begun=begun):
        last = opened.last if begun or opened.last_start is None else opened.last_start
        raise Gone(
            Text(
                f"La validité de « {line.title} » est échue depuis le {last:%d/%m/%Y} : une nouvelle ordonnance est "
                "nécessaire.",
                f'The validity of "{line.title}" ended on {last}: a new prescription is needed.',
            ),
            expression=line.location,
            rule="prescription-validity",
        )


def _amount(case: _Case) -> Amount | None:
    """What is delivered, in the line's unit."""
    asked, plan, medicine = case.asked, case.plan, case.medicine
    amount = asked.amount
    if amount is None:
        return _unsaid(case)
    if amount.value <= 0:
        raise Unprocessable(
            Text(
                f"Quantité délivrée : {said(amount)} ; un nombre positif est attendu ; si rien n'est "
                "délivré, l'issue est « not-delivered », avec un motif.",
                f"Delivered quantity {amount}: a positive number is expected; if nothing is delivered, the outcome is "
                '"not-delivered", with a reason.',
            ),
            expression=_at_quantity(case),
            rule="prescription-quantity",
        )
    if plan.total is None:
        return amount
    same = converted(amount, plan.total)
    if same is None and medicine.unit is not None and medicine.contents is not None:
        same = _by_contents(amount, plan.total, medicine.unit, medicine.contents)
    if same is None:
        raise Unprocessable(
            Text(
                f"La quantité délivrée ({said(amount)}) ne se compare pas à la quantité prescrite "
                f"({said(plan.total)}) : exprimez-la en « {plan.total.unit or plan.total.code} ».",
                f"The delivered quantity ({amount}) cannot be compared with the one prescribed ({plan.total}): "
                f'state it in "{plan.total.unit or plan.total.code}".',
            ),
            expression=_at_quantity(case),
            rule="prescription-units",
        )
    return same


def _unsaid(case: _Case) -> Amount | None:
    """What an execution without a quantity brings: an act is one of those prescribed; None where nothing is counted."""
    line, total = case.line, case.plan.total
    if total is None:
        return None
    if line.is_medicine or line.is_device:
        raise Unprocessable(
            Text(
                f"« {line.title} » : la quantité délivrée manque, en « {total.unit or total.code} ».",
                f'"{line.title}": the delivered quantity is missing, in "{total.unit or total.code}".',
            ),
            expression=_at_quantity(case),
            rule="prescription-quantity",
            code="required",
        )
    return total.of(1) if is_counted(total) else None


def _at_quantity(case: _Case) -> str:
    return f"{case.asked.location}.{'suppliedItem.quantity' if case.line.is_device else 'quantity'}"


def _by_contents(amount: Amount, wanted: Amount, unit: Amount, contents: Amount) -> Amount | None:
    """Convert between tablets and milligrams by what one tablet contains."""
    as_units = converted(amount, unit)
    if as_units is not None:
        return converted(contents.of(as_units.value * contents.value), wanted)
    as_contents = converted(amount, contents)
    if as_contents is None:
        return None
    return converted(unit.of(Fraction(as_contents.value) / Fraction(contents.value)), wanted)


def _uncounted(case: _Case, amount: Amount | None) -> tuple[Delivered, list[Alert]]:
    """A delivery that cannot be counted: deliveries are, and a medicine's quantity is confirmed by the dispenser."""
    line, asked, plan = case.line, case.asked, case.plan
    given = given_of(case.before)
    if is_complete(given) if plan.open_ended else len(given) >= (plan.steps or 1):
        raise nothing_remains(line, asked)
    more = []
    if line.is_medicine:
        shown = stride(line, case.tables, spans(plan, given), asked.on)
        if shown is not None and shown.elapsed and shown.days <= 0:
            raise _all_elapsed(case)
        more.append(deliverable.not_computable(line, asked))
        following = standing(line, case.before, case.tables, asked.on).next_date
        if given and (following is None or following > asked.on):
            more += deliverable.too_early(line, asked, following, case.tables)
    return Delivered(asked.on, amount, asked.outcome, asked.days or plan.step_days), more


def _counted(case: _Case, amount: Amount, total: Amount) -> tuple[Delivered, list[Alert]]:
    line, asked, plan = case.line, case.asked, case.plan
    now = standing(line, case.before, case.tables, asked.on)
    remaining = now.remaining or total.of(0)
    if remaining.value <= 0:
        raise nothing_remains(line, asked, now.next_date) if given_of(case.before) else _all_elapsed(case)
    pack = _pack(case, total)
    excess = amount.value - remaining.value
    if excess > 0 and (pack is None or excess >= pack.value):
        narcotic, elapsed = case.medicine.is_narcotic, _elapsed(case)
        raise Conflict(
            Text(
                f"« {line.title} » : il reste {said(remaining)} à délivrer, la demande est de {said(amount)}"
                f"{elapsed[0]}" + (" (un stupéfiant se délivre à l'unité près)." if narcotic else "."),
                f'"{line.title}": {remaining} remain to be delivered, {amount} are asked for{elapsed[1]}'
                + (" (a narcotic is delivered to the unit)." if narcotic else "."),
            ),
            expression=_at_quantity(case),
            rule="prescription-remaining",
        )
    alerts = []
    if line.is_medicine:
        given = given_of(case.before)
        so_far = deliverable.SoFar(spans(plan, given))
        counted = deliverable.Asked(asked.on, amount, pack, asked.location)
        alerts = deliverable.pace(line, plan, so_far, counted, case.tables)
    days = asked.days or covered_days(amount, line.dosages, line.drafted)
    if days is None:
        share = days_of(plan, amount)
        days = None if share is None else math.ceil(share)
    return Delivered(asked.on, amount, asked.outcome, days), alerts


def _elapsed(case: _Case) -> tuple[str, str]:
    """What is said of the days of a narcotic that are deducted because it came late; nothing where none are."""
    so_far = spans(case.plan, given_of(case.before))
    shown = stride(case.line, case.tables, so_far, case.asked.on) if case.line.is_medicine else None
    if shown is None or not shown.elapsed:
        return "", ""
    french = f"{shown.elapsed} jours écoulés sont déduits" if shown.elapsed > 1 else "1 jour écoulé est déduit"
    return f" ; {french}", f"; {shown.elapsed} elapsed days are deducted"


def _all_elapsed(case: _Case) -> Conflict:
    """409: nothing was delivered of a narcotic before its days had passed."""
    title = case.line.title
    return Conflict(
        Text(
            f"« {title} » : présenté trop tard, toute la durée prescrite est écoulée : une nouvelle ordonnance est "
            "nécessaire.",
            f'"{title}": presented too late, the whole prescribed duration has passed: a new prescription is needed.',
        ),
        expression=case.asked.location,
        rule="prescription-remaining",
    )


def nothing_remains(line: Line, asked: Delivery, again: date | None = None) -> Conflict:
    """409: all of the line was delivered, or all until a renewal is due."""
    renewed = (f" avant un renouvellement le {again:%d/%m/%Y}", f" before a renewal on {again}") if again else ("", "")
    return Conflict(
        Text(
            f"« {line.title} » : tout a été délivré, il ne reste rien{renewed[0]}.",
            f'"{line.title}": all of it was delivered, nothing remains{renewed[1]}.',
        ),
        expression=asked.location,
        rule="prescription-remaining",
    )


def _pack(case: _Case, unit: Amount) -> Amount | None:
    """The smallest pack in the line's unit: boxes are indivisible, narcotics are delivered to the unit."""
    whole = unit.of(1) if is_counted(unit) else None
    if case.medicine.is_narcotic or not case.line.is_medicine:
        return whole
    return _smallest_pack(case, unit) or whole


def _smallest_pack(case: _Case, unit: Amount) -> Amount | None:
    medicine = case.medicine
    if case.asked.pack is not None:
        return converted(case.asked.pack, unit)
    if not medicine.packs or medicine.unit is None:
        return None
    counted = medicine.unit.of(medicine.packs[0])
    same = converted(counted, unit)
    return same or (medicine.contents and _by_contents(counted, unit, medicine.unit, medicine.contents))


def _refuse(alerts: list[Alert], asked: Delivery) -> None:
    refused = refusing(alert.settled(asked.confirmed) for alert in alerts)
    if refused:
        raise Unprocessable(refused[0].text, issues=refused)
