"""`$check-prescription`: what the rules have to say about lines and facts, before they are pushed or when they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fhirserver.issues import Issue
from fhirserver.prescription.alerts import Alert, ordered, refusing
from fhirserver.prescription.elements import confirmations
from fhirserver.prescription.facts import Facts
from fhirserver.prescription.lines import Line
from fhirserver.prescription.rules import authority, coverage, durations, mentions, scope, secured, substitution
from fhirserver.prescription.rules.case import Case
from fhirserver.prescription.rules.tables import Tables, shipped

OF_ONE_LINE: Final[tuple[Callable[[Case], Iterator[Alert]], ...]] = (
    mentions.of_line,
    mentions.weight,
    durations.maximum,
    durations.beyond,
    durations.renewal,
    durations.ended,
    durations.begun_late,
    secured.in_words,
    secured.paper,
    secured.pharmacy,
    secured.fractional,
    substitution.reason,
    coverage.accompaniment,
    coverage.prior_approval,
    coverage.contradictions,
    authority.profession,
    authority.locum,
    scope.setting,
    scope.termination,
    scope.minor,
)
"""Every rule that looks at one line; each returns alerts, none knows of another."""
OF_ALL_LINES: Final[tuple[Callable[[Sequence[Case]], Iterator[Alert]], ...]] = (coverage.bizone, scope.together)
"""Every rule that looks at the lines together."""


def check(lines: Sequence[Line], facts: Facts, tables: Tables | None = None) -> list[Alert]:
    """Return what all rules find, blocking alerts first, otherwise in the order of lines and rules.

    An alert of one line is confirmed on that line; one of all lines, or of people, on any.

    Args:
        lines: the lines of one prescription.
        facts: the day, and what is known of patient and prescriber.
        tables: an operator's; the shipped ones where None.
    """
    cases = [Case(line, facts, tables or shipped()) for line in lines]
    given = [confirmations(line.resource) for line in lines]
    found = [
        alert.settled(own)
        for case, own in zip(cases, given, strict=True)
        for rule in OF_ONE_LINE
        for alert in rule(case)
    ]
    together = [alert for rule in OF_ALL_LINES for alert in rule(cases)] if cases else []
    together += mentions.of_people(facts)
    anywhere = set().union(*given)
    return ordered([*found, *(alert.settled(anywhere) for alert in together)])


def refusals(lines: Sequence[Line], facts: Facts, tables: Tables | None = None) -> list[Issue]:
    """The issues for which a prescription is not issued: blocking alerts, and those to be confirmed that are not."""
    return refusing(check(lines, facts, tables))


def issues(alerts: Sequence[Alert]) -> list[Issue]:
    """Every alert as an Issue, for an OperationOutcome."""
    return [alert.issue() for alert in alerts]
