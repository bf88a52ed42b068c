"""Runs a query: one find for a page, a few more where chains, includes or a total ask for them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from fhirserver.issues import Issue
from fhirserver.search.asked.cursors import Cursors
from fhirserver.search.asked.parse import Rules, parse
from fhirserver.search.asked.query import And, Node, Query
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing import indexes, inside
from fhirserver.search.mongo import matching
from fhirserver.search.mongo.conditions import Compiled, Compiler, Narrowing
from fhirserver.search.mongo.include import Included, Inclusion
from fhirserver.search.mongo.order import Order, TotalOrder, order
from fhirserver.search.mongo.plan import plan
from fhirserver.search.mongo.resolve import ChainResolver
from fhirserver.search.mongo.run import STORED, Context, Patients, Runner
from fhirserver.search.types import token
from fhirserver.search.types.reference import index_key
from fhirserver.search.types.token import Token
from fhirserver.search.types.values import Condition

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession

    from fhirserver.store import Store, Stored

_ESTIMATE_LIMIT: Final = 10_000
_IDENTIFIER: Final = "identifier"


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
        inside: where contained resources are answered alone: for each match, by `Type/id`, the ids of its contained
            resources that match, and an empty text if it matches itself.
    """

    matches: tuple[Stored, ...]
    includes: tuple[Stored, ...] = ()
    next: tuple[Any, ...] | None = None
    total: int | None = None
    issues: tuple[Issue, ...] = ()
    understood: tuple[tuple[str, str], ...] = ()
    inside: Mapping[str, Sequence[str]] | None = None


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
        self.runner = Runner(store)
        self.registry = registry
        self.rules = rules or Rules()
        self.cursors = cursors or Cursors(b"")
        self._budget = time_budget

    def run(
        self,
        query: Query,
        narrowing: Narrowing | None = None,
        session: ClientSession | None = None,
        patients: Patients | None = None,
        budget: float | None = None,
    ) -> ResultPage:
        """Return the page of a query that begins after `query.after`.

        Args:
            query: as `parse` gives it.
            narrowing: what the caller may see of each type; holds for chains and includes as well.
            session: of a transaction: then its own writes are seen.
            patients: those that the request has found, by identifier; asked for after `narrowing` is.
            budget: seconds that it may take; None: as many as any search.

        Raises:
            Unavailable: out of time, or MongoDB does not answer.
            BadRequest: a chain selects too much.
        """
        until = time.monotonic() + (budget or self._budget)
        context = Context(narrowing, session, until, {} if patients is None else patients)
        compiled = self.compile(query.types, query.where, context)
        if query.summary == "count":
            return self._counted(query, compiled, context)
        ordered = order(query, self.registry.of(query.types[0]).main_date if len(query.types) == 1 else None)
        inclusion = Inclusion(self, query, context)
        documents, total_order = self._page(query, compiled, ordered, inclusion.projection(), context)
        more = len(documents) > query.count
        documents = documents[: query.count]
        matches = tuple(self.store.stored(document) for document in documents)
        included = inclusion.run(documents) if query.includes or query.revincludes else Included((), ())
        total = len(matches) if not more and query.after is None and query.total != "none" else None
        if total is None and query.total in ("estimate", "accurate"):
            total = self._count(query, compiled, context)
        return ResultPage(
            matches,
            included.resources,
            total_order.position(documents[-1]) if more else None,
            total,
            (*query.issues, *included.issues),
            query.understood,
            self._inside(query, documents, context) if query.contained_only and query.asked else None,
        )

    def _inside(self, query: Query, documents: Sequence[Condition], context: Context) -> dict[str, list[str]]:
        """Tell which contained resources of a page match, and which containers do themselves."""
        assert query.asked is not None, "asked with _contained alone"
        types, of_page = query.asked.types, {"_id": {"$in": [document["_id"] for document in documents]}}
        compiled = Compiler(types, ChainResolver(self, context)).compile(query.asked.inner)
        held = inside.condition(types, compiled.condition, f"{inside.VALUES}.")
        unwound: list[dict[str, Any]] = [{"$match": of_page}, {"$unwind": f"${inside.VALUES}"}, {"$match": held}]
        found: dict[str, list[str]] = {f"{document['t']}/{document['i']}": [] for document in documents}
        for document in self.runner.aggregate(unwound, context, "_id_"):
            found[f"{document['t']}/{document['i']}"].append(document["s"]["n"]["i"])
        if query.contained == "both":
            own = {**of_page, "t": {"$in": list(types)}, "$and": [compiled.condition]}
            for document in self.runner.find(own, {"t": 1, "i": 1}, context, hint="_id_"):
                found[f"{document['t']}/{document['i']}"].insert(0, "")
        return found

    def turned(self, query: Query, after: tuple[Any, ...] | None) -> Query:
        """Return the query for the page that begins after a position."""
        return replace(query, after=after)

    def _counted(self, query: Query, compiled: Compiled, context: Context) -> ResultPage:
        total = self._count(query, compiled, context)
        return ResultPage((), total=total, issues=query.issues, understood=query.understood)

    def _count(self, query: Query, compiled: Compiled, context: Context) -> int:
        """Count all matches; no further than 10,000 for an estimate."""
        condition, hint = plan(query.types, compiled)
        return self.runner.count(condition, context, hint, _ESTIMATE_LIMIT if query.total == "estimate" else 0)

    def ids(  # noqa: PLR0913 - what a selection consists of
        self,
        resource_type: str,
        pairs: Sequence[tuple[str, str]],
        limit: int = 1_000,
        session: ClientSession | None = None,
        narrowing: Narrowing | None = None,
        *,
        base: str = "",
    ) -> list[str]:
        """Return the ids that criteria select, `limit` at most, in no particular order.

        Args:
            resource_type: searched.
            pairs: criteria.
            limit: most ids.
            session: of a transaction.
            narrowing: what the caller may see.
            base: address under which the client sees this server, with a final slash.

        Raises:
            BadRequest: a criterion cannot be understood.
        """
        query = parse(self.registry, [resource_type], pairs, rules=self.rules.under(base))
        return self.select(
            resource_type, query.where, limit, Context(narrowing, session, time.monotonic() + self._budget)
        )

    def identified(self, types: Sequence[str], tokens: Sequence[Token], most: int) -> dict[Token, list[Stored]] | None:
        """Return what of these types carries identifiers (code and system), by one look-up; None: more than `most`."""
        kept = {token.stored(each.code or "", each.system or ""): each for each in tokens}
        condition = {
            "live": True,
            "t": {"$in": list(types)},
            "s.k": {"$in": token.index_keys(_IDENTIFIER, list(kept))},
        }
        projection = {**STORED, matching.VALUES + _IDENTIFIER: 1}
        context = Context(None, None, time.monotonic() + self._budget)
        documents = self.runner.find(condition, projection, context, hint=indexes.KEYS, limit=most + 1)
        if len(documents) > most:
            return None
        found: dict[Token, list[Stored]] = {each: [] for each in tokens}
        for document in documents:
            for value in document["s"]["x"][_IDENTIFIER]:
                if value in kept:
                    found[kept[value]].append(self.store.stored(document))
        return found

    def select(self, resource_type: str, node: Node, limit: int, context: Context) -> list[str]:
        """Return the ids of a type that a condition selects, `limit` at most."""
        compiled = self.compile([resource_type], node, context)
        condition, hint = plan([resource_type], compiled)
        found = self.runner.find(condition, {"_id": 0, "i": 1}, context, hint=hint, limit=limit)
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
            for document in self.runner.find({"live": True, **condition}, projection, context, hint=hint, limit=most):
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
        limited: Condition = {"$or": alternatives}
        both: Condition = {"$and": [visible.condition, limited]}
        return Compiled(both, visible.bounds, {"$and": [visible.left, limited]})

    def _page(
        self, query: Query, compiled: Compiled, ordered: Order, projection: Mapping[str, Any], context: Context
    ) -> tuple[list[dict[str, Any]], TotalOrder]:
        """Return the documents of a page and one more, if there is one, in the order that it names."""
        lists = (self.registry.of(query.types[0]), query.where) if len(query.types) == 1 else None
        condition, hint = plan(query.types, compiled, ordered, lists)
        total = ordered.total(hint, query.after)
        projection = {**STORED, **projection, **{key.field: 1 for key in total.keys if key.field != "_id"}}
        after = total.after(query.after) if query.after is not None else None
        if not total.computed:
            if after:
                condition = {"$and": [condition, after]}
            sort = total.specification
            return self.runner.find(condition, projection, context, hint=hint, limit=query.count + 1, sort=sort), total
        pipeline: list[dict[str, Any]] = [{"$match": condition}, {"$set": total.computed}]
        if after:
            pipeline.append({"$match": after})
        pipeline += [{"$sort": dict(total.specification)}, {"$limit": query.count + 1}, {"$project": projection}]
        return self.runner.aggregate(pipeline, context, hint), total


def _both(node: Node, limit: Node) -> Node:
    items = node.items if isinstance(node, And) else (node,)
    return And((*items, limit))
