"""Sorting and paging by key: in which order matches come, and what comes after a given one.

Values that are scalars of the document (`u`, the id, the main date) are sorted by MongoDB as they are, by an index
where one has them in order. Any other is computed for each candidate: the lowest of a resource's values when
ascending, the highest when descending. A resource without a value comes as if it had the lowest of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fhirserver.errors import BadRequest
from fhirserver.issues import Text
from fhirserver.search.asked.query import Query, SortKey
from fhirserver.search.declared.parameters import Kind
from fhirserver.search.indexing.indexes import TYPE_UPDATED
from fhirserver.search.types.values import Condition
from fhirserver.search.values.decimals import LOWEST
from fhirserver.search.values.instants import BEGINNING

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order.

    Attributes:
        field: path in the document.
        descending: its direction.
        computed: expression that gives the value; None where the document has it at `field`.
    """

    field: str
    descending: bool
    computed: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a search.

    Attributes:
        keys: what was asked for; what they leave undecided is decided by the id.
        descending: direction of the id.
        types: how many types are searched: an id is unique in its type.
    """

    keys: tuple[Key, ...]
    descending: bool
    types: int

    def total(self, index: str | None, position: Sequence[Any] | None) -> TotalOrder:
        """Return the order with its last keys: those that the index has, or those of the page before.

        Args:
            index: that finds the matches. The store's own lists of a type end with `_id`, those of search with `i`.
            position: after which the page begins; None on the first page.

        Raises:
            BadRequest: the position belongs to another order.
        """
        last = ("_id",) if index in (TYPE_UPDATED, "_id_") else ("i",) if self.types == 1 else ("i", "t")
        if position is not None:
            if not position or position[-1] not in ("_id", "i", "i,t"):
                raise _other_order()
            last = tuple(position[-1].split(","))
        taken = {key.field for key in self.keys}
        return TotalOrder(
            (*self.keys, *(Key(name, self.descending) for name in last if name not in taken)), ",".join(last)
        )

    @property
    def by_main_date(self) -> bool:
        """Whether the main date, which an index has in order, comes first."""
        return self.keys[0].field == "s.d"


@dataclass(frozen=True, slots=True)
class TotalOrder:
    """An order in which no two matches are equal.

    Attributes:
        keys: the last of them decide between any two.
        last: names of the fields that decide last.
    """

    keys: tuple[Key, ...]
    last: str

    @property
    def computed(self) -> dict[str, Any]:
        """Fields to be computed for each candidate."""
        return {key.field: key.computed for key in self.keys if key.computed is not None}

    @property
    def specification(self) -> list[tuple[str, int]]:
        """The sort as MongoDB takes it."""
        return [(key.field, -1 if key.descending else 1) for key in self.keys]

    def position(self, document: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the sort values of a document, in a form that a cursor can carry."""
        return (*(_portable(_at(document, key.field)) for key in self.keys), self.last)

    def after(self, position: Sequence[Any]) -> Condition:
        """Return the condition that a document comes after a position.

        One bound on the first key, for the index; then what is up to the position is excluded, in a form that
        MongoDB takes no further bounds from.

        Raises:
            BadRequest: the position belongs to another order.
        """
        if len(position) != len(self.keys) + 1:
            raise _other_order()
        values = [_native(key, value) for key, value in zip(self.keys, position[:-1], strict=True)]
        first, value = self.keys[0], values[0]
        up_to: list[Condition] = []
        for at in range(1, len(self.keys)):
            last = at == len(self.keys) - 1
            less = ("$gte" if last else "$gt") if self.keys[at].descending else ("$lte" if last else "$lt")
            ties = {key.field: tie for key, tie in zip(self.keys[:at], values[:at], strict=True)}
            up_to.append({**ties, self.keys[at].field: {less: values[at]}})
        if not up_to:
            return {first.field: {"$lt" if first.descending else "$gt": value}}
        return {first.field: {"$lte" if first.descending else "$gte": value}, "$nor": up_to}


def order(query: Query, main_date: str | None) -> Order:
    """Return the order that a query asks for: by time of the last update where it asks for none.

    Args:
        query: what is asked for.
        main_date: code of the main date of the type searched; None for several types.
    """
    keys: list[Key] = []
    for at, sort_key in enumerate(query.sort):
        for key in _keys(sort_key, at, main_date):
            if all(key.field != earlier.field for earlier in keys):  # a field named again decides nothing more
                keys.append(key)
    keys = keys or [Key("u", descending=False)]
    return Order(tuple(keys), keys[-1].descending, len(query.types))


def _keys(sort_key: SortKey, at: int, main_date: str | None) -> list[Key]:
    """Return what one key of `_sort` comes down to: for a composite, the values of each of its parts."""
    descending, parameter = sort_key.descending, sort_key.parameter
    if parameter is None:
        return [Key("u" if sort_key.code == "_lastUpdated" else "i", descending)]
    if sort_key.code == main_date:
        return [Key("s.d", descending)]
    path = f"$s.x.{parameter.field}"
    if parameter.kind != "composite":
        return [Key(f"o{at}", descending, _extreme(parameter.kind, descending, lambda member: path + member))]
    return [
        Key(f"o{at}p{part}", descending, _extreme(component.kind, descending, _each_element(f"{path}.{part}")))
        for part, component in enumerate(parameter.components)
    ]


def _each_element(path: str) -> Callable[[str], Any]:
    """Return what gives the values of a composite's part, or a member of them, of all elements in one list."""
    return lambda member: {
        "$reduce": {
            "input": {"$ifNull": [path + member, []]},
            "initialValue": [],
            "in": {"$concatArrays": ["$$value", {"$ifNull": ["$$this", []]}]},
        }
    }


def _extreme(kind: Kind, descending: bool, values: Callable[[str], Any]) -> Any:  # noqa: FBT001 - the direction
    """Return the lowest value, or the highest; what stands for none where there is none.

    Args:
        kind: of the parameter.
        descending: whether the highest is meant.
        values: gives the expression of all values, or of a member of them (`.b`).
    """
    extreme = "$max" if descending else "$min"
    match kind:
        case "date":
            return {"$ifNull": [{extreme: values(".b")}, BEGINNING]}
        case "quantity":
            return {"$ifNull": [{extreme: values(".cb")}, {extreme: values(".b")}, LOWEST]}
        case "number":
            return {"$ifNull": [{extreme: values(".b")}, LOWEST]}
        case _:
            return {"$ifNull": [{extreme: values("")}, ""]}


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _portable(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MILLISECOND
    return int(value) if isinstance(value, int) else value  # MongoDB's 64-bit integers are a class of their own


def _native(key: Key, value: Any) -> Any:
    wanted = int if key.field in ("u", "s.d") else str
    if key.computed is None and not isinstance(value, wanted):
        raise _other_order()
    return _EPOCH + value * _MILLISECOND if key.field == "u" else value


def _other_order() -> BadRequest:
    return BadRequest(
        Text(
            "Paramètre « _cursor » : ce curseur vient d'une recherche triée autrement.",
            'Parameter "_cursor": this cursor comes from a search in another order.',
        ),
        rule="search-cursor",
    )
