"""Dates as spans of time: `2024-05` is all of May, from its first microsecond to the first of June, exclusive.

https://hl7.org/fhir/R4/search.html#date: a date, dateTime or instant stands for the whole interval that its precision
covers. Spans are pairs of microseconds since 1970-01-01T00:00Z, begin inclusive, end exclusive.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

BEGINNING: Final = -(2**62)
"""Begin of a span without one; before every date that FHIR can write."""

END: Final = 2**62
"""End of a span without one."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_FORM: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_MICROSECOND_DIGITS: Final = 6
_MAX_LENGTH: Final = 64
_LAST_OFFSET_HOUR: Final = 14
_SECONDS_OF_A_MINUTE: Final = 60

Span = tuple[int, int]


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def span(text: str, zone: str) -> Span:
    """Return the span of time that a FHIR date, dateTime or instant covers.

    Args:
        text: `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or with a time to the minute, second or fraction of it.
        zone: IANA name of the time zone of texts that carry none.

    Raises:
        ValueError: not of that form, or no such date or time.
    """
    if len(text) > _MAX_LENGTH:
        raise ValueError(text)
    return _span(text, zone)


@lru_cache(maxsize=65_536)
def _span(text: str, zone: str) -> Span:
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if hour is None:
        return _days(int(year), int(month or 0), int(day or 0), zone)
    width = 60 * _SECOND
    seconds, begin = 0, 0
    if second is not None:
        seconds, width = int(second), _SECOND
        if seconds > _SECONDS_OF_A_MINUTE:
            raise ValueError(text)
    if fraction:
        digits = fraction[:_MICROSECOND_DIGITS]
        begin = int(digits.ljust(_MICROSECOND_DIGITS, "0"))
        width = 10 ** (_MICROSECOND_DIGITS - len(digits))
    local = datetime(int(year), int(month), int(day), int(hour), int(minute))  # noqa: DTZ001 - zoned by the next line
    begin += _utc(local, offset, zone) + seconds * _SECOND
    return begin, begin + width


def _days(year: int, month: int, day: int, zone: str) -> Span:
    if day:
        first = date(year, month, day)
        following = first.toordinal() + 1
    elif month:
        first = date(year, month, 1)
        following = date(year + month // 12, month % 12 + 1, 1).toordinal() if (year, month) != (9999, 12) else 0
    else:
        first = date(year, 1, 1)
        following = date(year + 1, 1, 1).toordinal() if year != date.max.year else 0
    last = date.max.toordinal()
    end = END if not following or following > last else _midnight(date.fromordinal(following), zone)
    return _midnight(first, zone), end


def _midnight(day: date, zone: str) -> int:
    # Zones have no rules for the far ends of the calendar: arithmetic there would leave the range of datetime.
    if not date.min < day < date.max:
        return (day.toordinal() - _EPOCH_DAY) * _DAY
    return _utc(datetime(day.year, day.month, day.day), None, zone)  # noqa: DTZ001 - zoned by _utc


def _utc(local: datetime, offset: str | None, zone: str) -> int:
    naive = (local.toordinal() - _EPOCH_DAY) * _DAY + (local.hour * 3600 + local.minute * 60) * _SECOND
    if offset == "Z":
        return naive
    if offset:
        hours, minutes = int(offset[1:3]), int(offset[4:6])
        if hours > _LAST_OFFSET_HOUR or minutes >= _SECONDS_OF_A_MINUTE:
            raise ValueError(offset)
        shift = (hours * 3600 + minutes * 60) * _SECOND
        return naive + shift if offset[0] == "-" else naive - shift
    shift_of_zone = ZoneInfo(zone).utcoffset(local) if date.min < local.date() < date.max else timedelta()
    return naive - (shift_of_zone or timedelta()) // timedelta(microseconds=1)
