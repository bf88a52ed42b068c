"""The terminology operations, each by its definition in R4."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.definitions import Definitions, development
from fhirserver.errors import BadRequest, Failure, NotFound, Unprocessable
from fhirserver.operations.expand import MAX_AT_ONCE, expand
from fhirserver.operations.lookup import lookup
from fhirserver.operations.subsumes import subsumes
from fhirserver.operations.translate import translate
from fhirserver.operations.validate_code import in_code_system, in_value_set
from fhirserver.terminology import Terminology
from fhirserver.terminology.codesystem import from_resource

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
GENDER = "http://hl7.org/fhir/administrative-gender"
PLANTS = "http://test.example/plants"


@pytest.fixture(scope="module")
def core() -> Definitions:
    return development()


@pytest.fixture(scope="module")
def terminology(core: Definitions) -> Terminology:
    def concept(code: str, display: str, *below: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"code": code, "display": display, **({"concept": list(below)} if below else {}), **more}

    oak = concept("oak", "Oak", designation=[{"language": "fr", "value": "Chêne"}], definition="Grows acorns.")
    elm = concept("elm", "Elm", property=[{"code": "status", "valueCode": "retired"}])
    tree = concept("tree", "Tree", oak, elm, property=[{"code": "notSelectable", "valueBoolean": True}])
    plants = {
        "resourceType": "CodeSystem",
        "url": PLANTS,
        "version": "1",
        "title": "Plants",
        "content": "complete",
        "caseSensitive": True,
        "concept": [tree, concept("moss", "Moss")],
    }
    grouped = {**plants, "url": "http://test.example/grouped", "hierarchyMeaning": "grouped-by"}
    part = {**plants, "url": "http://test.example/part", "content": "fragment"}
    large = {
        "resourceType": "CodeSystem",
        "url": "http://test.example/large",
        "content": "complete",
        "concept": [{"code": str(n), "display": f"Number {n}"} for n in range(MAX_AT_ONCE + 5)],
    }
    french = {
        "resourceType": "ConceptMap",
        "url": "http://test.example/map",
        "sourceUri": "http://test.example/vs-plants",
        "targetUri": "http://test.example/vs-wood",
        "group": [
            {
                "source": PLANTS,
                "target": "http://test.example/wood",
                "element": [
                    {"code": "oak", "target": [{"code": "chene", "display": "Chêne", "equivalence": "wider"}]},
                    {"code": "moss", "target": [{"equivalence": "unmatched"}]},
                    {
                        "code": "elm",
                        "target": [
                            {
                                "code": "orme",
                                "equivalence": "equal",
                                "dependsOn": [{"property": "http://test.example/region", "value": "south"}],
                                "product": [{"property": "http://test.example/p", "system": "http://s", "value": "v"}],
                            }
                        ],
                    },
                ],
                "unmapped": {"mode": "fixed", "code": "autre"},
            }
        ],
    }
    return Terminology(core, [from_resource(one) for one in (plants, grouped, part, large)], value_sets=[french])


def call(**values: Any) -> dict[str, Any]:
    """Return Parameters; `_` in a name stands for `-`; a dict with resourceType is a resource."""

    def one(name: str, value: Any) -> dict[str, Any]:
        name = name.replace("_", "-")
        if isinstance(value, dict) and "resourceType" in value:
            return {"name": name, "resource": value}
        kind = {
            bool: "Boolean",
            int: "Integer",
            dict: "CodeableConcept" if "coding" in (value if isinstance(value, dict) else {}) else "Coding",
        }
        return {"name": name, f"value{kind.get(type(value), 'String')}": value}

    listed = [
        one(name, item) for name, value in values.items() for item in (value if isinstance(value, list) else [value])
    ]
    return {"resourceType": "Parameters", "parameter": listed}


def value_of(answer: dict[str, Any], name: str) -> Any:
    found = [next(v for k, v in one.items() if k != "name") for one in answer["parameter"] if one["name"] == name]
    return found[0] if found else None


def plants(**include: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": "http://x", "compose": {"include": [{"system": PLANTS, **include}]}}


def codes(result: dict[str, Any]) -> list[str]:
    return [one["code"] for one in result["expansion"].get("contains", ())]


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


class TestSubsumes:
    @pytest.mark.parametrize(
        ("a", "b", "outcome"),
        [
            ("FAMMEMB", "MTH", "subsumes"),
            ("MTH", "FAMMEMB", "subsumed-by"),
            ("MTH", "MTH", "equivalent"),
            ("MTH", "FTH", "not-subsumed"),
        ],
    )
    def test_it_tells_how_two_codes_relate(self, terminology: Terminology, a: str, b: str, outcome: str) -> None:
        assert value_of(subsumes(terminology, call(codeA=a, codeB=b, system=ROLES)), "outcome") == outcome

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(codeA="oak", codeB="fir", system=PLANTS), NotFound),
            (call(codeA="oak", system=PLANTS), BadRequest),
            (call(codeA="oak", codeB="elm"), BadRequest),
            (call(codeA="oak", codeB="elm", system="http://nowhere"), NotFound),
            (call(codeA="oak", codeB="elm", system="http://test.example/grouped"), Unprocessable),
            (call(codeA="fr", codeB="en", system="urn:ietf:bcp:47"), Unprocessable),
            (
                call(codingA={"system": PLANTS, "code": "oak"}, codingB={"system": ROLES, "code": "MTH"}),
                Unprocessable,
            ),
        ],
    )
    def test_it_refuses_what_it_cannot_answer(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            subsumes(terminology, asked)


class TestValidateCode:
    @pytest.mark.parametrize(
        ("asked", "result"),
        [
            (call(url=PLANTS, code="oak"), True),
            (call(url=PLANTS, code="oak", display="chêne"), True),
            (call(url=PLANTS, code="oak", display="Elm"), False),
            (call(url=PLANTS, code="fir"), False),
            (call(url=PLANTS, code="tree"), False),
            (call(url=PLANTS, code="tree", abstract=True), True),
            (call(url=PLANTS, code="elm"), True),
            (call(coding={"system": PLANTS, "code": "oak"}), True),
            (call(url=ROLES, coding={"system": PLANTS, "code": "oak"}), False),
            (
                call(codeableConcept={"coding": [{"system": PLANTS, "code": "x"}, {"system": PLANTS, "code": "oak"}]}),
                True,
            ),
            (call(url="urn:ietf:bcp:47", code="fr"), True),
            (call(url="urn:ietf:bcp:47", code="nimporte"), False),
        ],
    )
    def test_a_code_system_judges_code_display_and_abstractness(
        self, terminology: Terminology, *, asked: dict[str, Any], result: bool
    ) -> None:
        answer = in_code_system(terminology, asked)
        assert value_of(answer, "result") is result
        if not result:
            assert value_of(answer, "message")

    def test_a_code_system_that_is_posted_is_used(self, terminology: Terminology) -> None:
        posted = {"resourceType": "CodeSystem", "url": "http://p", "content": "complete", "concept": [{"code": "a"}]}
        assert value_of(in_code_system(terminology, call(codeSystem=posted, code="a")), "result") is True
        assert value_of(in_code_system(terminology, call(codeSystem=posted, code="b")), "result") is False

    def test_an_inactive_code_is_valid_with_a_hint(self, terminology: Terminology) -> None:
        answer = in_code_system(terminology, call(url=PLANTS, code="elm"), language="en")
        assert "no longer in use" in value_of(answer, "message")

    @pytest.mark.parametrize(
        ("asked", "result"),
        [
            (call(valueSet=plants(), system=PLANTS, code="oak"), True),
            (call(valueSet=plants(), system=PLANTS, code="oak", display="Fir"), False),
            (call(valueSet=plants(), system=ROLES, code="oak"), False),
            (call(url="http://hl7.org/fhir/ValueSet/administrative-gender", system=GENDER, code="male"), True),
            (call(url="http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1", system=GENDER, code="x"), False),
            (call(valueSet=plants(concept=[{"code": "oak"}]), coding={"system": PLANTS, "code": "elm"}), False),
        ],
    )
    def test_a_value_set_judges_membership_and_display(
        self, terminology: Terminology, *, asked: dict[str, Any], result: bool
    ) -> None:
        assert value_of(in_value_set(terminology, asked), "result") is result

    @pytest.mark.parametrize(
        ("asked", "failure"),
        [
            (call(system=PLANTS, code="oak"), BadRequest),
            (call(valueSet=plants(), code="oak"), BadRequest),
            (call(valueSet=plants()), BadRequest),
            (call(valueSet={"resourceType": "Patient"}, system=PLANTS, code="oak"), BadRequest),
            (call(url="http://nowhere", system=PLANTS, code="oak"), NotFound),
            (
                call(url="http://hl7.org/fhir/ValueSet/administrative-gender|9", system=GENDER, code="male"),
                NotFound,
            ),
            (
                call(
                    url="http://hl7.org/fhir/ValueSet/condition-code", system="http://snomed.info/sct", code="73211009"
                ),
                Unprocessable,
            ),
        ],
    )
    def test_what_cannot_be_judged_is_refused_with_the_reason(
        self, terminology: Terminology, asked: dict[str, Any], failure: type[Failure]
    ) -> None:
        with pytest.raises(failure):
            in_value_set(terminology, asked)

    def test_a_code_that_a_fragment_lacks_is_not_called_wrong(self, terminology: Terminology) -> None:
        with pytest.raises(Unprocessable):
            in_code_system(terminology, call(url="http://test.example/part", code="fir"))


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


NAMES = ["url", "system", "code", "version", "coding", "codeableConcept", "display", "filter", "count", "offset"]
NAMES += ["valueSet", "codeSystem", "conceptMap", "codeA", "codeB", "codingA", "target", "reverse", "dependency", "x"]
SIMPLE = st.sampled_from([PLANTS, "oak", "fir", "", "true", "3", GENDER, "http://test.example/map", 7, True, None, -1])
CODING = st.fixed_dictionaries({}, optional={"system": SIMPLE, "code": SIMPLE, "display": SIMPLE})
HELD = (
    st.fixed_dictionaries({"valueString": SIMPLE})
    | st.fixed_dictionaries({"valueCoding": CODING | SIMPLE})
    | st.fixed_dictionaries({"valueCodeableConcept": st.fixed_dictionaries({}, optional={"coding": st.lists(CODING)})})
    | st.fixed_dictionaries(
        {"part": st.lists(st.fixed_dictionaries({}, optional={"name": SIMPLE, "valueUri": SIMPLE}))}
    )
    | st.sampled_from([{}, {"resource": plants()}, {"resource": 7}, {"resource": {"resourceType": "ValueSet"}}])
)
PARAMETER = st.tuples(st.sampled_from(NAMES), HELD).map(lambda pair: {"name": pair[0], **pair[1]})


@given(st.lists(PARAMETER | SIMPLE, max_size=4))
def test_any_parameters_get_an_answer_or_a_failure(terminology: Terminology, listed: list[Any]) -> None:
    for operation in (expand, lookup, subsumes, translate, in_code_system, in_value_set):
        try:
            answer = operation(terminology, {"resourceType": "Parameters", "parameter": listed})
        except (BadRequest, NotFound, Unprocessable):
            continue
        assert answer["resourceType"] in ("Parameters", "ValueSet")
