"""Inclusion and chains along canonical urls, with and without versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Registry, Rules, Searcher, parse

FORM = "https://example.fr/Questionnaire/douleur"


def form(identity: str, version: str) -> dict[str, Any]:
    return {"resourceType": "Questionnaire", "id": identity, "url": FORM, "version": version, "status": "active"}


def answers(identity: str, canonical: str) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse", "id": identity, "questionnaire": canonical, "status": "completed",
    }  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def population(put: Callable[[dict[str, Any]], str]) -> None:
    for each in (
        form("one", "1"), form("two", "2"), answers("any", FORM), answers("second", f"{FORM}|2"),
        answers("third", f"{FORM}|3"), answers("part", f"{FORM}|1#item"), answers("else", "https://other.example/Q"),
        answers("local", "Questionnaire/one"),
    ):  # fmt: skip
        put(each)


@pytest.fixture
def included(searcher: Searcher, registry: Registry, rules: Rules) -> Callable[..., list[str]]:
    def run(kind: str, *pairs: tuple[str, str]) -> list[str]:
        page = searcher.run(parse(registry, [kind], pairs, rules=rules))
        return sorted(stored.id for stored in page.includes)

    return run


@pytest.mark.parametrize(
    ("response", "found"),
    [("any", ["one", "two"]), ("second", ["two"]), ("third", []), ("part", ["one"]), ("else", []), ("local", ["one"])],
)
@pytest.mark.parametrize("include", ["QuestionnaireResponse:questionnaire", "*", "QuestionnaireResponse:*"])
def test_a_canonical_includes_the_versions_that_it_names(
    included: Callable[..., list[str]], response: str, found: list[str], include: str
) -> None:
    assert included("QuestionnaireResponse", ("_id", response), ("_include", include)) == found


@pytest.mark.parametrize(("asked", "found"), [("one", ["any", "local"]), ("two", ["any", "second"])])
def test_what_names_a_resource_by_its_canonical_is_included_backwards(
    included: Callable[..., list[str]], asked: str, found: list[str]
) -> None:
    pairs = ("_id", asked), ("_revinclude", "QuestionnaireResponse:questionnaire")
    assert included("Questionnaire", *pairs) == found


@pytest.mark.parametrize(
    ("kind", "asked", "found"),
    [
        ("QuestionnaireResponse", ("questionnaire.version", "2"), ["any", "second"]),
        ("QuestionnaireResponse", ("questionnaire:Questionnaire.version", "1"), ["any", "local"]),
        ("QuestionnaireResponse", ("questionnaire.version", "3"), []),
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:_id", "second"), ["two"]),
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:_id", "any"), ["one", "two"]),
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:_id", "local"), ["one"]),
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:_id", "part,third,else"), ["one"]),
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:_id", "third,else"), []),
    ],
)
def test_chains_follow_canonicals_both_ways(
    searcher: Searcher, kind: str, asked: tuple[str, str], found: list[str]
) -> None:
    assert sorted(searcher.ids(kind, [asked])) == found
