"""Which profiles a resource must meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhirserver.validation.policy import Policy, PolicyError

MEDICATION = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-medicationrequest"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"


def test_a_prescription_must_meet_the_french_profile() -> None:
    assert Policy.read("").profiles({"resourceType": "MedicationRequest"}) == (MEDICATION,)


def test_a_document_must_meet_pdsm_and_the_simplified_form_when_its_content_is_inline() -> None:
    policy = Policy.read("")
    linked = {"resourceType": "DocumentReference", "content": [{"attachment": {"url": "urn:uuid:x"}}]}
    inline = {"resourceType": "DocumentReference", "content": [{"attachment": {"data": "QQ=="}}]}
    assert policy.profiles(linked) == (f"{PDSM}pdsm-comprehensive-document-reference",)
    assert policy.profiles(inline) == (f"{PDSM}pdsm-simplified-publish",)


@pytest.mark.parametrize("kind", ["Patient", "Bundle", "List", "Observation", "Rocket", None])
def test_every_other_type_must_meet_what_it_claims_only(kind: Any) -> None:
    assert Policy.read("").profiles({"resourceType": kind}) == ()


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"resourceType": "DocumentReference", "content": "x"},
        {"resourceType": "DocumentReference", "content": [None]},
    ],
)
def test_malformed_resources_have_a_policy_too(resource: Any) -> None:
    assert isinstance(Policy.read("").profiles(resource), tuple)


def test_drafts_are_advised_and_not_required() -> None:
    policy = Policy.read("")
    for kind in ("ServiceRequest", "MedicationDispense"):
        assert policy.profiles({"resourceType": kind}) == ()
        assert len(policy.advised({"resourceType": kind})) == 1


def test_base_asks_for_base_types_only() -> None:
    policy = Policy.read("base")
    assert policy.profiles({"resourceType": "MedicationRequest"}) == ()
    assert policy.declared("Patient") == ("http://hl7.org/fhir/StructureDefinition/Patient", [])


def test_what_is_required_is_declared() -> None:
    profile, supported = Policy.read("").declared("MedicationRequest")
    assert profile == MEDICATION
    assert any("inpatient" in one for one in supported)


def test_a_file_may_say_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"types": {"ServiceRequest": {"required": ["http://a.example/p"]}}}))
    assert Policy.read(str(file)).profiles({"resourceType": "ServiceRequest"}) == ("http://a.example/p",)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"types": {"patient": {}}}', '{"types": {"Patient": {"required": "x"}}}', '{"typos": {}}']
)
def test_a_file_that_is_no_policy_says_why(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(PolicyError, match=r"policy\.json"):
        Policy.read(str(file))
