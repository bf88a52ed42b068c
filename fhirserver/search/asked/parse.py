"""A query string becomes a `Query` (https://hl7.org/fhir/R4/search.html).

Strict by default: a parameter that the type does not have is refused. Under `Prefer: handling=lenient` it is ignored,
with a warning and without a place in the `self` link. A value that cannot be read is refused either way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from fhirserver.issues import Issue, Text
from fhirserver.search.asked.controls import IGNORED_HERE, Controls
from fhirserver.search.asked.criteria import Criteria, UnknownParameter, conjunction
from fhirserver.search.asked.faults import fault
from fhirserver.search.asked.filter_expression import FilterReader
from fhirserver.search.asked.query import Contained, Node, Query, Within
from fhirserver.search.asked.readers import Reader, ValueSetTokens
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing import inside
from fhirserver.search.types.values import Setting

MAX_PARAMETERS: Final = 200
_NO_MODIFIER: Final = re.compile(r":(?:\.|$)")
_UNREADABLE: Final = re.compile("[\0\ud800-\udfff]")
MAX_LENGTH: Final = 100_000
"""Characters of all values together."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What reading a query depends on besides the query.

    Attributes:
        setting: time zone and addresses of this server.
        page_size: entries of a page when the client asks for no `_count`.
        max_page_size: most entries of a page.
        expand: what `:in`, `:below` and `:above` of tokens mean; None without a terminology.
    """

    setting: Setting = field(default_factory=Setting)
    page_size: int = 20
    max_page_size: int = 1_000
    expand: ValueSetTokens | None = None

    def under(self, base: str) -> Rules:
        """Return the rules where absolute urls under one more address, with a final slash, are this server's own."""
        return _under(self, base)


@lru_cache(maxsize=256)
def _under(rules: Rules, base: str) -> Rules:
    if not base or base in rules.setting.bases:
        return rules
    return replace(rules, setting=replace(rules.setting, bases=(*rules.setting.bases, base)))


def parse(  # noqa: PLR0913 - what a search consists of, each by its name
    registry: Registry,
    types: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    *,
    rules: Rules | None = None,
    lenient: bool = False,
    compartment: tuple[str, str] | None = None,
    containers: Sequence[str] = (),
) -> Query:
    """Read a search.

    Args:
        registry: the parameters in force.
        types: the types of the route or, for a search of the whole system, all that the server offers; `_type` chooses
            among them.
        pairs: names and values of the query, decoded, in order.
        rules: what reading depends on; None: the defaults.
        lenient: ignore unknown parameters with a warning.
        compartment: type and id of the compartment to which the route is limited.
        containers: types whose contained resources may be searched (`_contained`).

    Raises:
        BadRequest: something in it cannot be understood; the text names the parameter and says how to mend it.
    """
    rules = rules or Rules()
    _check_size(pairs)
    chosen = _types(types, pairs)
    criteria = Criteria(registry, Reader(rules.setting, registry.types, rules.expand))
    controls = Controls(criteria, chosen, rules.page_size, rules.max_page_size)
    nodes: list[Node] = [Within((f"{compartment[0]}/{compartment[1]}",))] if compartment else []
    issues: list[Issue] = []
    understood: list[tuple[str, str]] = []
    for name, raw in pairs:
        if name in IGNORED_HERE:
            if name == "_type":
                understood.append((name, raw))
            continue
        _check_readable(name, raw)
        _check_complete(name)
        try:
            if not controls.read(name, raw):
                nodes.append(_criterion(criteria, chosen, name, raw))
        except UnknownParameter as none:
            if not lenient:
                raise
            issues += [replace(issue, severity="warning") for issue in none.issues]
            continue
        understood.append((name, raw))
    values = controls.values
    values["includes"], values["revincludes"] = tuple(values["includes"]), tuple(values["revincludes"])
    where, among = conjunction(nodes), tuple(chosen)
    if values.get("contained", "false") != "false":
        where = inside.where(among, nodes, beside=values["contained"] == "both", sort=values.get("sort", ()))
        values["asked"] = Contained(among, inside.criteria(nodes))
        among = tuple(dict.fromkeys((*containers, *among)))
    return Query(among, where, understood=tuple(understood), issues=tuple(issues), **values)


def _criterion(criteria: Criteria, types: Sequence[str], name: str, raw: str) -> Node:
    if name == "_filter":
        return FilterReader(criteria, types, raw).read()
    if name.partition(":")[0] == "_query":
        raise fault(
            name, Text("aucune requête nommée n'est offerte", "no named queries are offered"), code="not-supported"
        )
    return criteria.node(types, name, raw)


def _check_readable(name: str, raw: str) -> None:
    if _UNREADABLE.search(name) or _UNREADABLE.search(raw):
        raise fault(
            _UNREADABLE.sub("?", name),
            Text("caractère nul ou demi-codet interdit", "null characters and lone surrogates are not allowed"),
        )


def _check_complete(name: str) -> None:
    if not name.startswith("_has:") and _NO_MODIFIER.search(name):
        raise fault(
            name,
            Text("un modificateur est attendu après « : »", "a modifier is expected after `:`"),
            rule="search-modifier",
        )


def _check_size(pairs: Sequence[tuple[str, str]]) -> None:
    if len(pairs) > MAX_PARAMETERS or sum(len(name) + len(value) for name, value in pairs) > MAX_LENGTH:
        raise fault(
            "*",
            Text(
                f"la requête dépasse {MAX_PARAMETERS} paramètres ou {MAX_LENGTH} caractères",
                f"the query exceeds {MAX_PARAMETERS} parameters or {MAX_LENGTH} characters",
            ),
            code="too-costly",
        )


def _types(types: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    asked = [value for name, value in pairs if name == "_type"]
    if not asked:
        return list(types)
    chosen = list(dict.fromkeys(part for value in asked for part in value.split(",")))
    for resource_type in chosen:
        if resource_type not in types:
            raise fault(
                "_type",
                Text(
                    f"« {resource_type[:40]} » ne peut pas être cherché ici",
                    f'"{resource_type[:40]}" cannot be searched here',
                ),
            )
    return chosen
