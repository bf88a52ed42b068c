"""The pure rules of a submission: identity, media types, classes of types, retries, patches."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.demo import document, people
from fhirserver.dmp import identity
from fhirserver.dmp.authors import national_ids, wrote
from fhirserver.dmp.content import media
from fhirserver.dmp.document_types import CLASSES_OF_TYPE
from fhirserver.dmp.identity import Traits
from fhirserver.dmp.submissions import checking, labelling, patients, relations, retries, submission
from fhirserver.dmp.submissions.facts import Facts, Rules
from fhirserver.dmp.submissions.flavours import Flavour
from fhirserver.issues import Text
from fhirserver.terminology import Terminology

HASHES = {"x": "h"}


@pytest.fixture
def bundle() -> dict[str, Any]:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return document.bundle(people.DOCTOR_RPPS, "Patient/1", "Organization/1", now)


@pytest.mark.parametrize(
    ("number", "fits"),
    [
        ("284058832102532", True),
        ("284058832102533", False),
        (people.ins("2840588321025"), True),
        (people.ins("196122A003012"), True),
        (people.ins("196122B003012"), True),
        ("123456789012345", False),
        ("28405883210253", False),
        ("2840588321025٣2", False),
        ("", False),
    ],
)
def test_the_key_of_an_ins_counts_corsica_as_19_and_18(number: str, *, fits: bool) -> None:
    assert identity.key_fits(number) is fits


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (Traits(family="MOREL-DÉMO"), Traits(family="Morel Demo"), 0),
        (Traits(family="D'ARTAGNAN"), Traits(family="D ARTAGNAN"), 0),
        (Traits(family="MOREL"), Traits(family="MARTIN"), 1),
        (Traits(gender="F"), Traits(gender="female"), 0),
        (Traits(gender="M"), Traits(gender="female"), 1),
        (Traits(birth_date="1984"), Traits(birth_date="1984-05-17"), 0),
        (Traits(birth_date="1984-05-18"), Traits(birth_date="1984-05-17"), 1),
        (Traits(family="X", given="Y", birth_place="88321"), Traits(), 0),
        (Traits(given="Y", birth_place="88322"), Traits(given="Z", birth_place="88321"), 2),
    ],
)
def test_traits_are_compared_wherever_both_are_known(one: Traits, other: Traits, differ: int) -> None:
    found = list(identity.differences(one, other, "Patient", Text("ici", "here")))
    assert len(found) == differ


@pytest.mark.parametrize(
    ("declared", "head", "agrees"),
    [
        ("application/pdf", b"%PDF-1.7", True),
        ("application/pdf", b"\n%PDF-1.7", False),
        ("text/xml", b"\xef\xbb\xbf <a/>", True),
        ("text/xml", "<a/>".encode("utf-16"), True),
        ("text/xml", b"%PDF-", False),
        ("image/jpeg", b"\xff\xd8\xff\xe0", True),
        ("image/tiff", b"MM\x00*", True),
        ("application/zip", b"PK\x03\x04", True),
        ("text/plain", b"bonjour", True),
        ("text/plain", b"%PDF-1.7", False),
        ("application/dicom", b"\0" * 128 + b"DICM", True),
        ("application/x-unknown", b"anything", True),
    ],
)
def test_first_bytes_tell_the_media_type(declared: str, head: bytes, *, agrees: bool) -> None:
    assert media.agrees(declared, head) is agrees


@pytest.mark.parametrize("head", [b"MZ\x90", b"\x7fELF", b"#!/bin/sh", b"\xca\xfe\xba\xbe"])
def test_programs_are_known_by_their_first_bytes(head: bytes) -> None:
    assert media.is_program(head)


def test_formats_name_the_media_types_that_carry_them() -> None:
    assert media.goes_with("urn:ihe:iti:xds-sd:pdf:2008", "application/pdf")
    assert media.goes_with("urn:asip:ci-sis:vsm:2012", "text/xml")
    assert not media.goes_with("urn:ihe:lab:xd-lab:2008", "application/pdf")
    assert media.goes_with("urn:ihe:iti:xds:2017:mimeTypeSufficient", "image/png")
    assert media.goes_with("a format of tomorrow", "image/png")


def test_the_types_of_prescriptions_dispensing_and_emergency_have_their_class() -> None:
    assert CLASSES_OF_TYPE["57833-6"] == {"42"}
    assert CLASSES_OF_TYPE["60593-1"] == {"43"}
    assert CLASSES_OF_TYPE["74207-2"] == {"11"}
    assert {"10", "11"} <= CLASSES_OF_TYPE["11488-4"]


def read(bundle: dict[str, Any]) -> submission.Submission:
    parts = [
        submission.Part(position, entry.get("fullUrl"), entry["resource"], **entry["request"])
        for position, entry in enumerate(bundle["entry"])
    ]
    profiles = [profile.partition("|")[0] for profile in bundle.get("meta", {}).get("profile", ())]
    return submission.of_parts(profiles, parts)


def test_the_flavour_is_that_of_the_bundles_profile(bundle: dict[str, Any]) -> None:
    assert read(bundle).flavour is Flavour.PDSM
    bundle["meta"]["profile"] = [
        "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Minimal.ProvideBundle|4.2.3"
    ]
    assert read(bundle).flavour is Flavour.MINIMAL
    del bundle["meta"]
    assert read(bundle).flavour is Flavour.PDSM


def fingerprint(bundle: dict[str, Any]) -> str:
    return retries.fingerprint(read(bundle), HASHES)


def test_a_retry_may_have_other_urns_another_list_identifier_and_another_date(bundle: dict[str, Any]) -> None:
    again = json.loads(json.dumps(bundle).replace(bundle["entry"][1]["fullUrl"], "urn:uuid:other"))
    again["entry"][0]["resource"]["date"] = "2027-01-01"
    del again["entry"][0]["resource"]["identifier"]
    again["entry"][1]["resource"]["id"] = "made-up"
    assert fingerprint(again) == fingerprint(bundle)


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts[1].update(description="other"),
        lambda parts: parts[1]["type"]["coding"][0].update(code="34112-3"),
        lambda parts: parts[1]["masterIdentifier"].update(value="urn:oid:1.2.3"),
        lambda parts: parts[0].update(title="other"),
        lambda parts: parts[1]["subject"].update(reference="Patient/2"),
    ],
)
def test_other_metadata_are_no_retry(bundle: dict[str, Any], change: Any) -> None:
    other = copy.deepcopy(bundle)
    change([entry["resource"] for entry in other["entry"]])
    assert fingerprint(other) != fingerprint(bundle)


def test_reading_takes_whatever_an_entry_holds() -> None:
    for resource in ({}, {"resourceType": 7}, {"resourceType": ["List"]}, {"resourceType": "List", "code": 3}):
        found = submission.of_parts(["", "x"], [submission.Part(0, None, resource, "POST", "")])
        assert not found.documents
        assert not found.sets


def test_an_author_is_known_by_his_number_and_his_structure(bundle: dict[str, Any]) -> None:
    report = bundle["entry"][1]["resource"]
    report["custodian"] = {"identifier": {"system": people.NATIONAL_STRUCTURE_ID, "value": "1880007059"}}
    assert {people.DOCTOR_RPPS, "1880007059"} <= national_ids(report)
    assert wrote(report, {}, (people.DOCTOR_RPPS, None))
    assert wrote(report, {}, (None, "1880007059"))
    assert wrote(report, {"rpps": "1"}, ("1", None))
    assert not wrote(report, {}, (people.PRESCRIBER_RPPS, "1750000001"))
    assert not wrote(report, {}, (None, None))


def test_only_a_patch_of_the_status_to_superseded_belongs_to_a_submission() -> None:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"},
    ]
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    assert relations.supersedes(patch)
    assert not relations.supersedes({**patch, "parameter": patch["parameter"] * 2})
    other = copy.deepcopy(patch)
    other["parameter"][0]["part"][2]["valueCode"] = "entered-in-error"
    assert not relations.supersedes(other)
    assert not relations.supersedes({"resourceType": "Binary"})


def test_an_ins_for_tests_is_no_identity_in_production(bundle: dict[str, Any]) -> None:
    sent = read(bundle)
    told = [issue.rule for issue in patients.check(sent, Facts(rules=Rules(test_identities=False)))]
    assert "ins-test" in told
    assert "ins-test" not in [issue.rule for issue in patients.check(sent, Facts())]


def test_a_flavour_that_the_operator_does_not_take_is_refused(bundle: dict[str, Any]) -> None:
    facts = Facts(rules=Rules(flavours=frozenset({Flavour.MINIMAL})))
    terminology = Terminology(development())
    (told,) = [
        issue for issue in checking.check(read(bundle), facts, terminology, {}).issues if issue.rule == "flavour"
    ]
    assert (told.expression, told.refuses) == ("Bundle.meta.profile", True)
    assert "IHE.MHD.Minimal.ProvideBundle" in told.text.en


@pytest.mark.parametrize(
    "labels", ["x", [None], [{"coding": None}], [{"coding": [{"system": [], "code": {}}]}], [7], {}]
)
def test_labels_of_no_form_are_left_to_validation(labels: Any) -> None:
    assert list(labelling.check({"securityLabel": labels}, "DocumentReference", None, Facts())) == []
