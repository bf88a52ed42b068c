"""Dates, dateTimes and times that know how precise they are (https://hl7.org/fhirpath/N1/#datetime-comparison).

`@2014` is a year, not the first of January: comparing it with `@2014-05` is undecidable, and gives empty.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

MomentKind = Literal["date", "dateTime", "time"]

_DATE: Final = r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?"
_TIME: Final = r"(\d{2})(?::(\d{2})(?::(\d{2}(?:\.\d+)?))?)?"
_ZONE: Final = r"(Z|[+-]\d{2}:\d{2})?"
_MOMENT: Final = re.compile(rf"{_DATE}(?:(T)(?:{_TIME}{_ZONE})?)?")
_TIME_ONLY: Final = re.compile(rf"T?{_TIME}")
_LATEST_ZONE: Final = 14 * 60
_EARLIEST_ZONE: Final = -12 * 60
_MAXIMA: Final = (9999, 12, 31, 23, 59, 60)
_NAMES: Final = ("year", "month", "day", "hour", "minute", "second")
_SECONDS_OF: Final = {
    "week": Decimal(604800), "day": Decimal(86400), "hour": Decimal(3600), "minute": Decimal(60),
    "second": Decimal(1), "millisecond": Decimal("0.001"),
}  # fmt: skip


class Moment:
    """A date, dateTime or time.

    Attributes:
        kind: which of the three.
        parts: year, month, day, hour, minute (int), seconds (Decimal) as far as they are known; for a time from the
            hour on.
        offset: minutes east of UTC; None where no time zone is given.
        text: as it was written, without `@` and, for a time, without `T`.
        utc: the parts in UTC, or as they are where no time zone is given.
    """

    __slots__ = ("kind", "offset", "parts", "text", "utc")

    def __init__(self, kind: MomentKind, parts: tuple[int | Decimal, ...], offset: int | None, text: str) -> None:
        self.kind: MomentKind = kind
        self.parts = parts
        self.offset = offset
        self.text = text
        self.utc = _in_utc(parts, offset)

    def __repr__(self) -> str:
        return f"Moment({self.kind}, {self.text})"

    def __str__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self.kind == other.kind and compare(self, other) == 0

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> Hashable:
        """What it is told apart by: equal keys mean equal moments."""
        return (self.kind == "time", self.offset is None, self.utc)

    @property
    def digits(self) -> int:
        """How many digits are stated: 4 for a year, 8 for a day, 17 for a dateTime with milliseconds."""
        digits = sum(character.isdigit() for character in self.text)
        return digits - 4 if self.offset is not None and not self.text.endswith("Z") else digits


@lru_cache(maxsize=4096)
def read_moment(text: str, *, literal: bool = False) -> Moment | None:
    """Read a date (`2014-05`), dateTime (`2014-05-01T10:00Z`, `2014T`) or time literal (`T10:30`).

    Args:
        text: without the `@` of a literal.
        literal: whether a leading `T` means a time, and a trailing one a dateTime.

    Returns:
        None where the text is none of these, or names a day that does not exist.
    """
    if literal and text.startswith("T"):
        return read_time(text[1:])
    match = _MOMENT.fullmatch(text)
    if match is None or (text.endswith("T") and not literal):
        return None
    year, month, day, with_time, hour, minute, seconds, zone = match.groups()
    parts = _numbers(year, month, day, hour, minute, seconds)
    if not _exists(parts) or (hour is not None and day is None):
        return None
    return Moment("dateTime" if with_time else "date", parts, _offset(zone), text)


def read_date(text: str) -> Moment | None:
    """Read a date; None where the text is no date."""
    moment = read_moment(text)
    return moment if moment is not None and moment.kind == "date" else None


@lru_cache(maxsize=4096)
def read_date_time(text: str) -> Moment | None:
    """Read a dateTime or instant, which may be as imprecise as a year; None where the text is neither."""
    moment = read_moment(text)
    return moment and (moment if moment.kind == "dateTime" else Moment("dateTime", moment.parts, None, text))


@lru_cache(maxsize=1024)
def read_time(text: str) -> Moment | None:
    """Read a time of day (`10:30:00.5`, `T10`); None where the text is none."""
    match = _TIME_ONLY.fullmatch(text)
    if match is None:
        return None
    parts = _numbers(*match.groups())
    if any(part > most for part, most in zip(parts, _MAXIMA[3:], strict=False)):
        return None
    return Moment("time", parts, None, text.removeprefix("T"))


def now_as(kind: MomentKind, moment: datetime) -> Moment:
    """Return a clock's time (with its time zone) as date, dateTime or time, to the millisecond."""
    text = moment.isoformat(timespec="milliseconds")
    read = {"date": text[:10], "dateTime": text, "time": text[11:23]}[kind]
    found = read_time(read) if kind == "time" else read_moment(read)
    assert found is not None
    return found


