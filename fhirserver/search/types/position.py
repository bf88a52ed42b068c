"""The special parameter `near` of Location: `latitude|longitude|distance|units`.

https://hl7.org/fhir/R4/location.html#positional. A position is kept as `[longitude, latitude]`, as MongoDB wants it;
its key is the square of one degree in which it lies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types.values import Collector, Condition, ValueFault, Values, add
from fhirserver.search.values import escapes, keys
from fhirserver.search.values.keys import Bounds

_EARTH_RADIUS_KM: Final = 6_378.1
_KILOMETRES: Final = {"km": 1.0, "": 1.0, "m": 0.001, "[mi_i]": 1.609344, "mi_i": 1.609344, "[mi_us]": 1.609347}
_DEFAULT_DISTANCE: Final = 50.0
_HALF_TURN: Final = 180.0
_QUARTER_TURN: Final = 90.0
_MIN_PARTS: Final = 2
_MAX_PARTS: Final = 4
_ROUNDING: Final = 1e-6
"""Degrees by which a circle is read wider than it is."""
_RANK: Final = 4


@dataclass(frozen=True, slots=True)
class Circle:
    """A place on earth and all around it.

    Attributes:
        longitude: degrees.
        latitude: degrees.
        distance: kilometres.
    """

    longitude: float
    latitude: float
    distance: float


def collector(field: str) -> Collector:
    """Return what extracts a position from `Location.position`."""

    def position(element: Any, values: Values) -> None:
        add(values, field, [float(element["longitude"]), float(element["latitude"])])

    return position


def read(text: str) -> Circle:
    """Read `latitude|longitude[|distance[|units]]`.

    Raises:
        ValueFault: not of that form.
    """
    parts = [escapes.unescape(part).strip() for part in escapes.split(text, "|")]
    wrong = ValueFault(
        Text(
            "une position s'écrit `latitude|longitude|distance|unité` (unité : km, m ou [mi_i])",
            "a position is written `latitude|longitude|distance|unit` (unit: km, m or [mi_i])",
        )
    )
    if not _MIN_PARTS <= len(parts) <= _MAX_PARTS:
        raise wrong
    try:
        latitude, longitude = float(parts[0]), float(parts[1])
        distance = float(parts[2]) if len(parts) > _MIN_PARTS and parts[2] else _DEFAULT_DISTANCE
        distance *= _KILOMETRES[parts[3] if len(parts) == _MAX_PARTS else ""]
    except (ValueError, KeyError):
        raise wrong from None
    if not (abs(latitude) <= _QUARTER_TURN and abs(longitude) <= _HALF_TURN and 0 <= distance < math.inf):
        raise wrong
    return Circle(longitude, latitude, distance)


def index_keys(field: str, found: list[list[float]]) -> list[str]:
    """Return the keys of kept positions."""
    return [_square(field, _row(latitude), _column(longitude)) for longitude, latitude in found]


def bounds(field: str, circles: list[Circle]) -> Bounds:
    """Return where candidates for these circles stand."""
    ranges: dict[tuple[str, str], None] = {}
    for circle in circles:
        radius = circle.distance / _EARTH_RADIUS_KM
        height = math.degrees(radius) + _ROUNDING
        first, last = _row(circle.latitude - height), _row(circle.latitude + height)
        columns = (0, 2 * int(_HALF_TURN))
        if abs(circle.latitude) + height < _QUARTER_TURN:  # otherwise it holds a pole
            width = math.degrees(math.asin(math.sin(radius) / math.cos(math.radians(circle.latitude)))) + _ROUNDING
            if abs(circle.longitude) + width < _HALF_TURN:
                columns = _column(circle.longitude - width), _column(circle.longitude + width)
        for row in range(first, last + 1):
            ranges[_square(field, row, columns[0]), _square(field, row, columns[1] + 1)] = None
    return Bounds("k", (), tuple(ranges), _RANK)


def _row(latitude: float) -> int:
    return math.floor(max(-_QUARTER_TURN, min(_QUARTER_TURN, latitude)) + _QUARTER_TURN)


def _column(longitude: float) -> int:
    return math.floor(max(-_HALF_TURN, min(_HALF_TURN, longitude)) + _HALF_TURN)


def _square(field: str, row: int, column: int) -> str:
    return keys.point(field, f"{row:03d}:{column:03d}")


def condition(path: str, circles: list[Circle]) -> Condition:
    """Return the condition that a position lies in one of the circles."""
    parts: list[Condition] = [
        {
            path: {
                "$geoWithin": {
                    "$centerSphere": [[c.longitude, c.latitude], min(c.distance / _EARTH_RADIUS_KM, math.pi)]
                }
            }
        }
        for c in circles
    ]
    return parts[0] if len(parts) == 1 else {"$or": parts}
