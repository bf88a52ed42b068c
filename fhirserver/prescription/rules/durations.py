"""Maximum durations by class, renewals counted; renewals by list.

Sources: arrêté du 7 octobre 1991 and later; Code de la santé publique R5132-14, R5132-21, R5132-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from fhirserver.issues import Text
from fhirserver.prescription.alerts import Alert
from fhirserver.prescription.rules.case import Case
from fhirserver.prescription.rules.course import renewals
from fhirserver.prescription.rules.validity import window

_DAYS_OF_A_YEAR: Final = 366
_MONTHS_OF_A_YEAR: Final = 12


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
