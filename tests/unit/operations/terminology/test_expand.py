"""$expand: the codes of a value set."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, Failure, NotFound, Unprocessable
from fhirserver.operations.terminology.expand import MAX_AT_ONCE, expand
from fhirserver.terminology import Terminology
from tests.unit.operations.terminology.building import PLANTS, call, codes, plants


class TestExpand:
    def test_it_lists_a_whole_code_system_in_its_order(self, terminology: Terminology) -> None:
        result = expand(terminology, call(valueSet=plants()))
        assert codes(result) == ["tree", "oak", "elm", "moss"]
        assert result["expansion"]["total"] == 4
        assert [one.get("abstract") for one in result["expansion"]["contains"]] == [True, None, None, None]
        assert result["expansion"]["contains"][2]["inactive"] is True
        assert "compose" not in result

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"activeOnly": True}, ["tree", "oak", "moss"]),
            ({"excludeNotForUI": True}, ["oak", "elm", "moss"]),
            ({"filter": "CHENE"}, ["oak"]),
            ({"filter": "el"}, ["elm"]),
            ({"filter": "æ"}, []),
            ({"filter": "Δέλτα"}, []),
            ({"offset": 1, "count": 2}, ["oak", "elm"]),
            ({"offset": "1", "count": "1"}, ["oak"]),
            ({"count": 0}, []),
            ({"offset": 10}, []),
            ({"exclude_system": PLANTS}, []),
        ],
    )
    def test_it_filters_and_pages(self, terminology: Terminology, asked: dict[str, Any], expected: list[str]) -> None:
        assert codes(expand(terminology, call(valueSet=plants(), **asked))) == expected

    def test_the_total_counts_all_pages(self, terminology: Terminology) -> None:
        result = expand(terminology, call(valueSet=plants(), count=1))
        assert (result["expansion"]["total"], result["expansion"]["offset"], len(codes(result))) == (4, 0, 1)

    def test_it_names_codes_in_the_language_asked_for_with_designations_on_demand(
        self, terminology: Terminology
    ) -> None:
        asked = call(valueSet=plants(concept=[{"code": "oak"}]), displayLanguage="fr", includeDesignations=True)
        (entry,) = expand(terminology, asked)["expansion"]["contains"]
        assert entry["display"] == "Chêne"
        assert entry["designation"] == [{"value": "Oak"}]

    def test_a_display_of_the_value_set_comes_first(self, terminology: Terminology) -> None:
        result = expand(terminology, call(valueSet=plants(concept=[{"code": "oak", "display": "Big oak"}])))
        assert result["expansion"]["contains"][0]["display"] == "Big oak"

    def test_it_includes_the_definition_on_demand_and_excludes_codes(self, terminology: Terminology) -> None:
        value_set = plants()
        value_set["compose"]["exclude"] = [
            {"system": PLANTS, "filter": [{"property": "concept", "op": "descendent-of", "value": "tree"}]}
        ]
        result = expand(terminology, call(valueSet=value_set, includeDefinition=True))
        assert codes(result) == ["tree", "moss"]
        assert result["compose"] == value_set["compose"]

    def test_it_follows_imports_of_the_packages(self, terminology: Terminology) -> None:
        value_set = {
            "resourceType": "ValueSet",
            "url": "http://x",
            "compose": {"include": [{"valueSet": ["http://hl7.org/fhir/ValueSet/administrative-gender"]}]},
        }
        result = expand(terminology, call(valueSet=value_set))
        assert codes(result) == ["male", "female", "other", "unknown"]

    def test_a_fragment_expands_to_what_is_here_and_says_so(self, terminology: Terminology) -> None:
        value_set = {"resourceType": "ValueSet", "compose": {"include": [{"system": "http://test.example/part"}]}}
        result = expand(terminology, call(valueSet=value_set))
        assert result["expansion"]["extension"][0]["valueBoolean"] is True

    def test_more_than_a_page_of_codes_needs_paging(self, terminology: Terminology) -> None:
        value_set = {"resourceType": "ValueSet", "compose": {"include": [{"system": "http://test.example/large"}]}}
        with pytest.raises(Unprocessable, match="in pages") as refused:
            expand(terminology, call(valueSet=value_set))
        assert refused.value.issues[0].code == "too-costly"
        assert codes(expand(terminology, call(valueSet=value_set, offset=MAX_AT_ONCE, count=2)))[-1] == "10001"

    def test_versions_asked_for_are_checked(self, terminology: Terminology) -> None:
        pinned = plants(version="1")
        assert codes(expand(terminology, call(valueSet=pinned, check_system_version=f"{PLANTS}|1")))
        with pytest.raises(Unprocessable):
            expand(terminology, call(valueSet=pinned, check_system_version=f"{PLANTS}|2"))

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(), BadRequest),
            (call(url="http://nowhere"), NotFound),
            (call(url="http://hl7.org/fhir/ValueSet/all-languages"), Unprocessable),
            (call(url="http://hl7.org/fhir/ValueSet/condition-code"), Unprocessable),
            (call(valueSet={"resourceType": "ValueSet", "url": "http://empty"}), Unprocessable),
            (call(valueSet=plants(), count=-1), BadRequest),
            (call(valueSet=plants(), count="many"), BadRequest),
            (call(valueSet=plants(), activeOnly="perhaps"), BadRequest),
            (call(valueSet=plants(), context="x"), BadRequest),
        ],
    )
    def test_it_refuses_what_it_cannot_do(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            expand(terminology, asked)
