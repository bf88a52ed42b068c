"""What several conditional entries select is found by one query, exactly as each would find it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Searcher
from fhirserver.search.mongo import together
from fhirserver.store.kept.ids import key

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
    found = together.select(searcher, wanted, None, BASE).selected
    assert list(found) == wanted
    for kind, pairs in wanted:
        assert sorted(each["i"] for each in found[kind, pairs]) == sorted(searcher.ids(kind, pairs))
    assert [len(each) for each in found.values()] == [1, 2, 0]
    assert all(each["body"] and "s" not in each for documents in found.values() for each in documents)


def test_a_second_selection_of_a_type_is_left_to_be_asked_alone(searcher: Searcher) -> None:
    found = together.select(searcher, [selection("Patient", "1"), selection("Patient", "2")], None, BASE)
    assert list(found.selected) == [selection("Patient", "1")]


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
    assert together.select(searcher, [("Patient", pairs)], None, BASE).selected == {}


def test_no_selection_is_cut_short_by_one_that_finds_very_many(searcher: Searcher) -> None:
    found = together.select(
        searcher, [selection("Location", "many"), selection("Patient", "1")], None, BASE, ["no key"]
    )
    assert found == ({}, [], False)


def test_resources_by_their_keys_are_found_by_the_same_query(searcher: Searcher) -> None:
    (identity,) = searcher.ids("Practitioner", selection("Practitioner", "1")[1])
    wanted = [selection("Patient", "2"), ("Organization", (("no-such-parameter", "1"),))]
    found = together.select(searcher, wanted, None, BASE, [key("Practitioner", identity), key("Practitioner", "none")])
    assert list(found.selected) == wanted[:1]
    assert len(found.selected[wanted[0]]) == 2
    assert [each["i"] for each in found.beside] == [identity]
    assert found.complete
    alone = together.select(searcher, [], None, BASE, [key("Practitioner", identity)])
    assert alone == ({}, found.beside, True)
