"""Where other servers depart from the specification of search, over HTTP: each departure once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.http.conftest import FHIR, Client

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def ids(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


@pytest.fixture(scope="module")
def tag() -> str:
    return secrets.token_hex(6)


@pytest.fixture(scope="module")
def made(as_role: Callable[[str], Client], tag: str) -> dict[str, str]:
    """Ids by name of what these tests look for, all with one tag."""
    operator = as_role("operator")
    meta = {"tag": [{"system": "urn:t", "code": tag}]}
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "meta": meta}
    pressure = [
        {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": quantity(150, "mm[Hg]")},
        {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "valueQuantity": quantity(80, "mm[Hg]")},
    ]
    resources = {
        "born": {
            "resourceType": "Patient",
            "meta": meta,
            "birthDate": "1980-04-05",
            "name": [{"family": f"Tiret_{tag}"}],
        },
        "plain": {"resourceType": "Patient", "meta": meta, "birthDate": "1990", "name": [{"family": f"TiretX{tag}"}]},
        "weight": {**observation, "valueQuantity": quantity(71.52, "kg")},
        "pressure": {**observation, "component": pressure},
    }
    found = {}
    for name, resource in resources.items():
        answer = operator.post(resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        found[name] = answer.json()["id"]
    return found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Patient?birthdate=ge1980", ["born", "plain"]),
        ("Patient?birthdate=ge1980&birthdate=lt1981", ["born"]),
        ("Patient?birthdate=1980,1990", ["born", "plain"]),
        ("Patient?birthdate=1980-04-05,1970-01-01", ["born"]),
        ("Observation?value-quantity=71.5", ["weight"]),
        ("Observation?value-quantity=71.50", []),
        ("Observation?value-quantity=71520|http://unitsofmeasure.org|g", ["weight"]),
        ("Observation?value-quantity=gt71000|http://unitsofmeasure.org|g", ["weight"]),
        ("Observation?component-code-value-quantity=http://loinc.org|8480-6$gt100", ["pressure"]),
        ("Observation?component-code-value-quantity=http://loinc.org|8462-4$gt100", []),
    ],
)
def test_values_match_as_the_specification_says(
    operator: Client, made: dict[str, str], tag: str, query: str, found: list[str]
) -> None:
    assert sorted(ids(operator, f"{query}&_tag=urn:t|{tag}")) == sorted(made[name] for name in found)


def test_an_underscore_is_no_wildcard(operator: Client, made: dict[str, str], tag: str) -> None:
    assert ids(operator, f"Patient?family=Tiret_{tag}") == [made["born"]]


def test_an_unknown_modifier_is_not_ignored(operator: Client) -> None:
    assert operator.get("Patient?family:nonsense=x").status_code == 400


def test_a_negative_count_does_not_page_for_ever(operator: Client) -> None:
    assert operator.get("Patient?_count=-1").status_code == 400


def test_elements_keep_what_is_mandatory_and_are_marked(operator: Client, made: dict[str, str]) -> None:
    entry = operator.get(f"Observation?_id={made['weight']}&_elements=valueQuantity").json()["entry"]
    resource = entry[0]["resource"]
    assert {"status", "code", "valueQuantity"} <= set(resource)
    assert "SUBSETTED" in str(resource["meta"]["tag"])


def test_head_on_a_search_answers_as_get_without_a_body(operator: Client, made: dict[str, str]) -> None:
    answer = operator.send("HEAD", f"Patient?_id={made['born']}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"].startswith(FHIR)


def test_accept_is_weighed(operator: Client, made: dict[str, str]) -> None:
    accept = "application/fhir+json;q=0.1, application/fhir+xml;q=0.9"
    answer = operator.get(f"Patient?_id={made['born']}", Accept=accept)
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")


def test_a_form_of_another_kind_is_a_415(operator: Client) -> None:
    assert operator.send("POST", "Patient/_search", b"family=x", Content_Type="text/plain").status_code == 415
