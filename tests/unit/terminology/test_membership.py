"""Membership in value sets, filter by filter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fhirserver.terminology import Terminology, Verdict
from fhirserver.terminology.codesystem import from_resource
from fhirserver.terminology.expansion import expansion

ANIMALS = "http://test.example/animals"
VS = "http://test.example/vs/"
ALL = ["animal", "mammal", "dog", "whale", "bird", "dodo", "bat"]


def compose(*includes: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    parts: dict[str, Any] = {"include": list(includes)}
    return {
        "resourceType": "ValueSet",
        "url": f"{VS}asked",
        "compose": parts | ({"exclude": exclude} if exclude else {}),
    }


def filtered(property_: str, operator: str, value: str) -> dict[str, Any]:
    return {"system": ANIMALS, "filter": [{"property": property_, "op": operator, "value": value}]}


@pytest.mark.parametrize(
    ("property_", "operator", "value", "expected"),
    [
        ("concept", "is-a", "mammal", {"mammal", "dog", "whale", "bat"}),
        ("concept", "descendent-of", "mammal", {"dog", "whale", "bat"}),
        ("concept", "is-not-a", "mammal", {"animal", "bird", "dodo"}),
        ("concept", "generalizes", "dog", {"dog", "mammal", "animal"}),
        ("concept", "child-of", "animal", {"mammal", "bird"}),
        ("concept", "descendent-leaf", "animal", {"dog", "whale", "dodo", "bat"}),
        ("code", "=", "dog", {"dog"}),
        ("legs", "=", "4", {"dog"}),
        ("pet", "=", "true", {"dog"}),
        ("legs", "in", "2, 4", {"dog", "bird"}),
        ("legs", "not-in", "2,4", {"animal", "mammal", "whale", "dodo", "bat"}),
        ("legs", "exists", "true", {"dog", "whale", "bird"}),
        ("legs", "exists", "false", {"animal", "mammal", "dodo", "bat"}),
        ("code", "regex", "b.*", {"bird", "bat"}),
        ("code", "regex", "o", set()),
        ("display", "=", "Whale", {"whale"}),
        ("parent", "=", "bird", {"dodo"}),
        ("child", "=", "dodo", {"bird"}),
    ],
)
def test_each_filter_operator_selects_what_the_specification_says(
    zoo: Terminology, property_: str, operator: str, value: str, expected: set[str]
) -> None:
    matcher = zoo.compile(compose(filtered(property_, operator, value)))
    assert {code for code in ALL if matcher.decide(ANIMALS, code).verdict is Verdict.IN} == expected
    assert all(matcher.decide(ANIMALS, code).verdict is Verdict.OUT for code in set(ALL) - expected)


def test_several_filters_must_all_hold(zoo: Terminology) -> None:
    both = filtered("concept", "is-a", "mammal")
    both["filter"].append({"property": "legs", "op": "=", "value": "0"})
    matcher = zoo.compile(compose(both))
    assert [code for code in ALL if matcher.decide(ANIMALS, code).verdict is Verdict.IN] == ["whale"]


def test_an_exclude_takes_codes_out_of_a_whole_system(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({"system": ANIMALS}, exclude=[filtered("concept", "is-a", "bird")]))
    assert matcher.decide(ANIMALS, "dog").verdict is Verdict.IN
    assert matcher.decide(ANIMALS, "dodo").cause == "excluded"


def test_several_imports_of_one_include_intersect(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({**filtered("concept", "is-a", "mammal"), "valueSet": [f"{VS}pets"]}))
    assert {code for code in ALL if matcher.decide(ANIMALS, code).verdict is Verdict.IN} == {"dog", "bat"}


def test_several_includes_unite(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({"valueSet": [f"{VS}pets"]}, filtered("code", "=", "dodo")))
    assert {code for code in ALL if matcher.decide(None, code).verdict is Verdict.IN} == {"dog", "bat", "dodo"}


def test_a_code_without_system_is_looked_for_in_every_system_of_the_value_set(zoo: Terminology) -> None:
    assert zoo.member(f"{VS}all", None, "dog").verdict is Verdict.IN
    assert zoo.member(f"{VS}all", None, "cat").verdict is Verdict.OUT


def test_a_code_of_another_system_is_out_and_the_message_names_the_right_one(zoo: Terminology) -> None:
    answer = zoo.member(f"{VS}pets", "http://other.example", "dog")
    assert (answer.verdict, answer.cause) == (Verdict.OUT, "other-system")
    assert ANIMALS in answer.reason.fr
    assert ANIMALS in answer.reason.en


def test_a_code_that_the_complete_system_lacks_is_told_apart_from_one_outside_the_value_set(zoo: Terminology) -> None:
    assert zoo.member(f"{VS}all", ANIMALS, "cat").cause == "unknown-code"
    answer = zoo.member(f"{VS}pets", ANIMALS, "whale")
    assert answer.cause == "not-in-value-set"
    assert "bat, dog" in answer.reason.en


@pytest.mark.parametrize(("name", "cause"), [("fragment", "system-incomplete"), ("elsewhere", "system-not-loaded")])
def test_what_cannot_be_verified_is_unknown_and_never_out(zoo: Terminology, name: str, cause: str) -> None:
    system = "http://test.example/part" if name == "fragment" else "http://test.example/nowhere"
    answer = zoo.member(VS + name, system, "cat")
    assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, cause)


def test_a_code_that_a_fragment_has_is_in(zoo: Terminology) -> None:
    assert zoo.member(f"{VS}fragment", "http://test.example/part", "dog").verdict is Verdict.IN


def test_a_code_of_a_system_that_the_value_set_does_not_use_is_out_even_when_its_own_system_is_missing(
    zoo: Terminology,
) -> None:
    assert zoo.member(f"{VS}elsewhere", ANIMALS, "dog").verdict is Verdict.OUT


def test_codes_listed_of_a_system_that_is_not_loaded_are_decided_by_the_list(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({"system": "http://test.example/nowhere", "concept": [{"code": "1"}]}))
    assert matcher.decide("http://test.example/nowhere", "1").verdict is Verdict.IN
    assert matcher.decide("http://test.example/nowhere", "2").verdict is Verdict.OUT


def test_a_value_set_that_nobody_publishes_is_unknown(zoo: Terminology) -> None:
    assert zoo.member("http://test.example/vs/none", None, "dog").cause == "value-set-not-loaded"
    importing = zoo.compile(compose({"valueSet": ["http://test.example/vs/none"]}))
    assert importing.decide(None, "dog").verdict is Verdict.UNKNOWN
    assert importing.decide(ANIMALS, "dog").verdict is Verdict.UNKNOWN


def test_cyclic_value_sets_are_reported_whichever_is_asked_first(core: Any, zoo: Terminology) -> None:
    for name in ("loop-a", "loop-b"):
        answer = zoo.member(VS + name, ANIMALS, "dog")
        assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, "value-set-unusable")
        assert "imports itself" in answer.reason.en


def test_a_long_chain_of_imports_is_refused_and_does_not_overflow(core: Any) -> None:
    chain = [
        {"resourceType": "ValueSet", "url": f"{VS}{n}", "compose": {"include": [{"valueSet": [f"{VS}{n + 1}"]}]}}
        for n in range(3000)
    ]
    answer = Terminology(core, value_sets=chain).member(f"{VS}0", None, "x")
    assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, "value-set-unusable")


def test_imports_that_multiply_are_refused_and_not_gone_through(core: Any) -> None:
    doubling = [
        {"resourceType": "ValueSet", "url": f"{VS}{n}", "compose": {"include": [{"valueSet": [f"{VS}{n + 1}"]}] * 2}}
        for n in range(40)
    ]
    answer = Terminology(core, value_sets=doubling).member(f"{VS}0", "http://s.example", "x")
    assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, "value-set-unusable")


def test_a_value_set_with_only_a_stored_expansion_uses_it(zoo: Terminology) -> None:
    stored = {
        "resourceType": "ValueSet",
        "url": f"{VS}stored",
        "expansion": {"contains": [{"system": ANIMALS, "code": "x", "contains": [{"system": ANIMALS, "code": "y"}]}]},
    }
    matcher = zoo.compile(stored)
    assert matcher.decide(ANIMALS, "y").verdict is Verdict.IN
    assert matcher.decide(ANIMALS, "z").verdict is Verdict.OUT


def test_a_stored_expansion_helps_where_the_definition_cannot_be_evaluated(zoo: Terminology) -> None:
    resource = compose({"system": "http://test.example/nowhere"})
    resource["expansion"] = {"contains": [{"system": "http://test.example/nowhere", "code": "1"}]}
    matcher = zoo.compile(resource)
    assert matcher.decide("http://test.example/nowhere", "1").verdict is Verdict.IN
    assert matcher.decide("http://test.example/nowhere", "2").verdict is Verdict.UNKNOWN


def test_another_version_of_the_system_confirms_codes_but_refuses_none(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({"system": ANIMALS, "version": "2.0"}))
    assert matcher.decide(ANIMALS, "dog").verdict is Verdict.IN
    assert matcher.decide(ANIMALS, "cat").cause == "version-not-loaded"


def test_a_coding_of_another_version_than_the_value_set_asks_for_is_out(zoo: Terminology) -> None:
    matcher = zoo.compile(compose({"system": ANIMALS, "version": "1.0"}))
    assert matcher.decide(ANIMALS, "dog", "1.0").verdict is Verdict.IN
    assert matcher.decide(ANIMALS, "dog", "3.0").verdict is Verdict.OUT


@pytest.mark.parametrize("value", ["(", "(?=x)x", "[z-a]"])
def test_a_regular_expression_that_cannot_be_used_makes_the_answer_unknown(zoo: Terminology, value: str) -> None:
    assert zoo.compile(compose(filtered("code", "regex", value))).decide(ANIMALS, "dog").verdict is Verdict.UNKNOWN


def test_a_regular_expression_that_explodes_elsewhere_is_evaluated_in_linear_time(zoo: Terminology) -> None:
    long = from_resource(
        {"resourceType": "CodeSystem", "url": "http://test.example/long", "concept": [{"code": "a" * 5000 + "b"}]}
    )
    terminology = Terminology(zoo.definitions, [long])
    part = {"system": long.url, "filter": [{"property": "code", "op": "regex", "value": "(a+)+c"}]}
    assert terminology.compile(compose(part)).decide(long.url, "a").verdict is Verdict.OUT


def test_an_incomplete_or_unknown_filter_makes_the_answer_unknown(zoo: Terminology) -> None:
    for part in (filtered("code", "like", "x"), {"system": ANIMALS, "filter": [{"property": "code"}]}):
        assert zoo.compile(compose(part)).decide(ANIMALS, "dog").cause == "value-set-unusable"


def test_many_threads_compile_one_value_set_and_get_one_answer(core: Any) -> None:
    terminology = Terminology(core)
    url = "http://hl7.org/fhir/ValueSet/all-types|4.0.1"
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda code: terminology.member(url, None, code).verdict, ["Patient", "Nobody"] * 200))
    assert answers == [Verdict.IN, Verdict.OUT] * 200


@pytest.mark.parametrize(
    "resource",
    [
        {"compose": "x"},
        {"compose": {"include": "x"}},
        {"compose": {"include": [7]}},
        {"compose": {"include": [{"system": ANIMALS, "concept": [7]}]}},
        {"compose": {"include": [{"system": ANIMALS, "filter": 7}]}},
        {"compose": {"include": [{"valueSet": [7]}]}},
        {"compose": {"include": [{"system": ["x"]}]}},
        {"expansion": {"contains": 7}},
    ],
)
def test_a_malformed_value_set_is_unusable_and_breaks_nothing(zoo: Terminology, resource: dict[str, Any]) -> None:
    answer = zoo.compile({"resourceType": "ValueSet", "url": "http://bad", **resource}).decide(ANIMALS, "dog")
    assert (answer.verdict, answer.cause) == (Verdict.UNKNOWN, "value-set-unusable")
    assert "http://bad" in answer.reason.fr


def test_a_code_system_implies_value_sets_of_all_its_codes_and_of_a_branch(core: Any) -> None:
    system = from_resource(
        {
            "resourceType": "CodeSystem",
            "url": "http://test.example/tree",
            "valueSet": "http://test.example/tree/vs",
            "content": "complete",
            "concept": [{"code": "a", "concept": [{"code": "b"}]}, {"code": "c"}],
        }
    )
    terminology = Terminology(core, [system])
    assert terminology.member("http://test.example/tree/vs", system.url, "c").verdict is Verdict.IN
    assert terminology.member("http://test.example/tree?fhir_vs", system.url, "c").verdict is Verdict.IN
    branch = "http://test.example/tree?fhir_vs=isa/a"
    assert terminology.member(branch, system.url, "b").verdict is Verdict.IN
    assert terminology.member(branch, system.url, "c").verdict is Verdict.OUT
    assert (
        terminology.member("http://test.example/tree?fhir_vs=refset/1", system.url, "c").cause == "value-set-not-loaded"
    )


def test_a_value_set_without_inactive_codes_leaves_them_out(zoo: Terminology) -> None:
    everything = compose({"system": ANIMALS})
    listed = compose({"system": ANIMALS, "concept": [{"code": "dodo"}, {"code": "dog"}]})
    chosen = compose(filtered("concept", "is-a", "bird"))
    for resource in (everything, listed, chosen):
        assert zoo.compile(resource).decide(ANIMALS, "dodo").verdict is Verdict.IN
        resource["compose"]["inactive"] = False
        assert zoo.compile(resource).decide(ANIMALS, "dodo").verdict is Verdict.OUT
        assert "dodo" not in {entry.code for entry in expansion(zoo, resource).entries}
    assert zoo.compile(everything).decide(ANIMALS, "dog").verdict is Verdict.IN
    assert {entry.code for entry in expansion(zoo, chosen).entries} == {"bird"}