def compare(left: Moment, right: Moment) -> int | None:
    """Return -1, 0 or 1; None where differing precision, or a missing time zone, leaves it open."""
    if (left.offset is None) == (right.offset is None) or left.kind == "time" or right.kind == "time":
        return _compare_parts(left.utc, right.utc)
    if len(left.parts) < len(_NAMES) - 1 or len(right.parts) < len(_NAMES) - 1:
        return _compare_parts(left.parts, right.parts)
    # One of them may be in any time zone of the world.
    outcomes = {
        _compare_parts(
            _in_utc(left.parts, zone if left.offset is None else left.offset),
            _in_utc(right.parts, zone if right.offset is None else right.offset),
        )
        for zone in (_LATEST_ZONE, _EARLIEST_ZONE)
    }
    return outcomes.pop() if len(outcomes) == 1 else None


def equivalent(left: Moment, right: Moment) -> bool:
    """Tell whether two moments are the same to the same precision (https://hl7.org/fhirpath/N1/#equivalent)."""
    return compare(left, right) == 0


def add(moment: Moment, amount: Decimal, unit: str) -> Moment | None:
    """Add an amount of a calendar unit (`year` … `millisecond`); a fraction counts only for seconds.

    Returns:
        None where the result lies outside of the years 1 to 9999.
    """
    whole = int(amount)
    if unit in ("year", "month"):
        if moment.kind == "time":
            return None
        return _add_months(moment, whole * (12 if unit == "year" else 1))
    seconds = _SECONDS_OF[unit] * (amount if unit in ("second", "millisecond") else whole)
    return _add_seconds(moment, seconds)


def _add_months(moment: Moment, months: int) -> Moment | None:
    parts = list(moment.parts)
    if len(parts) == 1:
        # To a year, months are added as whole years.
        parts[0] = int(parts[0]) + int(months / 12)
    else:
        years, month = divmod(int(parts[0]) * 12 + int(parts[1]) - 1 + months, 12)
        parts[:2] = [years, month + 1]
    if not 1 <= parts[0] <= _MAXIMA[0]:
        return None
    if len(parts) > 2:  # noqa: PLR2004 - year, month and day
        parts[2] = min(int(parts[2]), calendar.monthrange(int(parts[0]), int(parts[1]))[1])
    return _rewritten(moment, tuple(parts))


