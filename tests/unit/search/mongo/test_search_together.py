"""What several conditional entries select is found by one query, exactly as each would find it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Searcher
from fhirserver.search.mongo import together

BASE = "https://fhir.example.fr/fhir/"
SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
Put = Callable[[dict[str, Any]], str]


@pytest.fixture(scope="module", autouse=True)
def _people(put: Put) -> None:
    for kind in ("Patient", "Practitioner", "Organization"):
        for value in ("1", "2", "2"):
            put({"resourceType": kind, "identifier": [{"system": SYSTEM, "value": value}]})
    for _ in range(120):
        put({"resourceType": "Location", "identifier": [{"system": SYSTEM, "value": "many"}]})


def selection(kind: str, value: str) -> together.Selection:
    return kind, (("identifier", f"{SYSTEM}|{value}"),)


def test_selections_of_several_types_find_what_each_finds_alone(searcher: Searcher) -> None:
    wanted = [selection("Patient", "1"), selection("Practitioner", "2"), selection("Organization", "3")]
    found = together.select(searcher, wanted, None, BASE)
    assert list(found) == wanted
    for kind, pairs in wanted:
        assert sorted(each["i"] for each in found[kind, pairs]) == sorted(searcher.ids(kind, pairs))
    assert [len(each) for each in found.values()] == [1, 2, 0]
    assert all(each["body"] and "s" not in each for documents in found.values() for each in documents)


def test_a_second_selection_of_a_type_is_left_to_be_asked_alone(searcher: Searcher) -> None:
    found = together.select(searcher, [selection("Patient", "1"), selection("Patient", "2")], None, BASE)
    assert list(found) == [selection("Patient", "1")]


@pytest.mark.parametrize(
    "pairs",
    [
        (("no-such-parameter", "1"),),
        (("identifier:missing", "true"),),
        (("organization.identifier", "1"),),
        (("_id", "1"),),
    ],
)
def test_criteria_that_are_faulty_or_look_elsewhere_are_left_out(
    searcher: Searcher, pairs: tuple[tuple[str, str], ...]
) -> None:
    assert together.select(searcher, [("Patient", pairs)], None, BASE) == {}


def test_no_selection_is_cut_short_by_one_that_finds_very_many(searcher: Searcher) -> None:
    assert together.select(searcher, [selection("Location", "many"), selection("Patient", "1")], None, BASE) == {}
