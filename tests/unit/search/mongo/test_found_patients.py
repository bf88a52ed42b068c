"""Patients that a request has found already are not asked for again by a chain, unless the caller sees some alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.search import Registry, Rules, Searcher, parse
from fhirserver.search.asked.query import Ids, Node
from fhirserver.search.types.token import Token

INS, OTHER = "urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.8"
NUMBER = "280017505620181"
CHAIN = [("patient.identifier", f"{INS}|{NUMBER}")]


@pytest.fixture(scope="module", autouse=True)
def _patients(put: Callable[[dict[str, Any]], str]) -> None:
    for name, system in (("ada", INS), ("doublet", INS), ("autre", OTHER)):
        identifier = [{"system": system, "value": NUMBER}]
        put({"resourceType": "Patient", "id": name, "identifier": identifier})
        reference = {"reference": f"Patient/{name}"}
        put({"resourceType": "DocumentReference", "id": f"doc-{name}", "status": "current", "subject": reference})
    put({"resourceType": "Basic", "id": "record", "identifier": [{"system": INS, "value": NUMBER}], "code": {}})


def test_identifiers_of_several_types_are_found_together_each_under_its_own(searcher: Searcher) -> None:
    tokens = [Token(NUMBER, INS), Token(NUMBER, OTHER), Token("280017505620182", INS)]
    found = searcher.identified(("Basic", "Patient"), tokens, 10)
    assert found is not None
    named = [{f"{each.type}/{each.id}" for each in found[token]} for token in tokens]
    assert named == [{"Basic/record", "Patient/ada", "Patient/doublet"}, {"Patient/autre"}, set()]


def test_more_than_wanted_is_no_answer(searcher: Searcher) -> None:
    assert searcher.identified(("Basic", "Patient"), [Token(NUMBER, INS)], 2) is None


def test_a_chain_takes_patients_that_were_found(searcher: Searcher, registry: Registry, rules: Rules) -> None:
    query = parse(registry, ["DocumentReference"], CHAIN, rules=rules)
    assert _ids(searcher, query, {}) == {"doc-ada", "doc-doublet"}
    assert _ids(searcher, query, {Token(NUMBER, INS): ["Patient/autre"]}) == {"doc-autre"}
    assert _ids(searcher, query, {Token(NUMBER, OTHER): ["Patient/autre"]}) == {"doc-ada", "doc-doublet"}


def test_a_caller_who_sees_some_patients_alone_is_given_none_that_were_found(
    searcher: Searcher, registry: Registry, rules: Rules
) -> None:
    def only_ada(kind: str) -> Node | None:
        return Ids(("ada",)) if kind == "Patient" else None

    query = parse(registry, ["DocumentReference"], CHAIN, rules=rules)
    known = {Token(NUMBER, INS): ["Patient/ada", "Patient/doublet"]}
    page = searcher.run(query, only_ada, patients=known)
    assert {each.id for each in page.matches} == {"doc-ada"}


def _ids(searcher: Searcher, query: Any, patients: Any) -> set[str]:
    return {each.id for each in searcher.run(query, patients=patients).matches}
