"""What a Timing repeats: as its structure says, else as its code does (BID: twice a day).

Source: Timing of FHIR R4 (https://hl7.org/fhir/R4/datatypes.html#Timing): a code is a complete statement of the
schedule, but for the bounds, which always stand in `repeat`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

Element = Mapping[str, Any]
_SECONDS: Final = slice(16, 19)

_ABBREVIATIONS: Final = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
SCHEDULE: Final = frozenset(
    {"frequency", "frequencyMax", "period", "periodMax", "periodUnit", "dayOfWeek", "timeOfDay", "when"}
)
"""Elements of `repeat` that say how often."""


def _each(unit: str, *, times: int = 1, period: int = 1) -> Element:
    return {"frequency": times, "period": period, "periodUnit": unit}


_CODED: Final[Mapping[str, Element]] = {
    "QD": _each("d"),
    "BID": _each("d", times=2),
    "TID": _each("d", times=3),
    "QID": _each("d", times=4),
    "QOD": _each("d", period=2),
    **{f"Q{hours}H": _each("h", period=hours) for hours in (1, 2, 3, 4, 6, 8)},
    "AM": {"when": ["MORN"]},
    "PM": {"when": ["AFT"]},
    "BED": {"when": ["HS"]},
    "WK": _each("wk"),
    "MO": _each("mo"),
}
"""http://hl7.org/fhir/ValueSet/timing-abbreviation, as `Timing.repeat`."""


def repeat_of(timing: Element) -> Element:
    """Return `repeat`, completed by what the code says where it holds no schedule of its own."""
    repeat: Element = timing.get("repeat", {})
    if not SCHEDULE.isdisjoint(repeat):
        return repeat
    for coding in timing.get("code", {}).get("coding", ()):
        coded = _CODED.get(str(coding.get("code"))) if coding.get("system") == _ABBREVIATIONS else None
        if coded is not None:
            return {**coded, **repeat}
    return repeat


def instant(text: str) -> datetime:
    """Read a FHIR instant; a leap second is of the minute that it ends.

    Raises:
        ValueError: it is none.
    """
    leaps = text[_SECONDS] == ":60"
    return datetime.fromisoformat(f"{text[: _SECONDS.start]}:59{text[_SECONDS.stop :]}" if leaps else text)
