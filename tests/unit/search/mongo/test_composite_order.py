"""A composite is sorted by: by its first part, then by the next; the lowest of all elements, or the highest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Registry, Rules, Searcher, parse

UCUM = "http://unitsofmeasure.org"


def observation(identity: str, *parts: tuple[str, float]) -> dict[str, Any]:
    component = [
        {
            "code": {"coding": [{"system": "urn:c", "code": code}]},
            "valueQuantity": {"value": value, "system": UCUM, "code": "mm[Hg]", "unit": "mm[Hg]"},
        }
        for code, value in parts
    ]
    found = {"resourceType": "Observation", "id": identity, "status": "final", "code": {"text": "x"}}
    return {**found, "component": component} if component else found


@pytest.fixture(scope="module", autouse=True)
def _stored(put: Callable[[dict[str, Any]], str]) -> None:
    put(observation("c", ("b", 80), ("a", 150)))
    put(observation("a", ("a", 120)))
    put(observation("b", ("b", 10), ("b", 300)))
    put(observation("none"))


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("component-code-value-quantity", ["none", "c", "a", "b"]),
        ("-component-code-value-quantity", ["b", "c", "a", "none"]),
    ],
)
def test_pages_come_in_the_order_of_the_parts(  # noqa: PLR0913, PLR0917 - fixtures and cases
    searcher: Searcher, registry: Registry, rules: Rules, sort: str, expected: list[str], count: int
) -> None:
    query = parse(registry, ["Observation"], [("_sort", sort), ("_count", str(count))], rules=rules)
    found: list[str] = []
    after: tuple[Any, ...] | None = None
    while True:
        page = searcher.run(searcher.turned(query, after))
        found += [match.id for match in page.matches]
        after = page.next
        if after is None:
            break
    assert found == expected
