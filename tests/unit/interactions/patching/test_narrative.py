"""Narratives that a patch made stale."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import Unprocessable
from fhirserver.interactions.patching.narrative import without_stale


def patient(status: str = "generated", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "text": {"status": status, "div": "<div>x</div>"}, **more}


@pytest.mark.parametrize("status", ["generated", "extensions"])
def test_a_narrative_made_from_the_data_goes_when_they_change(status: str) -> None:
    assert without_stale(patient(status), patient(status, active=True)) == {"resourceType": "Patient", "active": True}


@pytest.mark.parametrize(
    "after",
    [
        patient(meta={"tag": [{"code": "x"}]}),
        patient(language="fr"),
        {**patient(active=True), "text": {"status": "generated", "div": "<div>new</div>"}},
        {"resourceType": "Patient", "active": True},
    ],
)
def test_it_stays_as_the_patch_leaves_it_when_nothing_that_it_tells_changed_or_the_patch_writes_it(
    after: dict[str, Any],
) -> None:
    assert without_stale(patient(), after) == after


def test_an_empty_one_stays() -> None:
    assert "text" in without_stale(patient("empty"), patient("empty", active=True))


def test_one_that_says_more_than_the_data_refuses_the_patch() -> None:
    with pytest.raises(Unprocessable) as caught:
        without_stale(patient("additional"), patient("additional", active=True))
    assert caught.value.issues[0].expression == "Patient.text"


def test_that_of_a_document_reference_stays() -> None:
    before = {**patient(), "resourceType": "DocumentReference", "status": "current"}
    assert "text" in without_stale(before, {**before, "status": "superseded"})
