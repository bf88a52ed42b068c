"""When two items are equal (`=`), equivalent (`~`), or the same for `distinct()`, `|` and `in`.

Items come lowered: System values, or Nodes and raw objects of complex types
(https://hl7.org/fhirpath/N1/#equality, #equivalence).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any

from fhirserver.fhirpath.nodes import Node
from fhirserver.fhirpath.values import moments, quantities
from fhirserver.fhirpath.values.moments import Moment
from fhirserver.fhirpath.values.quantities import Quantity


def equal(left: Any, right: Any) -> bool | None:
    """Tell whether two items are equal; None where it is undecidable."""
    if isinstance(left, Node):
        left = left.value
    if isinstance(right, Node):
        right = right.value
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Moment) and isinstance(right, Moment):
        if (left.kind == "time") != (right.kind == "time"):
            return False
        outcome = moments.compare(left, right)
        return None if outcome is None else outcome == 0
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        return _equal_quantities(as_quantity(left), as_quantity(right))
    if isinstance(left, dict | list):
        return same_json(left, right)
    return bool(left == right)


def as_quantity(value: Any) -> Any:
    """Return a number as quantity of unit `1`, anything else as it is."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Quantity(Decimal(value), "1")
    return value


def _equal_quantities(left: Any, right: Any) -> bool | None:
    if not (isinstance(left, Quantity) and isinstance(right, Quantity)):
        return False
    outcome = quantities.compare(left, right)
    return None if outcome is None else outcome == 0


def same_json(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are the same, true and 1 kept apart."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def equal_lists(left: Sequence[Any], right: Sequence[Any]) -> bool | None:
    """Compare two collections by `=`: None where either is empty, or a pair is undecidable and none differs."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    outcome: bool | None = True
    for mine, other in zip(left, right, strict=True):
        same = equal(mine, other)
        if same is False:
            return False
        if same is None:
            outcome = None
    return outcome


def equivalent(left: Any, right: Any) -> bool:  # noqa: PLR0911 - one return for one pair of types
    """Tell whether two items are equivalent."""
    if isinstance(left, Node):
        left = left.value
    if isinstance(right, Node):
        right = right.value
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return _folded(left) == _folded(right)
    if isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        mine, other = Decimal(left), Decimal(right)
        places = min(quantities.places_of(mine), quantities.places_of(other))
        return quantities.rounded(mine, places) == quantities.rounded(other, places)
    if isinstance(left, Moment) and isinstance(right, Moment):
        return (left.kind == "time") == (right.kind == "time") and moments.equivalent(left, right)
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        mine, other = as_quantity(left), as_quantity(right)
        return isinstance(mine, Quantity) and isinstance(other, Quantity) and quantities.equivalent(mine, other)
    if isinstance(left, dict) and isinstance(right, dict):
        names = left.keys() - {"id"}
        return names == right.keys() - {"id"} and all(equivalent(left[name], right[name]) for name in names)
    if isinstance(left, list) and isinstance(right, list):
        return equivalent_lists(left, right)
    return bool(left == right)


def equivalent_lists(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Compare two collections by `~`: the order means nothing, and two empty ones are equivalent."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for mine in left:
        place = next((place for place, other in enumerate(rest) if equivalent(mine, other)), None)
        if place is None:
            return False
        del rest[place]
    return True


def contains(items: Sequence[Any], wanted: Any) -> bool:
    """Tell whether a collection holds an item that equals this one."""
    if type(wanted) is str:
        return wanted in items
    return any(equal(item, wanted) is True for item in items)


def key(value: Any) -> Hashable:
    """Return what a lowered item is told apart by: equal keys mean equal items."""
    if isinstance(value, Node):
        value = value.value
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, Moment | Quantity):
        return value.key
    if isinstance(value, dict):
        return frozenset((name, key(held)) for name, held in value.items())
    if isinstance(value, list):
        return tuple(map(key, value))
    return value  # type: ignore[no-any-return] # a number or None


def distinct(items: Sequence[Any], low: Sequence[Any]) -> list[Any]:
    """Return the items without duplicates, in order.

    Args:
        items: to choose from.
        low: each item lowered, by which they are compared; None for one without a value, which is kept.
    """
    seen: set[Hashable] = set()
    found: list[Any] = []
    for item, value in zip(items, low, strict=True):
        if value is not None:
            known = key(value)
            if known in seen:
                continue
            seen.add(known)
        found.append(item)
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
