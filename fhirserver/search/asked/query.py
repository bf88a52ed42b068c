"""A search, read and understood: what `parse` makes of a query string, and what the Mongo side runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fhirserver.issues import Issue
from fhirserver.search.declared.parameters import Parameter

Total = Literal["none", "estimate", "accurate"]


@dataclass(frozen=True, slots=True)
class Test:
    """One parameter against alternatives.

    Attributes:
        parameter: on the type that is searched.
        modifier: empty, `not`, `exact`, `missing`, a resource type, …
        values: as the module of the parameter's type reads them; any of them will do. For `missing`: one bool. For
            composites: tuples of (Component, value).
    """

    parameter: Parameter
    modifier: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """`_id`: one of these."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """`_lastUpdated`, compared with one of these (`prefixes.Compared` in microseconds)."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """In one of these compartments (`Patient/1`)."""

    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference to a resource that meets a condition.

    Attributes:
        parameter: the reference parameter.
        targets: for each type to which it may refer, the condition there.
        identifiers: tokens of a final `.identifier`: logical references, and contained resources, that carry one match
            as well.
    """

    parameter: Parameter
    targets: tuple[tuple[str, Node], ...]
    identifiers: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Has:
    """Referred to, by this parameter, by a resource of a type that meets a condition."""

    resource_type: str
    parameter: Parameter
    inner: Node


@dataclass(frozen=True, slots=True)
class Words:
    """`_text` or `_content`: all these folded words in the narrative, or anywhere in the resource."""

    narrative: bool
    alternatives: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """`_list`: an item of these List resources."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A condition on the audit data of the write (`w` of a document), for a caller's limits; no parameter gives one.

    Attributes:
        field: dotted, below `w`.
        values: any of them will do; empty: the field is absent.
    """

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfTypes:
    """Of one of these types."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contained:
    """Contains a resource of one of these types that meets a condition."""

    types: tuple[str, ...]
    inner: Node


@dataclass(frozen=True, slots=True)
class And:
    """All of these; nothing in it: everything."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these; nothing in it: nothing."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """All that this does not select."""

    item: Node


Node = Test | Ids | Updated | Within | Chain | Has | Words | Listed | Written | OfTypes | Contained | And | Or | Not


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of `_sort`.

    Attributes:
        parameter: None for `_id` and `_lastUpdated`.
        code: as asked for.
    """

    code: str
    parameter: Parameter | None
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """One `_include` or `_revinclude`.

    Attributes:
        source: type of the resource that refers; `*`: any.
        code: of the reference parameter; `*`: all.
        target: type referred to; None: any.
        iterate: whether it also applies to what was included.
    """

    source: str
    code: str
    target: str | None
    iterate: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    Attributes:
        types: the resource types searched.
        where: what they must meet.
        sort: keys in order; empty: by time of the last update.
        count: entries of a page.
        total: whether and how to count matches; None: where it costs nothing.
        summary: `_summary` (`true`, `text`, `data`, `count`, `false`); None where not given.
        elements: names of `_elements`; empty where not given.
        includes: forward.
        revincludes: backward.
        understood: the parameters that took part, as given, for the `self` link.
        issues: warnings, such as parameters ignored under lenient handling.
        after: position of the last entry of the preceding page; None on the first.
        contained: `_contained`; unless `false`, `types` are those of the containers.
        contained_only: whether contained matches are answered without their containers (`_containedType=contained`).
        asked: with `_contained`: what the client asks for, of the types that he searches.
    """

    types: tuple[str, ...]
    where: Node
    sort: tuple[SortKey, ...] = ()
    count: int = 20
    total: Total | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    understood: tuple[tuple[str, str], ...] = ()
    issues: tuple[Issue, ...] = ()
    after: tuple[Any, ...] | None = None
    contained: str = "false"
    contained_only: bool = False
    asked: Contained | None = None