def _add_seconds(moment: Moment, seconds: Decimal) -> Moment | None:
    first = 3 if moment.kind == "time" else 0
    names = _NAMES[first : first + len(moment.parts)]
    if len(moment.parts) < 3 and not first:  # noqa: PLR2004 - a year or a month
        days = int(seconds / _SECONDS_OF["day"])
        return _add_months(moment, int(days / 365) * 12 if len(moment.parts) == 1 else int(days / 30))
    if names[-1] != "second":
        # What is finer than the precision at hand is dropped.
        step = _SECONDS_OF[names[-1]]
        seconds = Decimal(int(seconds / step)) * step
    padded = (*((2000, 1, 1) if first else ()), *moment.parts)
    clock = [*(int(part) for part in padded[:5]), *([0] * (5 - len(padded[:5])))]
    held = Decimal(padded[5]) if len(padded) > 5 else Decimal(0)  # noqa: PLR2004 - the seconds' place
    minutes, rest = divmod(held + seconds, 60)
    if rest < 0:
        minutes, rest = minutes - 1, rest + 60
    rest = abs(rest)  # a zero may come negative
    try:
        moved = datetime(clock[0], clock[1], clock[2], clock[3], clock[4], tzinfo=UTC) + timedelta(minutes=int(minutes))
    except (OverflowError, ValueError):
        return None
    parts = (moved.year, moved.month, moved.day, moved.hour, moved.minute, rest)
    return _rewritten(moment, parts[first : first + len(moment.parts)])


def _rewritten(moment: Moment, parts: tuple[int | Decimal, ...]) -> Moment:
    """Return the moment with other parts, written to the same precision and in the same time zone."""
    fraction = len(moment.text.partition(".")[2].rstrip("Z").partition("+")[0].partition("-")[0])
    return written(moment.kind, parts, moment.offset, fraction, zone=_zone_text(moment))


def written(
    kind: MomentKind, parts: tuple[int | Decimal, ...], offset: int | None, fraction: int = 3, zone: str | None = None
) -> Moment:
    """Return a moment from its parts, with `fraction` digits after the seconds' point."""
    first = 3 if kind == "time" else 0
    text = ""
    kept: list[int | Decimal] = []
    for name, part in zip(_NAMES[first:], parts, strict=False):
        value = part
        if name == "second":
            value = Decimal(part).quantize(Decimal(1).scaleb(-fraction), rounding="ROUND_DOWN")
            shown = f"{value:0{3 + fraction if fraction else 2}.{fraction}f}"
        else:
            shown = f"{int(part):0{4 if name == 'year' else 2}d}"
        text += {"month": "-", "day": "-", "hour": "" if first else "T", "minute": ":", "second": ":"}.get(name, "")
        text += shown
        kept.append(value)
    if kind == "dateTime" and len(parts) <= 3 and offset is None:  # noqa: PLR2004 - without a time
        return Moment(kind, tuple(kept), None, text)
    if offset is not None:
        text += zone or f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
    return Moment(kind, tuple(kept), offset, text)


def _zone_text(moment: Moment) -> str | None:
    return "Z" if moment.text.endswith("Z") else None


def _numbers(*texts: str | None) -> tuple[int | Decimal, ...]:
    found: list[int | Decimal] = []
    for place, text in enumerate(texts):
        if text is None:
            break
        found.append(Decimal(text) if place == len(texts) - 1 else int(text))
    return tuple(found)


def _exists(parts: tuple[int | Decimal, ...]) -> bool:
    if parts[0] == 0 or 0 in parts[1:3] or any(p > most for p, most in zip(parts, _MAXIMA, strict=False)):
        return False
    return len(parts) < 3 or parts[2] <= calendar.monthrange(int(parts[0]), int(parts[1]))[1]  # noqa: PLR2004 - days


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _in_utc(parts: tuple[int | Decimal, ...], offset: int | None) -> tuple[int | Decimal, ...]:
    if not offset or len(parts) < 5:  # noqa: PLR2004 - down to the minute
        return parts
    clock = [int(part) for part in parts[:5]]
    try:
        moved = datetime(clock[0], clock[1], clock[2], clock[3], clock[4], tzinfo=UTC) - timedelta(minutes=offset)
    except (OverflowError, ValueError):
        return parts
    return (moved.year, moved.month, moved.day, moved.hour, moved.minute, *parts[5:])


def _compare_parts(left: tuple[int | Decimal, ...], right: tuple[int | Decimal, ...]) -> int | None:
    if left == right:
        return 0
    for mine, other in zip(left, right, strict=False):
        if mine != other:
            return -1 if mine < other else 1
    return None
