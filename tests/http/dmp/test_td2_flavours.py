"""TD2 in the flavours of MHD and PDSm: the Bundle's profile chooses what its resources must meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.dmp.submissions.flavours import PROFILES, Flavour
from tests.http.conftest import Client
from tests.http.dmp.conftest import Record, ids, part

Submit = Callable[..., dict[str, Any]]


def flavoured(bundle: dict[str, Any], flavour: Flavour) -> dict[str, Any]:
    """Have a submission name the profiles of a flavour throughout."""
    profiles = PROFILES[flavour]
    bundle["meta"] = {"profile": [profiles.bundle]}
    part(bundle, "List")["meta"] = {"profile": [profiles.submission_set]}
    part(bundle, "DocumentReference")["meta"] = {"profile": [profiles.document]}
    return bundle


@pytest.mark.parametrize("flavour", [Flavour.COMPREHENSIVE, Flavour.UNCONTAINED])
def test_td2_mhd_comprehensive_flavours_are_held_to_their_own_profiles(
    hospital: Client, record: Record, submit: Submit, flavour: Flavour
) -> None:
    whole = hospital.post("", flavoured(submit(record), flavour))
    assert whole.status_code == 200, whole.text
    stored = hospital.get(f"DocumentReference/{ids(whole)['DocumentReference']}").json()
    assert stored["meta"]["profile"] == [PROFILES[flavour].document]
    bare = flavoured(submit(record), flavour)
    del part(bare, "DocumentReference")["context"]
    refused = hospital.post("", bare)
    assert refused.status_code in (400, 422), refused.text
    assert "context" in refused.text


def test_td2_a_document_that_names_no_profile_is_held_to_that_of_its_bundle(
    hospital: Client, record: Record, submit: Submit
) -> None:
    sent = submit(record)
    sent["meta"] = {"profile": [PROFILES[Flavour.MINIMAL].bundle]}
    del part(sent, "List")["meta"], part(sent, "DocumentReference")["meta"]
    context = part(sent, "DocumentReference")["context"]
    del context["facilityType"], context["practiceSetting"]
    answer = hospital.post("", sent)
    assert answer.status_code == 200, answer.text
    assert hospital.post("", sent).json() == answer.json(), "a retry gets the first answer"
    stored = hospital.get(f"DocumentReference/{ids(answer)['DocumentReference']}").json()
    assert stored["meta"]["profile"] == [PROFILES[Flavour.MINIMAL].document]


def test_td2_authors_of_the_uncontained_flavour_may_stand_outside(
    as_role: Callable[[str], Client], hospital: Client, record: Record, submit: Submit
) -> None:
    sent = flavoured(submit(record), Flavour.UNCONTAINED)
    role = {key: value for key, value in part(sent, "DocumentReference")["contained"][0].items() if key != "id"}
    created = as_role("operator").post("PractitionerRole", role)
    assert created.status_code == 201, created.text
    document = part(sent, "DocumentReference")
    document["author"] = [{"reference": f"PractitionerRole/{created.json()['id']}"}]
    document["contained"] = document["contained"][1:]
    answer = hospital.post("", sent)
    assert answer.status_code == 200, answer.text


def test_td2_without_a_profile_is_held_to_pdsm(hospital: Client, record: Record, submit: Submit) -> None:
    for kept in (True, False):
        sent = submit(record)
        del sent["meta"], part(sent, "List")["meta"], part(sent, "DocumentReference")["meta"]
        if not kept:
            del part(sent, "DocumentReference")["custodian"]
        answer = hospital.post("", sent)
        assert answer.status_code == (200 if kept else 422), answer.text
        assert kept or PROFILES[Flavour.PDSM].document in answer.text
