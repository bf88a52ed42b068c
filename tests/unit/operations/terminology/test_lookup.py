"""$lookup: what a code means."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, NotFound
from fhirserver.operations.terminology.lookup import lookup
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import PLANTS, call, value_of


class TestLookup:
    def test_it_gives_name_version_display_designations_and_properties(self, terminology: Terminology) -> None:
        answer = lookup(terminology, call(system=PLANTS, code="oak"))
        assert [value_of(answer, name) for name in ("name", "version", "display")] == ["Plants", "1", "Oak"]
        parts = [one["part"] for one in answer["parameter"] if one["name"] == "property"]
        assert [{"name": "code", "valueCode": "parent"}, {"name": "value", "valueCode": "tree"}] in parts
        assert {"name": "value", "valueString": "Grows acorns."} in [part[1] for part in parts]
        assert value_of(answer, "designation") == [
            {"name": "language", "valueCode": "fr"},
            {"name": "value", "valueString": "Chêne"},
        ]

    def test_it_takes_a_coding_and_gives_the_display_in_the_language_asked_for(self, terminology: Terminology) -> None:
        answer = lookup(terminology, call(coding={"system": PLANTS, "code": "oak"}, displayLanguage="fr-FR"))
        assert value_of(answer, "display") == "Chêne"

    def test_it_gives_only_the_properties_asked_for(self, terminology: Terminology) -> None:
        answer = lookup(terminology, call(system=PLANTS, code="tree", property=["child"]))
        given = [one["part"][1]["valueCode"] for one in answer["parameter"] if one["name"] == "property"]
        assert given == ["oak", "elm"]
        assert value_of(answer, "designation") is None

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(system=PLANTS, code="fir"), NotFound),
            (call(system="http://nowhere", code="fir"), NotFound),
            (call(system=PLANTS, code="oak", version="9"), NotFound),
            (call(system="http://snomed.info/sct", code="1"), NotFound),
            (call(system=PLANTS), BadRequest),
            (call(code="oak"), BadRequest),
            (call(system=PLANTS, code="oak", coding={"system": PLANTS, "code": "elm"}), BadRequest),
            (call(coding="oak"), BadRequest),
            (call(coding={"code": "oak"}), BadRequest),
            (call(system=PLANTS, code="oak", colour="red"), BadRequest),
            (call(system=[PLANTS, PLANTS], code="oak"), BadRequest),
            (call(system="", code="oak"), BadRequest),
            ({"parameter": [{"valueString": "x"}]}, BadRequest),
            ({"parameter": ["x"]}, BadRequest),
        ],
    )
    def test_it_refuses_what_it_cannot_answer(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            lookup(terminology, asked)
