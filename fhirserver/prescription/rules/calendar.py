"""Calendar arithmetic of the law: whole days in Paris, months from a day to the same day."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Final

_MONTHS: Final = 12


def months_after(start: date, count: int) -> date:
    """Return the same day so many months on; the month's last day where it has no such day.

    Source: Code de procédure civile 641.
    """
    months = start.month - 1 + count
    year, month = start.year + months // _MONTHS, months % _MONTHS + 1
    if year > date.max.year:
        return date.max
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


def days_after(start: date, count: int) -> date:
    """Return the day so many calendar days on; the first day is not counted."""
    try:
        return start + timedelta(days=count)
    except OverflowError:
        return date.max if count > 0 else date.min


def age(birth: date, on: date) -> int:
    """Return the age in whole years; who was born on 29 February is a year older on 1 March."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
