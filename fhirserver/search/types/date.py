"""Date parameters (https://hl7.org/fhir/R4/search.html#date).

A value is kept as a span `{b, e}` in microseconds, begin inclusive, end exclusive; a period without an end lasts for
ever. Spans of up to a day have one key by their begin (`date=`), longer ones two, by begin (`date<`) and by end
(`date>`): any comparison then reads only a bounded part of the index.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types.values import Collector, Condition, Setting, ValueFault, Values, add
from fhirserver.search.values import prefixes
from fhirserver.search.values.instants import BEGINNING, END, Span, microseconds, span
from fhirserver.search.values.keys import Bounds
from fhirserver.search.values.prefixes import Compared

_SHORT: Final = 90_000_000_000
"""Spans of up to 25 hours (the day on which summer time ends) are short."""

_OFFSET: Final = 2**62


def collector(fhir_type: str, field: str, setting: Setting) -> Collector | None:
    """Return what extracts spans from elements of a FHIR type; None if it has none."""
    zone = setting.zone
    if fhir_type in ("date", "dateTime", "instant"):

        def moment(element: Any, values: Values) -> None:
            begin, end = span(element, zone)
            add(values, field, {"b": begin, "e": end})

        return moment
    if fhir_type == "Period":

        def period(element: Any, values: Values) -> None:
            _add_period(element, field, zone, values)

        return period
    if fhir_type == "Timing":

        def timing(element: Any, values: Values) -> None:
            _add_timing(element, field, zone, values)

        return timing
    return None


def _period(element: Any, zone: str) -> Span | None:
    begin = span(element["start"], zone)[0] if "start" in element else BEGINNING
    end = span(element["end"], zone)[1] if "end" in element else END
    return None if (begin, end) == (BEGINNING, END) else (begin, end)


def _add_period(element: Any, field: str, zone: str, values: Values) -> None:
    found = _period(element, zone)
    if found:
        add(values, field, {"b": found[0], "e": found[1]})


def _add_timing(element: Any, field: str, zone: str, values: Values) -> None:
    """Add the outer limits of a timing."""
    spans = [span(event, zone) for event in element.get("event", ()) if event is not None]
    bounds_period = element.get("repeat", {}).get("boundsPeriod")
    limits = _period(bounds_period, zone) if bounds_period else None
    if limits:
        spans.append(limits)
    if spans:
        add(values, field, {"b": min(begin for begin, _ in spans), "e": max(end for _, end in spans)})


def _encode(moment: int) -> str:
    return f"{moment + _OFFSET:016x}"


def index_keys(field: str, found: list[dict[str, int]]) -> list[str]:
    """Return the keys of spans."""
    result = []
    for value in found:
        begin, end = value["b"], value["e"]
        if end - begin <= _SHORT:
            result.append(f"{field}={begin + _OFFSET:016x}")
        else:
            result += (f"{field}<{begin + _OFFSET:016x}", f"{field}>{end + _OFFSET:016x}")
    return result


def read(text: str, setting: Setting) -> Compared[int]:
    """Read a date with its prefix.

    Raises:
        ValueFault: not a date.
    """
    prefix, rest = prefixes.split(text)
    try:
        begin, end = span(rest.replace(" ", "+") if "T" in rest else rest, setting.zone)
    except (ValueError, OverflowError):
        raise ValueFault(
            Text(
                f"« {rest[:40]} » n'est pas une date FHIR "
                "(AAAA, AAAA-MM, AAAA-MM-JJ ou AAAA-MM-JJThh:mm[:ss][Z|±hh:mm])",
                f'"{rest[:40]}" is not a FHIR date (YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][Z|±hh:mm])',
            )
        ) from None
    if prefix == "ap":
        now = microseconds(datetime.now(UTC))
        margin = max(abs(now - begin), abs(now - end)) // 10
        return Compared(prefix, begin - margin, end + margin)
    return Compared(prefix, begin, end)


def condition(path: str, compared: list[Compared[int]]) -> Condition:
    """Return the condition that a span compares so with one of the values."""
    parts: list[Condition] = [{path: {"$elemMatch": prefixes.comparison(value)}} for value in compared]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def bounds(field: str, compared: list[Compared[int]], rank: int = 6) -> Bounds:
    """Return where candidates stand.

    Args:
        field: the parameter's.
        compared: the alternatives of one criterion.
        rank: of the bounds.
    """
    ranges: list[tuple[str, str]] = []
    for value in compared:
        ranges += window_ranges(field, prefixes.window(value, BEGINNING, END))
    return Bounds("k", (), tuple(ranges), rank)


def window_ranges(field: str, window: prefixes.Window[int]) -> list[tuple[str, str]]:
    """Return the ranges of keys of spans whose begin and end lie in a window (limits inclusive)."""
    lowest = max(window.begin_from, window.end_from - _SHORT, BEGINNING)
    highest = min(window.begin_to, window.end_to)
    ranges = [_range(f"{field}=", lowest, highest)] if lowest <= highest else []
    if window.begin_to - window.begin_from <= window.end_to - window.end_from:
        ranges.append(_range(f"{field}<", window.begin_from, window.begin_to))
    else:
        ranges.append(_range(f"{field}>", window.end_from, window.end_to))
    return ranges


def _range(start: str, lowest: int, highest: int) -> tuple[str, str]:
    return start + _encode(lowest), start + _encode(highest) + "~"
