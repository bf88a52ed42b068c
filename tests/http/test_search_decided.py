"""What docs/search.md decides where the specification leaves a choice, over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.http.conftest import Client


@pytest.fixture(scope="module")
def tag() -> str:
    return secrets.token_hex(6)


@pytest.fixture(scope="module")
def made(as_role: Callable[[str], Client], tag: str) -> dict[str, str]:
    """Names by id of what these tests look for, all with one tag."""
    operator = as_role("operator")
    meta = {"tag": [{"system": "urn:t", "code": tag}]}
    patient = {"resourceType": "Patient", "meta": meta}
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "meta": meta}
    resources: dict[str, dict[str, Any]] = {
        "day": {**patient, "birthDate": "1980-04-05", "gender": "female", "name": [{"family": "Éloïse du Bœuf"}]},
        "year": {**patient, "birthDate": "1980", "gender": "male", "name": [{"family": "de la Tour"}]},
        "nothing": {**patient, "identifier": [{"system": "urn:x", "value": "AbC"}]},
        "utc": {**observation, "effectiveDateTime": "2024-06-30T22:30:00Z", "valueQuantity": {"value": 5.36}},
        "open": {**observation, "effectivePeriod": {"start": "2024-01-01"}, "valueQuantity": {"value": 98}},
    }
    found = {}
    for name, resource in resources.items():
        answer = operator.post(resource["resourceType"], resource)
        assert answer.status_code == 201, answer.text
        found[answer.json()["id"]] = name
    return found


def names(operator: Client, made: dict[str, str], tag: str, query: str) -> list[str]:
    answer = operator.get(f"{query}&_tag=urn:t|{tag}")
    assert answer.status_code == 200, answer.text
    return [made[entry["resource"]["id"]] for entry in answer.json().get("entry", [])]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Observation?date=2024-07-01", ["utc"]),  # half past midnight in Paris
        ("Observation?date=2024-06-30", []),
        ("Observation?date=2024-06-30T22:30:00Z", ["utc"]),
        ("Observation?date=eq2024", ["utc"]),  # a period without an end lasts for ever
        ("Observation?date=ge2030", ["open"]),
        ("Patient?birthdate=ne1981", ["day", "year"]),  # a missing value does not match
        ("Patient?birthdate=1980", ["day", "year"]),
        ("Patient?birthdate=1980-04-05", ["day"]),
        ("Patient?gender:not=male", ["day", "nothing"]),
        ("Patient?gender:missing=true", ["nothing"]),
        ("Observation?value-quantity=5.4", ["utc"]),
        ("Observation?value-quantity=5.40", []),
        ("Observation?value-quantity=1e2", ["open"]),
        ("Patient?identifier=abc", []),
        ("Patient?identifier=AbC", ["nothing"]),
        ("Patient?gender=Female", []),
        ("Patient?family=eloise", ["day"]),
        ("Patient?family=ELOÏSE DU BOEUF", ["day"]),
        ("Patient?family=tour", []),
        ("Patient?family:contains=tour", ["year"]),
        ("Patient?family:exact=de la tour", []),
    ],
)
def test_values_are_compared_as_decided(
    operator: Client, made: dict[str, str], tag: str, query: str, found: list[str]
) -> None:
    assert sorted(names(operator, made, tag, query)) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("birthdate", ["nothing", "year", "day"]),
        ("-birthdate", ["day", "year", "nothing"]),
        ("family", ["nothing", "year", "day"]),
        ("gender,birthdate", ["nothing", "day", "year"]),
        ("_lastUpdated", ["day", "year", "nothing"]),
        ("-_lastUpdated", ["nothing", "year", "day"]),
    ],
)
def test_missing_values_are_the_lowest_and_partial_dates_sort_by_their_begin(
    operator: Client, made: dict[str, str], tag: str, order: str, found: list[str]
) -> None:
    assert names(operator, made, tag, f"Patient?_sort={order}") == found


def test_the_total_is_stated_where_all_matches_are_there_and_counted_when_asked_for(
    operator: Client, made: dict[str, str], tag: str
) -> None:
    assert made
    assert operator.get(f"Patient?_tag=urn:t|{tag}").json()["total"] == 3
    assert "total" not in operator.get(f"Patient?_tag=urn:t|{tag}&_count=2").json()
    assert "total" not in operator.get(f"Patient?_tag=urn:t|{tag}&_total=none").json()
    for total in ("accurate", "estimate"):
        assert operator.get(f"Patient?_tag=urn:t|{tag}&_count=2&_total={total}").json()["total"] == 3
