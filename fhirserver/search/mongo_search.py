"""Runs a query: one find for a page, a few more where chains, includes or a total ask for them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fhirserver.issues import Issue
from fhirserver.search import indexes
from fhirserver.search.cursors import Cursors
from fhirserver.search.keys import Bounds
from fhirserver.search.mongo_conditions import Compiled, Compiler, Narrowing
from fhirserver.search.mongo_include import Included, Inclusion
from fhirserver.search.mongo_order import Order, order
from fhirserver.search.mongo_resolve import ChainResolver
from fhirserver.search.parse import Rules, parse
from fhirserver.search.query import And, Node, Query, Test
from fhirserver.search.registry import Registry
from fhirserver.search.types.reference import index_key
from fhirserver.search.types.values import Condition
from fhirserver.store.connection import translated

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession

    from fhirserver.store import Store, Stored

_STORED: Final = dict.fromkeys(("t", "i", "v", "u", "live", "m", "body", "large", "files", "w"), 1)
"""Fields of which a `Stored` is made."""

_ESTIMATE_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class ResultPage:
    """What a search answers.

    Attributes:
        matches: in order.
        includes: resources that go with them, none of them a match of this page.
        next: sort values after which the next page begins; None on the last page.
        total: number of all matches; None where it was not counted.
        issues: warnings for an outcome entry.
        understood: the parameters that took part, for the `self` link.
    """

    matches: tuple[Stored, ...]
    includes: tuple[Stored, ...] = ()
    next: tuple[Any, ...] | None = None
    total: int | None = None
    issues: tuple[Issue, ...] = ()
    understood: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What every inner search of one request shares.

    Attributes:
        narrowing: what the caller may see; None: everything.
        session: of a transaction; None outside.
        deadline: monotonic time by which all must be done.
    """

    narrowing: Narrowing | None = None
    session: ClientSession | None = None
    deadline: float = 0.0

    def remaining(self) -> float:
        """Seconds left, at least a millisecond."""
        return max(0.001, self.deadline - time.monotonic())


