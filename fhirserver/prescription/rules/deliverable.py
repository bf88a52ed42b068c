"""Conditions of one delivery: what each outcome asks for, and how soon and how much may be delivered.

Sources: Code de la santé publique L5125-23 (substitution, shortage), L5125-23-2 (biosimilars), R5132-12 (a month at
a time), R5132-33 (narcotics: presentation, overlap); Code de la sécurité sociale L162-4-2 (named pharmacy).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from fhirserver.issues import Text
from fhirserver.prescription import elements
from fhirserver.prescription.alerts import Alert, Level
from fhirserver.prescription.elements import Flag
from fhirserver.prescription.execution.quantities import Amount, Exact
from fhirserver.prescription.french.amounts import said
from fhirserver.prescription.lines import Line
from fhirserver.prescription.rules.calendar import days_after
from fhirserver.prescription.rules.course import Course, Stride, needs_mention, stride
from fhirserver.prescription.rules.outcomes import LABELS, SUBSTITUTIONS, NotDelivered, Outcome
from fhirserver.prescription.rules.tables import Tables

REASONS = frozenset(NotDelivered)


class _Agreement(Protocol):
    @property
    def on(self) -> date: ...


class _Delivery(Protocol):
    """What these rules read of `deliveries.Delivery`."""

    @property
    def on(self) -> date: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def substituted(self) -> bool: ...
    @property
    def agreement(self) -> _Agreement | None: ...
    @property
    def dispenser(self) -> frozenset[str]: ...
    @property
    def location(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SoFar:
    """What was delivered of a line: each delivery's day with the days it brought."""

    spans: tuple[tuple[date, Exact], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A counted delivery: its day, its amount and the smallest pack in the line's unit, its FHIRPath."""

    on: date
    amount: Amount
    pack: Amount | None
    location: str


def conditions(line: Line, asked: _Delivery, tables: Tables) -> list[Alert]:
    """What the outcome asks for, whatever the quantity."""
    found = list(_of_outcome(line, asked, tables))
    if asked.outcome is Outcome.NOT_DELIVERED or not line.is_medicine:
        return found
    named = _performer(line)
    if named and asked.dispenser and named.isdisjoint(asked.dispenser):
        found.append(
            Alert(
                "named-pharmacy",
                Level.BLOCKING,
                Text(
                    f"« {line.title} » ne peut être délivré que par la pharmacie que nomme l'ordonnance.",
                    f'"{line.title}" may only be delivered by the pharmacy that the prescription names.',
                ),
                asked.location,
                "CSS L162-4-2",
            )
        )
    names = tables.names(line)
    drafted = line.drafted or asked.on
    found += _grace(line, asked, tables, names)
    row = tables.first("accompaniment-form", names, asked.on)
    if row and drafted >= (row.valid_from or drafted) and elements.value(line.resource, "accompaniment-form") is None:
        found.append(
            Alert(
                "accompaniment-form",
                Level.CONFIRM,
                Text(
                    f"« {line.title} » : le récépissé du formulaire d'accompagnement manque ; sans lui, pas de "
                    "remboursement.",
                    f'"{line.title}": the receipt of the accompaniment form is missing; without it, no reimbursement.',
                ),
                line.location,
                row.source,
            )
        )
    return found


def pace(line: Line, plan: Course, so_far: SoFar, asked: Asked, tables: Tables) -> list[Alert]:
    """How soon and how much: a month (or fraction) at a time; for narcotics to the unit, within the three days."""
    shown = stride(line, tables, so_far.spans, asked.on)
    if shown is None or plan.step is None or not plan.step_days:
        return []
    allowed = plan.step.share(shown.days, plan.step_days, up=shown.strict)
    excess = asked.amount.value - allowed.value
    # a box is not divided where part of it is due; before the last delivery has been taken, nothing is
    whole_box = asked.pack if allowed.value > 0 and not shown.strict else None
    if excess <= 0 or (whole_box is not None and excess < whole_box.value):
        return []
    if shown.express and Flag.OVERLAP in line.flags and not shown.late:
        beyond = asked.amount.value - plan.step.value
        box = asked.pack.value if asked.pack is not None and not shown.strict else 0
        return [] if beyond <= 0 or beyond < box else [_more_than_a_fraction(line, plan, plan.step, asked)]
    return [_late(line, shown, allowed, asked) if shown.late else _early(line, plan, shown, allowed, asked)]


def _early(line: Line, plan: Course, shown: Stride, allowed: Amount, asked: Asked) -> Alert:
    following = max(shown.resumes, asked.on) if allowed.value == 0 else shown.resumes
    if shown.resumes <= asked.on:
        following = days_after(asked.on, plan.step_days or 0)
    return Alert(
        "overlap" if shown.express else "early-delivery",
        Level.BLOCKING if shown.express else Level.CONFIRM,
        Text(
            f"« {line.title} » : délivrable à ce jour : {_allowed(allowed)} ({plan.step_days} jours par délivrance) ; "
            f"la suite à partir du {following:%d/%m/%Y}"
            + (" ; un chevauchement demande la mention expresse du prescripteur." if shown.express else "."),
            f'"{line.title}": {allowed} may be delivered today ({plan.step_days} days a delivery), the rest from '
            f"{following}" + ("; an overlap needs the prescriber's express mention." if shown.express else "."),
        ),
        f"{asked.location}.quantity",
        "CSP R5132-33" if shown.express else "CSP R5132-12",
    )


def _more_than_a_fraction(line: Line, plan: Course, step: Amount, asked: Asked) -> Alert:
    """An overlap lets the next fraction come early; only the mention of a single delivery makes one of several."""
    return Alert(
        "overlap",
        Level.BLOCKING,
        Text(
            f"« {line.title} » se délivre par fractions de {plan.step_days} jours, {said(step)} au plus : la mention "
            "de chevauchement n'en dispense pas, celle d'une délivrance en une seule fois (single-delivery) le ferait.",
            f'"{line.title}" is delivered in fractions of {plan.step_days} days, {step} at most: the mention of an '
            "overlap does not lift them, that of a single delivery (single-delivery) would.",
        ),
        f"{asked.location}.quantity",
        "CSP R5132-30",
    )


def _late(line: Line, shown: Stride, allowed: Amount, asked: Asked) -> Alert:
    return Alert(
        "late-presentation",
        Level.BLOCKING,
        Text(
            f"« {line.title} » pouvait être délivré en totalité jusqu'au {shown.due:%d/%m/%Y} inclus : "
            f"jours déduits : {shown.elapsed}, délivrable à ce jour : {_allowed(allowed)}.",
            f'"{line.title}" could be delivered in full until {shown.due} inclusive: {shown.elapsed} days are '
            f"deducted, {allowed} may be delivered.",
        ),
        f"{asked.location}.quantity",
        "CSP R5132-33",
    )


def _allowed(allowed: Amount) -> str:
    return said(allowed) if allowed.value else "rien"


def not_computable(line: Line, asked: _Delivery) -> Alert:
    """The prescribed quantity is neither stated nor follows from posology and duration."""
    return Alert(
        "quantity-not-computable",
        Level.CONFIRM,
        Text(
            f"« {line.title} » : la quantité prescrite ne peut être calculée ; le pharmacien confirme celle qu'il "
            "délivre.",
            f'"{line.title}": the prescribed quantity cannot be computed; the pharmacist confirms what he delivers.',
        ),
        asked.location,
        "CSP R5132-3",
    )


def too_early(line: Line, asked: _Delivery, following: date | None, tables: Tables) -> list[Alert]:
    """A further delivery of what cannot be counted, before the last one has been taken."""
    express = needs_mention(line, tables, line.drafted or asked.on)
    if express and Flag.OVERLAP in line.flags:
        return []
    after = (f" ; la suite à partir du {following:%d/%m/%Y}", f"; the rest from {following}") if following else ("", "")
    return [
        Alert(
            "overlap" if express else "early-delivery",
            Level.BLOCKING if express else Level.CONFIRM,
            Text(
                f"« {line.title} » : ce qui a été délivré n'est pas encore pris{after[0]}"
                + (" ; un chevauchement demande la mention expresse du prescripteur." if express else "."),
                f'"{line.title}": what was delivered has not been taken yet{after[1]}'
                + ("; an overlap needs the prescriber's express mention." if express else "."),
            ),
            asked.location,
            "CSP R5132-33" if express else "CSP R5132-12",
        )
    ]


def _of_outcome(line: Line, asked: _Delivery, tables: Tables) -> Iterator[Alert]:
    french, english = LABELS[asked.outcome]
    replacing = asked.outcome in SUBSTITUTIONS

    def blocked(rule: str, text: Text, source: str) -> Alert:
        return Alert(rule, Level.BLOCKING, text, asked.location, source)

    if asked.outcome is Outcome.NOT_DELIVERED and asked.reason not in REASONS:
        codes = ", ".join(sorted(REASONS))
        yield blocked(
            "not-delivered-reason",
            Text(
                f"Une ligne non délivrée porte un motif codé : {codes}.",
                f"A line that is not delivered carries a coded reason: {codes}.",
            ),
            "décret 2023-1222",
        )
    if (replacing or asked.outcome is Outcome.SHORTAGE) and not line.is_medicine:
        yield blocked(
            "substitution",
            Text(f"Seul un médicament peut être {french}.", f"Only a medicine can be {english}."),
            "CSP L5125-23",
        )
    if (replacing or (asked.substituted and asked.outcome is Outcome.STAGED)) and line.substitution_forbidden:
        reason = elements.no_substitution(line.resource)[1]
        said = f" ({reason})" if reason else ""
        french, english = (french, english) if replacing else ("substitué", "substituted")
        yield blocked(
            "substitution",
            Text(
                f"« {line.title} » est non substituable{said} : il ne peut être {french}.",
                f'"{line.title}" must not be substituted{said}: it cannot be {english}.',
            ),
            "CSP L5125-23",
        )
    if asked.outcome in (Outcome.HYBRID, Outcome.BIOSIMILAR):
        yield _group(line, asked, tables)
    if asked.outcome is Outcome.SHORTAGE and not (asked.reason or "").strip():
        yield blocked(
            "shortage-reason",
            Text(
                "Un remplacement pour rupture cite la recommandation de l'ANSM ou la raison de la rupture.",
                "A replacement because of a shortage cites the agency's recommendation or the reason.",
            ),
            "CSP L5125-23",
        )
    if asked.outcome is Outcome.CHANGED_DOSAGE:
        yield from _agreement(line, asked)


def _group(line: Line, asked: _Delivery, tables: Tables) -> Alert:
    french, english = LABELS[asked.outcome]
    row = tables.first(f"substitution-{asked.outcome}", tables.names(line), asked.on)
    if row is not None:
        return Alert(
            "substitution-information",
            Level.INFORMATION,
            Text(
                "Le patient et le prescripteur sont informés de la substitution.",
                "The patient and the prescriber are told of the substitution.",
            ),
            asked.location,
            row.source,
        )
    return Alert(
        "substitution-group",
        Level.CONFIRM,
        Text(
            f"« {line.title} » n'est dans aucun groupe connu ici qui permette qu'il soit {french}.",
            f'"{line.title}" is in no group known here that lets it be {english}.',
        ),
        asked.location,
        "CSP L5125-23",
    )


def _agreement(line: Line, asked: _Delivery) -> Iterator[Alert]:
    agreed = asked.agreement
    if agreed is not None and (line.drafted is None or line.drafted <= agreed.on) and agreed.on <= asked.on:
        return
    yield Alert(
        "prescriber-agreement",
        Level.BLOCKING,
        Text(
            "Un dosage modifié demande l'accord du prescripteur et sa date, entre la rédaction et la délivrance.",
            "A changed dosage needs the prescriber's agreement and its date, between drafting and delivery.",
        ),
        asked.location,
        "CSP R4235-61",
    )


def _grace(line: Line, asked: _Delivery, tables: Tables, names: frozenset[str]) -> Iterator[Alert]:
    drafted = line.drafted
    for row in tables.rows("secured-grace", names, asked.on):
        before, until = date.fromisoformat(row.value["before"]), date.fromisoformat(row.value["until"])
        if drafted and drafted < before and asked.on > until and Flag.SECURED not in line.flags:
            yield Alert(
                "secured-grace",
                Level.BLOCKING,
                Text(
                    f"« {line.title} » : une ordonnance non sécurisée d'avant le {before:%d/%m/%Y} n'était admise que "
                    f"jusqu'au {until:%d/%m/%Y}.",
                    f'"{line.title}": an unsecured prescription from before {before} was accepted until {until} only.',
                ),
                line.location,
                row.source,
            )


def _performer(line: Line) -> frozenset[str]:
    performer = line.resource.get("dispenseRequest", {}).get("performer", {})
    named = {performer.get("reference"), performer.get("identifier", {}).get("value")}
    return frozenset(each for each in named if each)
