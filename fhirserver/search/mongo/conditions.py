"""A query's conditions as MongoDB takes them, and the one index that drives it.

Each condition is decided on the kept values (`s.x`), which no index covers; the driver alone names an indexed field.
So MongoDB has one plan to consider, and it is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from fhirserver.search.asked.query import (
    And,
    Chain,
    Contained,
    Has,
    Ids,
    Listed,
    Node,
    Not,
    OfTypes,
    Or,
    Test,
    Updated,
    Within,
    Words,
    Written,
)
from fhirserver.search.indexing import inside
from fhirserver.search.mongo import matching
from fhirserver.search.types import date, reference
from fhirserver.search.types.values import Condition
from fhirserver.search.values import prefixes
from fhirserver.search.values.instants import BEGINNING, END
from fhirserver.search.values.keys import Bounds, joined
from fhirserver.search.values.prefixes import Compared
from fhirserver.store.kept.ids import key

Narrowing = Callable[[str], Node | None]
"""What of a resource type the caller may see: a condition; None: everything; `Or(())`: nothing."""

NOTHING: Final[Condition] = {"$nor": [{}]}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = 1_000


class Resolver(Protocol):
    """Runs the inner searches of chains."""

    def references(self, resource_type: str, inner: Node, depth: int) -> list[str]:
        """Return `Type/id` of what an inner condition selects."""

    def named(self, resource_type: str, inner: Node, depth: int) -> list[str]:
        """Return `Type/id` and the canonical names of what an inner condition selects."""

    def referred(self, has: Has, types: Sequence[str], depth: int) -> list[str]:
        """Return `Type/id` of what resources that meet the inner condition refer to."""

    def listed(self, ids: Sequence[str]) -> list[str]:
        """Return `Type/id` of the items of List resources."""

    def containing(self, types: Sequence[str], candidates: Compiled, words: Sequence[Words]) -> list[str]:
        """Return `Type/id` of the candidates that contain the words."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition with where its candidates are.

    Attributes:
        condition: decides alone, wherever it stands in others; names no indexed field but `u`.
        bounds: of the best index, None where no index helps.
        rest: what is left to decide on what lies within the bounds; None: all of the condition.
    """

    condition: Condition
    bounds: Bounds | None = None
    rest: Condition | None = None

    @property
    def left(self) -> Condition:
        """What is to be decided on the candidates of the bounds."""
        return self.condition if self.rest is None else self.rest


class Compiler:
    """Compiles conditions on resources of some types.

    Args:
        types: searched.
        resolver: for chains.
        depth: of the chain in which this search stands.
    """

    def __init__(self, types: Sequence[str], resolver: Resolver, depth: int = 0) -> None:
        self._types = types
        self._resolver = resolver
        self._depth = depth

    def compile(self, node: Node) -> Compiled:  # noqa: C901, PLR0911, PLR0912 - one return for each kind of condition
        """Return what a node asks for."""
        match node:  # the most frequent first
            case Test():
                return Compiled(matching.condition(node), matching.bounds(node))
            case And(items):
                return self._all(items)
            case Or(items):
                return self._any([self.compile(item) for item in items])
            case Written(field, values):
                return Compiled({f"w.{field}": {"$in": list(values)} if values else {"$exists": False}})
            case Ids(values):
                return self._ids(f"{kind}/{value}" for kind in self._types for value in values)
            case Updated(moments):
                return Compiled(_updated(moments))
            case Within(references):
                found: Condition = {"$expr": {"$gt": [{"$size": _common(references)}, 0]}}
                return Compiled(found, Bounds("a", references, (), 2), rest={})
            case Chain():
                return self._chain(node)
            case Has():
                return self._ids(self._resolver.referred(node, self._types, self._depth))
            case Listed(ids):
                return self._ids(self._resolver.listed(ids))
            case Not(item):
                return Compiled({"$nor": [self.compile(item).condition]})
            case OfTypes(types):
                return Compiled({"t": {"$in": list(types)}})
            case Contained(types, inner):
                compiled = Compiler(types, self._resolver, self._depth).compile(inner)
                held = inside.condition(types, compiled.condition)
                return Compiled({inside.VALUES: {"$elemMatch": held}}, inside.bounds(types, compiled.bounds))
            case Words():
                return self._all((node,))

    def _ids(self, references: Iterable[str]) -> Compiled:
        """What has one of these identities (`Type/id`)."""
        pairs = [reference.partition("/")[::2] for reference in references]
        mine = [(kind, identity) for kind, identity in pairs if kind in self._types]
        if not mine:
            return Compiled(NOTHING, Bounds("_id", (), (), 0))
        condition: Condition = {"i": {"$in": sorted({identity for _, identity in mine})}}
        if len(self._types) > 1:
            by_type: dict[str, list[str]] = {}
            for kind, identity in mine:
                by_type.setdefault(kind, []).append(identity)
            condition = {"$or": [{"t": kind, "i": {"$in": ids}} for kind, ids in by_type.items()]}
        return Compiled(condition, Bounds("_id", tuple(key(kind, identity) for kind, identity in mine), (), 0), rest={})

    def _chain(self, chain: Chain) -> Compiled:
        select = self._resolver.named if chain.parameter.canonical else self._resolver.references
        found = [value for target, inner in chain.targets for value in select(target, inner, self._depth + 1)]
        alternatives = []
        if found:
            test = Test(chain.parameter, "", (reference.Target(tuple(found)),))
            alternatives.append(Compiled(matching.condition(test), matching.bounds(test)))
        if chain.identifiers:
            logical = Test(chain.parameter, "chained", chain.identifiers)
            alternatives.append(Compiled(matching.condition(logical), matching.bounds(logical)))
        for way, kind, asked in inside.chained(chain):
            bounds = matching.bounds(asked)
            if bounds is not None:
                held = {"r": way, **inside.condition([kind], matching.condition(asked))}
                alternatives.append(Compiled({inside.VALUES: {"$elemMatch": held}}, inside.bounds([kind], bounds)))
        return self._any(alternatives)

    def _all(self, items: Sequence[Node]) -> Compiled:
        words = [item for item in items if isinstance(item, Words)]
        parts = [self.compile(item) for item in items if not isinstance(item, Words)]
        if words:
            found = self._resolver.containing(self._types, self._conjunction(parts, items), words)
            parts.append(self._ids(found))
        return self._conjunction(parts, items)

    def _conjunction(self, parts: Sequence[Compiled], items: Sequence[Node]) -> Compiled:
        conditions = [part.condition for part in parts]
        candidates = [part for part in parts if part.bounds] + _same_span(items)
        best = min(candidates, key=lambda part: part.bounds.rank if part.bounds else 99, default=None)
        if best is None:
            return Compiled(_and(conditions))
        # the whole condition stays: within another condition, other bounds may be the better ones
        left = [each for part in parts if (each := part.left if part is best else part.condition)]
        return Compiled(_and(conditions), best.bounds, _and(left))

    def _any(self, parts: Sequence[Compiled]) -> Compiled:
        if not parts:
            return Compiled(NOTHING, Bounds("_id", (), (), 0))
        if len(parts) == 1:
            return parts[0]
        condition: Condition = {"$or": [part.condition for part in parts]}
        bounds: Bounds | None = None
        for part in parts:
            if part.bounds is None:
                return Compiled(condition)
            bounds = part.bounds if bounds is None else joined(bounds, part.bounds)
        return Compiled(condition, bounds)


def _and(conditions: Sequence[Condition]) -> Condition:
    if not conditions:
        return {}
    return conditions[0] if len(conditions) == 1 else {"$and": list(conditions)}


def _same_span(items: Sequence[Node]) -> list[Compiled]:
    """Return tighter bounds for several comparisons of one date, such as `date=ge…&date=le…`."""
    by_parameter: dict[str, list[Test]] = {}
    for item in items:
        if isinstance(item, Test) and item.parameter.kind == "date" and not item.modifier:  # noqa: SIM102 - two thoughts
            if item.parameter.single and len(item.values) == 1:
                by_parameter.setdefault(item.parameter.field, []).append(item)
    found = []
    for field, tests in by_parameter.items():
        if len(tests) > 1:
            window = prefixes.window(tests[0].values[0], BEGINNING, END)
            for test in tests[1:]:
                window = prefixes.intersection(window, prefixes.window(test.values[0], BEGINNING, END))
            ranges = tuple(date.window_ranges(field, window))
            found.append(Compiled({}, Bounds("k", (), ranges, 5)))
    return found


def _common(references: Sequence[str]) -> Condition:
    return {"$setIntersection": [{"$ifNull": ["$s.a", []]}, list(references)]}


def _moment(microseconds: int) -> datetime:
    """Return a moment of whole milliseconds, kept within what a datetime holds."""
    try:
        return _EPOCH + timedelta(milliseconds=microseconds // _MILLISECOND)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if microseconds > 0 else datetime.min.replace(tzinfo=UTC)


def _updated(values: Sequence[Compared[int]]) -> Condition:
    """A resource's time is a span of one millisecond: `{b: u, e: u + 1 ms}`."""
    parts = [_updated_one(value) for value in values]
    return parts[0] if len(parts) == 1 else {"$or": parts}


def _updated_one(value: Compared[int]) -> Condition:  # noqa: PLR0911 - one return for each prefix
    from_low = _moment(value.begin + _MILLISECOND - 1)  # begin of the first millisecond at or after
    to_high = _moment(value.end)  # end ≤ high: begin before this millisecond
    ends_after = {"$gte": to_high}
    match value.prefix:
        case "ne":
            return {"$or": [{"u": {"$lt": from_low}}, {"u": ends_after}]}
        case "gt":
            return {"u": ends_after}
        case "lt":
            return {"u": {"$lt": from_low}}
        case "ge":
            return {"u": {"$gte": min(from_low, to_high)}}
        case "le":
            return {"u": {"$lt": max(from_low, to_high)}}
        case "sa":
            return {"u": {"$gte": _moment(value.end + _MILLISECOND - 1)}}
        case "eb":
            return {"u": {"$lt": _moment(value.begin)}}
        case _:
            return {"u": {"$gte": from_low, "$lt": to_high}}
