"""$translate: a code in the terms of another system."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, NotFound
from fhirserver.operations.terminology.translate import translate
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import PLANTS, call, value_of


class TestTranslate:
    URL = "http://test.example/map"

    def test_a_mapped_code_comes_with_its_relation_and_map(self, terminology: Terminology) -> None:
        answer = translate(terminology, call(url=self.URL, system=PLANTS, code="oak"))
        assert value_of(answer, "result") is True
        parts = {part["name"]: next(v for k, v in part.items() if k != "name") for part in value_of(answer, "match")}
        assert parts["equivalence"] == "wider"
        assert parts["concept"] == {"system": "http://test.example/wood", "code": "chene", "display": "Chêne"}
        assert parts["source"] == self.URL

    def test_reversed_it_turns_the_relation_round(self, terminology: Terminology) -> None:
        asked = call(url=self.URL, system="http://test.example/wood", code="chene", reverse=True)
        parts = {part["name"]: part for part in value_of(translate(terminology, asked), "match")}
        assert parts["equivalence"]["valueCode"] == "narrower"
        assert parts["concept"]["valueCoding"]["code"] == "oak"

    def test_a_code_without_counterpart_gives_false_and_says_so(self, terminology: Terminology) -> None:
        answer = translate(terminology, call(url=self.URL, system=PLANTS, code="moss"), language="en")
        assert value_of(answer, "result") is False
        assert "No translation" in value_of(answer, "message")

    def test_what_the_map_does_not_name_follows_its_rule_for_that(self, terminology: Terminology) -> None:
        answer = translate(terminology, call(url=self.URL, system=PLANTS, code="fir"))
        assert [part.get("valueCoding") for part in value_of(answer, "match")][1]["code"] == "autre"

    def test_a_mapping_with_dependencies_needs_them(self, terminology: Terminology) -> None:
        asked = call(url=self.URL, system=PLANTS, code="elm")
        without = translate(terminology, asked)
        assert [part.get("valueCoding") for part in value_of(without, "match")][1]["code"] == "autre"
        dependency = [
            {"name": "element", "valueUri": "http://test.example/region"},
            {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "south"}]}},
        ]
        asked["parameter"].append({"name": "dependency", "part": dependency})
        parts = value_of(translate(terminology, asked), "match")
        assert parts[1]["valueCoding"]["code"] == "orme"
        assert [part["name"] for part in parts] == ["equivalence", "concept", "product", "source"]

    def test_maps_are_found_by_their_ends(self, terminology: Terminology) -> None:
        asked = call(
            source="http://test.example/vs-plants", target="http://test.example/vs-wood", system=PLANTS, code="oak"
        )
        assert value_of(translate(terminology, asked), "result") is True

    def test_maps_of_the_packages_are_used(self, terminology: Terminology) -> None:
        asked = call(
            url="http://hl7.org/fhir/ConceptMap/sc-account-status",
            system="http://hl7.org/fhir/account-status",
            code="active",
        )
        assert value_of(translate(terminology, asked), "result") is True

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(url="http://test.example/map"), BadRequest),
            (
                call(
                    url="http://test.example/map", system=PLANTS, code="oak", coding={"system": PLANTS, "code": "elm"}
                ),
                BadRequest,
            ),
            (call(url="http://test.example/map", code="oak"), BadRequest),
            (call(system=PLANTS, code="oak"), BadRequest),
            (call(url="http://nowhere", system=PLANTS, code="oak"), NotFound),
            (call(url="http://test.example/map", system=PLANTS, code="oak", dependency="x"), BadRequest),
        ],
    )
    def test_it_refuses_what_it_cannot_answer(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            translate(terminology, asked)
