"""Index keys: texts in the multikey array `s.k` by which MongoDB finds candidates; `s.x` then decides on them.

A key is `parameter=value`, cut to a length: a cut key finds more than it should, never less, and the condition on `s.x`
is always checked as well. So an index serves every query without ever deciding one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

MAX_LENGTH: Final = 150
"""Characters of a key."""

SEPARATOR: Final = "\t"
"""Stands between code and system: no code has one, and the character after it bounds a range of keys."""

_AFTER_SEPARATOR: Final = "\n"
_AFTER_ALL: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of one index has to be read to find every candidate.

    Attributes:
        field: `k` (keys), `a` (compartments that the resource belongs to) or `_id`.
        points: exact entries.
        ranges: pairs of first entry and first entry beyond.
        rank: how few candidates to expect: the lowest wins.
        also: what else has to be read, of another index.
    """

    field: str
    points: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()
    rank: int = 9
    also: Bounds | None = None

    def condition(self) -> dict[str, Any]:
        """Return the Mongo condition whose index bounds these are."""
        name = self.field if self.field == "_id" else f"s.{self.field}"
        parts: list[dict[str, Any]] = []
        if self.points:
            parts.append({name: self.points[0] if len(self.points) == 1 else {"$in": list(self.points)}})
        parts += [{name: {"$elemMatch": {"$gte": first, "$lt": beyond}}} for first, beyond in self.ranges]
        if self.also:
            parts.append(self.also.condition())
        if not parts:
            return {name: {"$in": []}}
        return parts[0] if len(parts) == 1 else {"$or": parts}


def joined(one: Bounds, other: Bounds) -> Bounds:
    """Return bounds that read what either of two reads."""
    rank = max(one.rank, other.rank)
    if one.field == other.field and not (one.also and other.also):
        also = one.also or other.also
        return Bounds(one.field, one.points + other.points, one.ranges + other.ranges, rank, also)
    if one.also:
        return replace(one, also=joined(one.also, other), rank=rank)
    return replace(one, also=other, rank=rank)


def point(field: str, value: str) -> str:
    """Return the key of a value."""
    return f"{field}={value}"[:MAX_LENGTH]


def starting(field: str, start: str) -> tuple[str, str]:
    """Return the range of the keys whose value begins so."""
    first = point(field, start)
    return first, first + _AFTER_ALL


def any_system(field: str, code: str) -> tuple[str, str]:
    """Return the range of the token keys with this code, whatever the system."""
    first = f"{field}={code}{SEPARATOR}"
    if len(first) > MAX_LENGTH:
        first = first[:MAX_LENGTH]
        return first, first + _AFTER_ALL
    return first, first[:-1] + _AFTER_SEPARATOR


def field_of(code: str) -> str:
    """Return the name under which a parameter's values are kept: its code, safe as the name of a Mongo field."""
    if code.replace("-", "").replace("_", "").isalnum() and code.isascii():
        return code
    return "".join(letter if letter.isalnum() or letter in "-_" else f"%{ord(letter):02X}" for letter in code)