class Searcher:
    """Searches the store; safe to share between threads.

    Args:
        store: where resources are.
        registry: the parameters in force.
        rules: what reading a query depends on.
        cursors: makes and reads page cursors.
        time_budget: seconds that one search may take.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        rules: Rules | None = None,
        cursors: Cursors | None = None,
        time_budget: float = 10.0,
    ) -> None:
        self.store = store
        self.registry = registry
        self.rules = rules or Rules()
        self.cursors = cursors or Cursors(b"")
        self._budget = time_budget

    def run(self, query: Query, narrowing: Narrowing | None = None, session: ClientSession | None = None) -> ResultPage:
        """Return the page of a query that begins after `query.after`.

        Args:
            query: as `parse` gives it.
            narrowing: what the caller may see of each type; holds for chains and includes as well.
            session: of a transaction: then its own writes are seen.

        Raises:
            Unavailable: out of time, or MongoDB does not answer.
            BadRequest: a chain selects too much.
        """
        context = Context(narrowing, session, time.monotonic() + self._budget)
        compiled = self.compile(query.types, query.where, context)
        if query.summary == "count":
            return self._counted(query, compiled, context)
        parameters = [self.registry.of(resource_type) for resource_type in query.types]
        ordered = order(query, parameters)
        inclusion = Inclusion(self, query, context)
        documents = self._page(query, compiled, ordered, inclusion.projection(), context)
        more = len(documents) > query.count
        documents = documents[: query.count]
        matches = tuple(self.store.stored(document) for document in documents)
        included = inclusion.run(documents) if query.includes or query.revincludes else Included((), ())
        total = len(matches) if not more and query.after is None and query.total != "none" else None
        if total is None and query.total in ("estimate", "accurate"):
            total = self.count(compiled, query, context)
        return ResultPage(
            matches,
            included.resources,
            ordered.position(documents[-1]) if more else None,
            total,
            (*query.issues, *included.issues),
            query.understood,
        )

    def _counted(self, query: Query, compiled: Compiled, context: Context) -> ResultPage:
        total = self.count(compiled, query, context)
        return ResultPage((), total=total, issues=query.issues, understood=query.understood)

    def ids(
        self,
        resource_type: str,
        pairs: Sequence[tuple[str, str]],
        limit: int = 1_000,
        session: ClientSession | None = None,
        narrowing: Narrowing | None = None,
    ) -> list[str]:
        """Return the ids that criteria select, `limit` at most, in no particular order.

        Raises:
            BadRequest: a criterion cannot be understood.
        """
        query = parse(self.registry, [resource_type], pairs, rules=self.rules)
        return self.select(
            resource_type, query.where, limit, Context(narrowing, session, time.monotonic() + self._budget)
        )

    def select(self, resource_type: str, node: Node, limit: int, context: Context) -> list[str]:
        """Return the ids of a type that a condition selects, `limit` at most."""
        compiled = self.compile([resource_type], node, context)
        condition, hint = self.condition([resource_type], compiled)
        found = self.find(condition, {"_id": 0, "i": 1}, context, hint=hint, limit=limit)
        return [document["i"] for document in found]

    def referrers(
        self, references: Sequence[str], limit: int = 10, session: ClientSession | None = None
    ) -> list[tuple[str, str, str]]:
        """Return who refers to one of these resources (`Type/id`), in any element, other than these themselves.

        Returns:
            Type and id of the referring resource, and the reference; `limit` referring resources at most.
        """
        context = Context(None, session, time.monotonic() + self._budget)
        found: list[tuple[str, str, str]] = []
        wanted = set(references)
        for condition, hint in (
            (
                {"t": {"$in": sorted(self.registry.types)}, "s.k": {"$in": [index_key(r) for r in references]}},
                indexes.KEYS,
            ),
            ({"s.a": {"$in": list(references)}}, indexes.COMPARTMENT_UPDATED),
        ):
            projection = {"_id": 0, "t": 1, "i": 1, "s.k": 1, "s.a": 1}
            most = limit + len(references)
            for document in self.find({"live": True, **condition}, projection, context, hint=hint, limit=most):
                if f"{document['t']}/{document['i']}" not in wanted:
                    named = {*document["s"].get("a", ()), *(key[1:] for key in document["s"]["k"] if key[0] == "&")}
                    found.append((document["t"], document["i"], min(named & wanted)))
        return list(dict.fromkeys(found))[:limit]

    def compile(self, types: Sequence[str], node: Node, context: Context, depth: int = 0) -> Compiled:
        """Return a condition, narrowed to what the caller may see, as MongoDB takes it."""
        compiler = Compiler(types, ChainResolver(self, context), depth)
        if context.narrowing is None:
            return compiler.compile(node)
        limits = [context.narrowing(resource_type) for resource_type in types]
        if len(types) == 1:
            return compiler.compile(node if limits[0] is None else _both(node, limits[0]))
        visible = compiler.compile(node)
        alternatives: list[Condition] = []
        for resource_type, limit in zip(types, limits, strict=True):
            inner = (
                Compiler([resource_type], ChainResolver(self, context), depth).compile(limit) if limit else Compiled({})
            )
            alternatives.append({"t": resource_type, **inner.condition})
        return Compiled({"$and": [visible.condition, {"$or": alternatives}]}, visible.bounds)

    def condition(
        self, types: Sequence[str], compiled: Compiled, ordered: Order | None = None, node: Node | None = None
    ) -> tuple[Condition, str | None]:
        """Return the whole filter of a search and the name of its index."""
        parts: dict[str, Any] = {"live": True, "t": types[0] if len(types) == 1 else {"$in": list(types)}}
        conditions: list[Condition] = []
        bounds = compiled.bounds
        hint: str | None = indexes.TYPE_UPDATED
        if bounds:
            parts.update(bounds.condition())
            hint = self._hint(bounds)
            if hint == indexes.COMPARTMENT_UPDATED and ordered and ordered.by_main_date and len(types) == 1:
                statuses = self._statuses(types[0], node)
                if statuses is not None:
                    parts["s.c"] = statuses
                    hint = indexes.COMPARTMENT_DATE
        if compiled.condition and not compiled.exact:
            conditions.append(compiled.condition)
        if conditions:
            parts["$and"] = conditions
        return parts, hint

    def _hint(self, bounds: Bounds) -> str | None:
        if bounds.also:
            return None
        return {"k": indexes.KEYS, "a": indexes.COMPARTMENT_UPDATED, "_id": "_id_"}[bounds.field]

    def _statuses(self, resource_type: str, node: Node | None) -> Condition | None:
        """Return the condition on the status field that lets the index give matches in the order of the main date."""
        parameters = self.registry.of(resource_type)
        if parameters.status is None:
            return {"$in": [None]}
        for item in node.items if isinstance(node, And) else (node,):
            if isinstance(item, Test) and item.parameter.code == parameters.status and not item.modifier:
                return {"$in": sorted({value.code for value in item.values if value.code is not None})}
        codes = parameters.by_code[parameters.status].codes
        return {"$in": [None, *codes]} if codes else None

    def _page(
        self, query: Query, compiled: Compiled, ordered: Order, projection: Mapping[str, Any], context: Context
    ) -> list[dict[str, Any]]:
        condition, hint = self.condition(query.types, compiled, ordered, query.where)
        projection = {**_STORED, **projection, **{key.field: 1 for key in ordered.keys if key.field != "_id"}}
        computed = ordered.computed
        after = ordered.after(query.after) if query.after is not None else None
        if not computed:
            if after:
                condition = {"$and": [condition, after]}
            return self.find(
                condition, projection, context, hint=hint, limit=query.count + 1, sort=ordered.specification
            )
        pipeline: list[dict[str, Any]] = [{"$match": condition}, {"$set": computed}]
        if after:
            pipeline.append({"$match": after})
        pipeline += [{"$sort": dict(ordered.specification)}, {"$limit": query.count + 1}, {"$project": projection}]
        return self.aggregate(pipeline, context, hint)

    def count(self, compiled: Compiled, query: Query, context: Context) -> int:
        """Count all matches; no further than 10,000 for an estimate."""
        condition, hint = self.condition(query.types, compiled)
        options: dict[str, Any] = {"maxTimeMS": int(context.remaining() * 1000) + 1, "session": context.session}
        if hint:
            options["hint"] = hint
        if query.total == "estimate":
            options["limit"] = _ESTIMATE_LIMIT
        if context.session is not None:
            return self.store.resources.count_documents(condition, **options)
        with translated():
            return self.store.resources.count_documents(condition, **options)

    def find(  # noqa: PLR0913 - what a find is made of
        self,
        condition: Condition,
        projection: Mapping[str, Any],
        context: Context,
        *,
        hint: str | None,
        limit: int = 0,
        sort: Sequence[tuple[str, int]] = (),
    ) -> list[dict[str, Any]]:
        """Return documents within the time that is left."""
        return self.store.find(
            condition,
            sort=sort,
            limit=limit,
            projection=projection,
            max_time=context.remaining(),
            hint=hint,
            session=context.session,
        )

    def aggregate(
        self, pipeline: list[dict[str, Any]], context: Context, hint: str | None = None
    ) -> list[dict[str, Any]]:
        """Run a pipeline over the resources within the time that is left."""
        options: dict[str, Any] = {"maxTimeMS": int(context.remaining() * 1000) + 1, "allowDiskUse": True}
        if hint:
            options["hint"] = hint
        if context.session is not None:
            return list(self.store.resources.aggregate(pipeline, session=context.session, **options))
        with translated():
            return list(self.store.resources.aggregate(pipeline, **options))


def _both(node: Node, limit: Node) -> Node:
    items = node.items if isinstance(node, And) else (node,)
    return And((*items, limit))
