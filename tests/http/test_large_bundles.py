"""Bundles of 5,000 entries: one commit, or 5,000 (memory and time: docs/decisions/large-bundles.md)."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client
from tests.http.test_bundles import bundle, entry, observation, patient, statuses, urn

pytestmark = pytest.mark.long("performs Bundles of 5,000 entries")

ENTRIES = 5000


def large(kind: str, tag: str) -> dict[str, Any]:
    """Return a Bundle of a Patient and many Observations, all about him where the Bundle is a transaction."""
    who = urn()
    meta = {"tag": [{"system": "urn:large", "code": tag}]}
    subject = {"subject": {"reference": who}} if kind == "transaction" else {}
    made = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "effectiveDateTime": "2026-01-01",
        "valueQuantity": {"value": 120, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        **subject,
    }
    first = entry("POST", "Patient", patient(meta=meta), fullUrl=who)
    return bundle(
        kind, first, *(entry("POST", "Observation", observation(meta=meta, **made)) for _ in range(ENTRIES - 1))
    )


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_of_5000_entries_is_performed_whole(operator: Client, kind: str) -> None:
    tag = secrets.token_hex(6)
    answer = operator.post("", large(kind, tag), Prefer="return=minimal")
    assert answer.status_code == 200, answer.text[:500]
    assert statuses(answer) == ["201"] * ENTRIES
    assert operator.get(f"Observation?_tag=urn:large|{tag}&_summary=count").json()["total"] == ENTRIES - 1
    if kind == "transaction":
        who = operator.get(f"Patient?_tag=urn:large|{tag}").json()["entry"][0]["resource"]["id"]
        assert operator.get(f"Observation?patient={who}&_summary=count").json()["total"] == ENTRIES - 1


def test_a_fault_in_the_last_of_many_entries_leaves_nothing_of_the_transaction(operator: Client) -> None:
    tag = secrets.token_hex(6)
    whole = large("transaction", tag)
    whole["entry"][-1]["resource"]["status"] = "nonsense"
    answer = operator.post("", whole)
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == [f"Bundle.entry[{ENTRIES - 1}].resource.status"]
    assert operator.get(f"Observation?_tag=urn:large|{tag}&_summary=count").json()["total"] == 0


def test_more_entries_than_the_setting_allows_are_refused(operator: Client) -> None:
    answer = operator.post("", bundle("batch", *(entry("GET", "Patient/1") for _ in range(10_001))))
    assert answer.status_code == 400
    assert "10000" in answer.json()["issue"][0]["diagnostics"]
