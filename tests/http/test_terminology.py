"""The terminology operations over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from tests.http.conftest import Client, issue

GENDER = "http://hl7.org/fhir/administrative-gender"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
PLANTS = "http://test.example/plants"


def value_of(answer: dict[str, Any], name: str) -> Any:
    assert answer["resourceType"] == "Parameters", answer
    return next(
        (value for one in answer["parameter"] if one["name"] == name for key, value in one.items() if key != "name"),
        None,
    )


def parameters(**values: str) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": k, "valueString": v} for k, v in values.items()]}


def test_each_operation_answers_by_get_and_by_post(operator: Client) -> None:
    calls = [
        ("CodeSystem/$lookup", {"system": GENDER, "code": "male"}, "display", "Male"),
        ("CodeSystem/$validate-code", {"url": GENDER, "code": "male"}, "result", True),
        ("CodeSystem/$subsumes", {"system": ROLES, "codeA": "FAMMEMB", "codeB": "MTH"}, "outcome", "subsumes"),
        ("ValueSet/$validate-code", {"url": GENDERS, "system": GENDER, "code": "x"}, "result", False),
    ]
    for path, given, name, expected in calls:
        query = "&".join(f"{key}={value}" for key, value in given.items())
        assert value_of(operator.get(f"{path}?{query}").json(), name) == expected
        assert value_of(operator.post(path, parameters(**given)).json(), name) == expected


def test_a_value_set_expands_in_pages_in_json_and_xml(operator: Client) -> None:
    page = operator.get(f"ValueSet/$expand?url={GENDERS}&offset=1&count=2").json()["expansion"]
    assert (page["total"], page["offset"], [one["code"] for one in page["contains"]]) == (4, 1, ["female", "other"])
    answer = operator.get(f"ValueSet/$expand?url={GENDERS}", Accept="application/fhir+xml")
    assert len(etree.fromstring(answer.content).findall(".//{*}contains")) == 4


def test_parameters_of_searches_are_no_parameters_of_operations_and_refused(operator: Client) -> None:
    for name in ("_count", "_summary", "_elements"):
        answer = operator.get(f"ValueSet/$expand?url={GENDERS}&{name}=1")
        assert (answer.status_code, issue(answer)["code"]) == (400, "not-supported")
    assert operator.get(f"ValueSet/$expand?url={GENDERS}&_format=json&_pretty=true").status_code == 200


def test_stored_instances_are_asked_themselves(operator: Client) -> None:
    system = {
        "resourceType": "CodeSystem",
        "url": PLANTS,
        "status": "active",
        "content": "complete",
        "concept": [{"code": "oak", "display": "Oak"}],
    }
    identity = operator.post("CodeSystem", system).json()["id"]
    assert value_of(operator.get(f"CodeSystem/{identity}/$validate-code?code=oak").json(), "result") is True
    assert value_of(operator.get(f"CodeSystem/{identity}/$validate-code?code=elm").json(), "result") is False
    value_set = {
        "resourceType": "ValueSet",
        "status": "active",
        "compose": {"include": [{"system": GENDER, "concept": [{"code": "male"}]}]},
    }
    identity = operator.post("ValueSet", value_set).json()["id"]
    expanded = operator.get(f"ValueSet/{identity}/$expand").json()
    assert [one["code"] for one in expanded["expansion"]["contains"]] == ["male"]
    answer = operator.get(f"ValueSet/{identity}/$validate-code?system={GENDER}&code=female").json()
    assert value_of(answer, "result") is False
    concept_map = {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [
            {
                "source": GENDER,
                "target": "http://test.example/sex",
                "element": [{"code": "male", "target": [{"code": "M", "equivalence": "equal"}]}],
            }
        ],
    }
    identity = operator.post("ConceptMap", concept_map).json()["id"]
    assert value_of(operator.get(f"ConceptMap/{identity}/$translate?system={GENDER}&code=male").json(), "result")


def test_what_clients_stored_is_found_by_its_url(operator: Client) -> None:
    made: dict[str, Any] = {
        "CodeSystem": {
            "url": "http://test.example/stones",
            "content": "complete",
            "caseSensitive": True,
            "concept": [{"code": "rock", "concept": [{"code": "granite", "display": "Granite"}]}],
        },
        "ValueSet": {
            "url": "http://test.example/vs-stones",
            "compose": {"include": [{"system": "http://test.example/stones"}]},
        },
        "ConceptMap": {
            "url": "http://test.example/map-stones",
            "group": [
                {
                    "source": "http://test.example/stones",
                    "target": "http://other",
                    "element": [{"code": "rock", "target": [{"code": "R", "equivalence": "equal"}]}],
                }
            ],
        },
    }
    for kind, body in made.items():
        answer = operator.post(kind, {"resourceType": kind, "status": "active", **body})
        assert answer.status_code == 201, answer.text
    stones = "http://test.example/stones"
    assert value_of(operator.get(f"CodeSystem/$lookup?system={stones}&code=granite").json(), "display") == "Granite"
    answer = operator.get(f"CodeSystem/$subsumes?system={stones}&codeA=rock&codeB=granite").json()
    assert value_of(answer, "outcome") == "subsumes"
    assert operator.get("ValueSet/$expand?url=http://test.example/vs-stones").json()["expansion"]["total"] == 2
    answer = operator.get(f"ValueSet/$validate-code?url=http://test.example/vs-stones&system={stones}&code=x").json()
    assert value_of(answer, "result") is False
    answer = operator.get(f"ConceptMap/$translate?url=http://test.example/map-stones&system={stones}&code=rock")
    assert value_of(answer.json(), "result") is True


def test_a_concept_map_that_clients_stored_is_found_by_its_ends(operator: Client) -> None:
    ends = {"sourceUri": "http://test.example/vs-shells", "targetCanonical": "http://test.example/vs-houses"}
    shells, houses = "http://test.example/shells", "http://test.example/houses"
    element = {"code": "snail", "target": [{"code": "cottage", "equivalence": "wider"}]}
    group = {"source": shells, "target": houses, "element": [element]}
    kept = {"resourceType": "ConceptMap", "url": "http://test.example/map-shells", "status": "active", **ends}
    assert operator.post("ConceptMap", {**kept, "group": [group]}).status_code == 201
    for named in (
        f"source={ends['sourceUri']}",
        f"target={ends['targetCanonical']}",
        f"source={ends['sourceUri']}&target={ends['targetCanonical']}",
        f"targetsystem={houses}",
    ):
        answer = operator.get(f"ConceptMap/$translate?system={shells}&code=snail&{named}")
        assert answer.status_code == 200, answer.text
        assert value_of(answer.json(), "result") is True, named
    other = operator.get(f"ConceptMap/$translate?system={shells}&code=snail&target=http://test.example/vs-none")
    assert value_of(other.json(), "result") is False


def test_a_value_set_may_be_posted_bare(operator: Client) -> None:
    posted = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": GENDER}]}}
    assert operator.post("ValueSet/$expand", posted).json()["expansion"]["total"] == 4


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("CodeSystem/$lookup?system=http://nowhere&code=x", 404),
        (f"CodeSystem/$lookup?system={GENDER}&code=x", 404),
        ("CodeSystem/$lookup?code=male", 400),
        (f"CodeSystem/$lookup?system={GENDER}&code=male&colour=red", 400),
        ("ValueSet/$expand", 400),
        ("ValueSet/$expand?url=http://nowhere", 404),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/condition-code", 422),
        (f"ValueSet/$expand?url={GENDERS}&count=many", 400),
        ("ValueSet/none/$expand", 404),
        ("Patient/$expand", 404),
        ("CodeSystem/none/$lookup", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(operator: Client, path: str, status: int) -> None:
    answer = operator.get(path)
    assert answer.status_code == status, answer.text
    assert issue(answer)["details"]["text"]


@pytest.mark.parametrize(
    "posted",
    [
        {"resourceType": "ValueSet", "compose": "x"},
        {"resourceType": "ValueSet", "compose": {"include": "x"}},
        {"resourceType": "ValueSet", "compose": {"include": [{"system": GENDER, "concept": [7]}]}},
        {"resourceType": "ValueSet", "compose": {"include": [{"valueSet": [7]}]}},
        {"resourceType": "ValueSet", "expansion": {"contains": 7}},
        {"resourceType": "Parameters", "parameter": "x"},
        {"resourceType": "Parameters", "parameter": [7]},
        {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": 7}]},
        {"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": {}}]},
    ],
)
def test_malformed_bodies_are_refused(operator: Client, posted: dict[str, Any]) -> None:
    for path in ("ValueSet/$expand", f"ValueSet/$validate-code?system={GENDER}&code=male"):
        assert operator.post(path, posted).status_code in (400, 422)


def test_nobody_asks_without_a_token(anonymous: Client) -> None:
    assert anonymous.get(f"ValueSet/$expand?url={GENDERS}").status_code == 401


def test_the_operations_are_declared(anonymous: Client) -> None:
    rest = anonymous.get("metadata").json()["rest"][0]
    declared = {(one["type"], operation["name"]) for one in rest["resource"] for operation in one.get("operation", ())}
    assert {
        ("CodeSystem", "lookup"),
        ("CodeSystem", "validate-code"),
        ("CodeSystem", "subsumes"),
        ("ValueSet", "expand"),
        ("ValueSet", "validate-code"),
        ("ConceptMap", "translate"),
    } <= declared
