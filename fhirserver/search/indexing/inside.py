"""Search among contained resources (`_contained`, https://hl7.org/fhir/R4/search.html#contained), and chains to them.

A container's document keeps the values of each resource that it contains, apart from its own:

    s.n: [{t: type, i: id, x: values by parameter, r: ways by which references lead there}, …]

and has a key for each of their types (`#Medication`) and for their identifiers, codes and names
(`#Medication:code=…`): an index finds the containers, and the values decide. A way is the reference parameter
(`source`), or of what a contained resource refers to in its turn both (`source:PractitionerRole.practitioner`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.asked.faults import fault
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
    SortKey,
    Test,
    Updated,
    Within,
    Words,
)
from fhirserver.search.types.values import Condition
from fhirserver.search.values.keys import Bounds

VALUES: Final = "s.n"
KEYED: Final = ("identifier", "code", "family", "given")
"""Codes of the parameters of contained resources that have keys."""

Links = dict[str, list[str]]
"""Of a resource, by reference parameter: the ids of the contained resources that it refers to."""

_NAMES: Final[dict[type, str]] = {Ids: "_id", Has: "_has", Listed: "_list"}
_START: Final = "#"
_RANK: Final = 7


def key(resource_type: str, inner: str = "") -> str:
    """Return the key of a container of such a resource; of one with that key of its own, where one is given."""
    return f"{_START}{resource_type}:{inner}" if inner else f"{_START}{resource_type}"


def bounds(types: Sequence[str], inner: Bounds | None) -> Bounds:
    """Return where the containers stand.

    Args:
        types: of the contained resources.
        inner: where such resources would stand if nothing contained them.
    """
    if inner and inner.field == "k" and not inner.also and all(_keyed(each) for each in _texts(inner)):
        points = tuple(key(each, point) for each in types for point in inner.points)
        ranges = tuple((key(each, first), key(each, beyond)) for each in types for first, beyond in inner.ranges)
        return Bounds("k", points, ranges, inner.rank)
    return Bounds("k", tuple(key(each) for each in types), (), _RANK)


def condition(types: Sequence[str], inner: Condition, start: str = "") -> Condition:
    """Return a condition on the documents of resources as one on `{t, i, x}` of a contained resource.

    Args:
        types: of the contained resources.
        inner: names `s.x.…` alone.
        start: path of the entry, with a final dot.
    """
    return {f"{start}t": {"$in": list(types)}, "$and": [_moved(inner, start)]}


def ways(links: Links, contained: Iterable[tuple[str, str, Links]]) -> dict[str, list[str]]:
    """Return by which ways references lead to the contained resources, by id.

    Args:
        links: of the container.
        contained: type, id and links of each resource that it contains.
    """
    found: dict[str, dict[str, None]] = {}
    for field, ids in links.items():
        for each in ids:
            found.setdefault(each, {})[field] = None
    direct = {each: list(fields) for each, fields in found.items()}
    for kind, identity, further in contained:
        for way in direct.get(identity, ()):
            for field, ids in further.items():
                for each in ids:
                    found.setdefault(each, {})[f"{way}:{kind}.{field}"] = None
    return {each: list(found_ways) for each, found_ways in found.items()}


def chained(chain: Chain, start: str = "") -> Iterable[tuple[str, str, Test]]:
    """Return where a chain may lead among contained resources: the way, the type, and what is asked of it.

    Criteria without a key of the contained resource are left out: nothing would lead to the containers. So are, of one
    link, identifiers, which the container has as its own.
    """
    for kind, inner in chain.targets:
        if isinstance(inner, Chain):
            if not start:
                yield from chained(inner, f"{chain.parameter.field}:{kind}.")
        elif isinstance(inner, Test) and inner.parameter.field in KEYED and (start or not chain.identifiers):
            yield start + chain.parameter.field, kind, inner


def where(types: Sequence[str], nodes: Sequence[Node], *, beside: bool, sort: Iterable[SortKey]) -> Node:
    """Return what containers must meet.

    Args:
        types: searched.
        nodes: the criteria, all of which hold.
        beside: whether resources that nothing contains are searched as well (`_contained=both`).
        sort: keys of `_sort`.

    Raises:
        BadRequest: a criterion or an order that contained resources do not have.
    """
    for sort_key in sort:
        if sort_key.parameter is not None:
            raise _not_with("_sort", sort_key.code)
    outer = tuple(node for node in nodes if isinstance(node, Updated | Within))
    inner = criteria(nodes)
    _check(inner)
    contained: Node = Contained(tuple(types), inner)
    if beside:
        contained = Or((And((OfTypes(tuple(types)), inner)), contained))
    return And((*outer, contained)) if outer else contained


def criteria(nodes: Sequence[Node]) -> Node:
    """Return the criteria that are about the contained resource: the others are about its container."""
    return And(tuple(node for node in nodes if not isinstance(node, Updated | Within)))


def _check(node: Node) -> None:
    match node:
        case Test() | Chain():
            return
        case And(items) | Or(items):
            for item in items:
                _check(item)
        case Not(item):
            _check(item)
        case Words(narrative=narrative):
            raise _not_with("_contained", "_text" if narrative else "_content")
        case _:
            raise _not_with("_contained", _NAMES.get(type(node), "_type"))


def _not_with(name: str, what: str) -> Exception:
    return fault(
        name,
        Text(
            f"avec _contained, pas de `{what}` : critères sur les éléments, `_lastUpdated`, tri par `_lastUpdated` ou "
            "`_id` (du contenant) seulement",
            f"no `{what}` with _contained: only criteria on elements, `_lastUpdated`, and order by `_lastUpdated` or "
            "`_id` (of the container)",
        ),
        code="not-supported",
    )


def _texts(inner: Bounds) -> Iterable[str]:
    yield from inner.points
    for first, beyond in inner.ranges:
        yield first
        yield beyond


def _keyed(text: str) -> bool:
    return text.partition("=")[0] in KEYED


def _moved(inner: Any, start: str) -> Any:
    if isinstance(inner, dict):
        return {_path(name, start): _moved(value, start) for name, value in inner.items()}
    return [_moved(value, start) for value in inner] if isinstance(inner, list) else inner


def _path(name: str, start: str) -> str:
    return f"{start}x.{name[4:]}" if name.startswith("s.x.") else name
