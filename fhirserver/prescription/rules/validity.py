"""How long a line may be executed: first presentation within three months, twelve months in all; acts as stated.

Sources: Code de la santé publique R5132-21 and R5132-22 (lists I and II); décret 2022-972 (narcotics for a scheduled
surgery: from three days before it to three days after the planned discharge); décret 2023-1222 (retention).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fhirserver.prescription import elements
from fhirserver.prescription.lines import Line, of_line
from fhirserver.prescription.rules.calendar import days_after, months_after
from fhirserver.prescription.rules.tables import Tables


@dataclass(frozen=True, slots=True)
class Window:
    """The days on which a line may be executed, both included; None where no rule sets one.

    Attributes:
        first: the first day.
        last_start: the last day for a first execution.
        last: the last day of all.
    """

    first: date | None
    last_start: date | None
    last: date | None

    def ended(self, on: date, *, begun: bool) -> bool:
        """Whether nothing more may be executed that day.

        Args:
            on: the day in Paris.
            begun: whether something was executed before.
        """
        return (self.last is not None and on > self.last) or (
            not begun and self.last_start is not None and on > self.last_start
        )

    def open(self, on: date, *, begun: bool) -> bool:
        """Whether it may be executed that day."""
        return not self.ended(on, begun=begun) and (self.first is None or on >= self.first)


@of_line
def window(line: Line, tables: Tables) -> Window:
    """Return the days on which a line may be executed, from its drafting and what the prescriber stated."""
    stated_first, stated_last = line.validity
    drafted = line.drafted
    if drafted is None:
        return Window(stated_first, None, stated_last)
    names = tables.names(line)
    start = tables.least("first-presentation-months", names, drafted)
    whole = tables.least("validity-months", names, drafted)
    ends = [months_after(drafted, whole.value)] if whole else []
    if stated_last:
        ends.append(stated_last)
    last = min(ends, default=None)
    last_start = months_after(drafted, start.value) if start else None
    planned = elements.surgery(line.resource)
    row = tables.first("scheduled-surgery-days", names, drafted) if planned else None
    if planned and row:
        end = days_after(planned[1], row.value["after"])
        return Window(max(drafted, days_after(planned[0], -row.value["before"])), end, end)
    if stated_first and last_start:
        # dated to begin later: the months run from the day on which it may first be executed
        last_start = max(last_start, months_after(stated_first, start.value)) if start else last_start
    return Window(max(filter(None, (drafted, stated_first))), _earlier(last_start, last), last)


def envelope(lines: tuple[Line, ...], tables: Tables) -> tuple[date | None, date | None]:
    """First and last day of several lines: `Task.restriction.period`; None for the end where one line has none."""
    windows = [window(line, tables) for line in lines]
    firsts = [each.first for each in windows if each.first is not None]
    lasts = [each.last for each in windows]
    known = [last for last in lasts if last is not None]
    return min(firsts, default=None), max(known) if known and len(known) == len(lasts) else None


def purge_day(drafted: date, tables: Tables) -> date:
    """The day after which a prescription's data are no longer kept: five years from drafting."""
    row = tables.first("retention-years", ("*",), drafted)
    return months_after(drafted, 12 * (row.value if row else 5))


def _earlier(left: date | None, right: date | None) -> date | None:
    return min((each for each in (left, right) if each is not None), default=None)
