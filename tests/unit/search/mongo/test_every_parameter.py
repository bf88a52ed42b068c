"""Every parameter of every type is searched, asked whether it is missing, filtered and sorted by, beside an id."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fhirserver.errors import BadRequest
from fhirserver.search import Registry, Searcher, parse
from fhirserver.search.declared.parameters import Parameter

pytestmark = pytest.mark.long("asks every parameter of every type")

VALUES = {
    "token": "a|b", "string": "a", "date": "ge2020-01", "number": "1", "quantity": "5|http://unitsofmeasure.org|mg",
    "reference": "x1", "uri": "http://a", "special": "45|4|10|km",
}  # fmt: skip
KEYS = 5
"""Most keys of an order."""
Pairs = list[tuple[str, str]]


def value(parameter: Parameter) -> str:
    if parameter.kind == "composite":
        return "$".join(VALUES[component.kind] for component in parameter.components)
    return VALUES[parameter.kind]


def queries(parameters: list[Parameter]) -> Iterator[Pairs]:
    """All that can be asked of some parameters, in few queries."""
    yield [(each.code, value(each)) for each in parameters]
    yield [(f"{each.code}:missing", "true") for each in parameters]
    yield [("_filter", " or ".join(f"{each.code} pr true" for each in parameters))]
    sortable = [each.code for each in parameters if each.kind != "special"]
    for start in range(0, len(sortable), KEYS):
        signs = ["", "-"] * KEYS
        yield [("_sort", ",".join(map(str.__add__, signs, sortable[start : start + KEYS])))]


def test_every_parameter_of_every_type_is_answered_beside_an_id(searcher: Searcher, registry: Registry) -> None:
    for resource_type in sorted(registry.types):
        # those that all types have in common are asked of one of them
        own = [each for each in registry.of(resource_type).by_code.values() if each.code[0] != "_"]
        shared = [each for each in registry.of("Basic").by_code.values() if each.code[0] == "_"]
        for pairs in queries(own + shared if resource_type == "Basic" else own) if own else ():
            page = searcher.run(parse(registry, [resource_type], [("_id", "none"), *pairs], rules=searcher.rules))
            assert page.matches == (), (resource_type, pairs)


def test_what_has_no_order_is_not_sorted_by(registry: Registry) -> None:
    with pytest.raises(BadRequest, match="cannot be sorted"):
        parse(registry, ["Location"], [("_sort", "near")])
