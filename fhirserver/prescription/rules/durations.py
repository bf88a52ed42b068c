"""Maximum durations by class, renewals counted; renewals by list.

Sources: arrêté du 7 octobre 1991 and later; Code de la santé publique R5132-14, R5132-21, R5132-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.execution.quantities import Amount, converted, covered_days, prescribed_quantity
from fhirserver.prescription.french.amounts import said
from fhirserver.prescription.rules.case import Case
from fhirserver.prescription.rules.course import renewals, stride
from fhirserver.prescription.rules.validity import window

_DAYS_OF_A_YEAR: Final = 366
_MONTHS_OF_A_YEAR: Final = 12
_MISTAKEN: Final = 2
"""How many times the written duration a quantity lasts where figures were probably mistaken."""


def maximum(case: Case) -> Iterator[Alert]:
    """The treatment, renewals included, lasts no longer than its class or list allows."""
    line = case.line
    if not line.is_medicine:
        return
    row = case.tables.least("maximum-days", case.names, case.on)
    if line.days is None:
        if row is not None:
            yield case.confirm(
                "maximum-duration",
                Text(
                    f"« {line.title} » : la durée est limitée à {row.value} jours, et celle de cette ligne ne peut "
                    "être calculée.",
                    f'"{line.title}": the duration is limited to {row.value} days, and this line\'s cannot be '
                    "computed.",
                ),
                "dispenseRequest",
                row.source,
            )
        return
    total = line.days * (1 + (line.renewals or 0))
    if row is not None and total > row.value:
        yield case.blocking(
            "maximum-duration",
            Text(
                f"« {line.title} » : {total} jours, renouvellements compris ; {row.value} au plus.",
                f'"{line.title}": {total} days, renewals included; {row.value} at most.',
            ),
            "dispenseRequest.expectedSupplyDuration",
            row.source,
        )
        return
    year = case.tables.least("validity-months", case.names, case.on)
    if year is not None and total > Fraction(year.value * _DAYS_OF_A_YEAR, _MONTHS_OF_A_YEAR):
        yield case.blocking(
            "maximum-duration",
            Text(
                f"« {line.title} » : {total} jours, renouvellements compris ; {year.value} mois au plus.",
                f'"{line.title}": {total} days, renewals included; {year.value} months at most.',
            ),
            "dispenseRequest.numberOfRepeatsAllowed",
            year.source,
        )


def beyond(case: Case) -> Iterator[Alert]:
    """A stated quantity lasts no longer, by the posology, than what is written of the duration and than is allowed."""
    line, stated = case.line, case.line.stated_quantity
    if not line.is_medicine or line.days is None or stated is None or stated.value <= 0:
        return
    covered = covered_days(stated, line.dosages, line.drafted)
    if covered is None or covered <= line.days:
        return
    row = case.tables.least("maximum-days", case.names, case.on)
    longer = row is not None and covered * (1 + (line.renewals or 0)) > row.value
    if not longer and not case.medicine.is_narcotic and covered < _MISTAKEN * line.days:
        return
    text = Text(
        f"« {line.title} » : selon la posologie, {said(stated)} pour {covered} jours ; durée écrite : {line.days} jours"
        + (f", {row.value} au plus, renouvellements compris." if row and longer else "."),
        f'"{line.title}": {stated} last {covered} days by the posology; {line.days} days are written'
        + (f", and {row.value} at most, renewals included." if row and longer else "."),
    )
    path, source = "dispenseRequest.quantity", row.source if row and longer else "CSP R5132-3"
    if longer and case.medicine.is_narcotic:
        yield case.blocking("maximum-duration", text, path, source)
    elif longer and not _within_one_pack(case, stated):
        yield case.confirm("maximum-duration", text, path, source)
    elif case.medicine.is_narcotic:
        yield case.confirm("quantity", text, path, source)
    else:
        yield case.inform("quantity", text, path, source)


def _within_one_pack(case: Case, stated: Amount) -> bool:
    """Whether it exceeds posology and duration by less than the smallest pack, or the double where none is known."""
    computed = prescribed_quantity(case.line.dosages, case.line.days, case.line.drafted)
    same = computed and converted(stated, computed)
    if computed is None or same is None:
        return True
    packs = case.medicine.packs
    return same.value - computed.value < (packs[0] if packs else computed.value * (_MISTAKEN - 1))


def ended(case: Case) -> Iterator[Alert]:
    """A prescription that could no longer be executed on the day of its checking: mostly a wrong date."""
    opened = window(case.line, case.tables)
    if opened.ended(case.facts.on, begun=False):
        last = opened.last if opened.last_start is None else opened.last_start
        yield case.inform(
            "validity",
            Text(
                f"« {case.line.title} » : la validité est échue depuis le {last:%d/%m/%Y}, rien ne sera délivré.",
                f'"{case.line.title}": the validity ended on {last}, nothing will be delivered.',
            ),
            "authoredOn",
            "CSP R5132-22",
        )


def begun_late(case: Case) -> Iterator[Alert]:
    """A narcotic that the prescriber lets begin so late that days are deducted before it can be delivered."""
    first = window(case.line, case.tables).first if case.medicine.is_narcotic else None
    shown = stride(case.line, case.tables, (), first) if first is not None else None
    if first is None or shown is None or not shown.elapsed:
        return
    yield case.inform(
        "validity",
        Text(
            f"« {case.line.title} », valable à partir du {first:%d/%m/%Y} : le délai de présentation court de la "
            f"rédaction ; ce jour-là, jours déduits : {shown.elapsed}, jours délivrables : {shown.days}.",
            f'"{case.line.title}", valid from {first}: the days to present it count from the drafting; on that day '
            f"{shown.elapsed} days are deducted, {shown.days} may be delivered.",
        ),
        "dispenseRequest.validityPeriod",
        "CSP R5132-33",
    )


def renewal(case: Case) -> Iterator[Alert]:
    """Narcotics are never renewed; what list II implies is said."""
    line = case.line
    if not line.is_medicine:
        return
    row = case.tables.first("renewals", case.names, case.on)
    if row is None:
        return
    if row.value == "never" and (line.renewals or 0) > 0:
        yield case.blocking(
            "renewals",
            Text(
                f"« {line.title} » ne se renouvelle pas : une nouvelle ordonnance est nécessaire.",
                f'"{line.title}" is never renewed: a new prescription is needed.',
            ),
            "dispenseRequest.numberOfRepeatsAllowed",
            row.source,
        )
    elif row.value == "unless-forbidden" and case.medicine.known and line.renewals is None:
        again = renewals(line, case.tables)
        if again:
            yield case.inform(
                "renewals",
                Text(
                    f"« {line.title} » (liste II) est renouvelable {again} fois, faute de mention : écrivez le nombre "
                    "voulu, ou 0.",
                    f'"{line.title}" (list II) may be renewed {again} times, as nothing is said: write the number, '
                    "or 0.",
                ),
                "dispenseRequest.numberOfRepeatsAllowed",
                row.source,
            )
