"""TD3.1a (list documents), TD3.1b (find one by its producer's identifier), ITI-66 (submission sets and folders)."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from fhirserver.demo import people
from fhirserver.dmp.names import AUTHOR_ORGANIZATION, IS_ARCHIVED, LIST_TYPES
from tests.http.conftest import Client
from tests.http.dmp.conftest import Record, build_submission, ids, make_record, part

Submit = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def shelf(
    hospital: Client, as_role: Callable[[str], Client], custodian: str
) -> tuple[Record, dict[str, str], dict[str, Any]]:
    """A record with two documents: a report of 2026, and an archived prescription of 2024."""
    record = make_record(as_role("operator"))
    report, prescription = build_submission(record, custodian), build_submission(record, custodian)
    document = part(report, "DocumentReference")
    document["context"]["period"] = {"start": "2026-03-02T08:30:00+01:00", "end": "2026-03-02T09:00:00+01:00"}
    document["context"]["event"] = [{"coding": [{"system": "http://loinc.org", "code": "88727-3"}]}]
    document["context"]["related"] = [{"identifier": {"system": "urn:oid:1.2.250.1.999.5", "value": "SEJOUR-7"}}]
    document["content"][0]["attachment"]["creation"] = "2026-03-02T09:15:00+01:00"
    old = part(prescription, "DocumentReference")
    old["type"]["coding"][0] |= {"code": "57833-6", "display": "Prescription de produits de santé"}
    old["category"][0]["coding"][0] |= {"code": "42", "display": "Prescription"}
    old["date"] = "2024-01-15T10:00:00+01:00"
    old["context"]["period"] = {"start": "2024-01-15T09:00:00+01:00", "end": "2024-01-15T09:30:00+01:00"}
    old["content"][0]["attachment"]["creation"] = "2024-01-15T10:00:00+01:00"
    old["extension"] = [{"url": IS_ARCHIVED, "valueBoolean": True}]
    places = {}
    for name, bundle in (("report", report), ("prescription", prescription)):
        answer = hospital.post("", bundle)
        assert answer.status_code == 200, answer.text
        places[name] = ids(answer)["DocumentReference"]
    return record, places, report


@pytest.mark.parametrize(
    ("criterion", "found"),
    [
        ("status=current", {"report", "prescription"}),
        ("type=http://loinc.org|57833-6", {"prescription"}),
        ("category=42", {"prescription"}),
        ("date=ge2025-01-01", {"report"}),
        ("date=lt2025-01-01", {"prescription"}),
        ("creation=ge2026-03-02&creation=le2026-03-02", {"report"}),
        ("period=2024-01-15", {"prescription"}),
        ("period-start=ge2026-01-01", {"report"}),
        ("period-end=le2025-01-01", {"prescription"}),
        ("PDSm_period-start=ge2026-01-01", {"report"}),
        ("PDSm_DocumentReference_period-start=ge2026-01-01", {"report"}),
        ("PDSm_DocumentReference_period-end=ge2026-01-01", {"report"}),
        ("facility=SA01", {"report", "prescription"}),
        ("setting=ETABLISSEMENT", {"report", "prescription"}),
        ("format=urn:ihe:iti:xds-sd:pdf:2008", {"report", "prescription"}),
        ("security-label=N", {"report", "prescription"}),
        ("event=88727-3", {"report"}),
        ("related:identifier=urn:oid:1.2.250.1.999.5|SEJOUR-7", {"report"}),
        ("isArchived=true", {"prescription"}),
        ("isArchived=false", {"report"}),
        ("PDSm_isArchived=false", {"report"}),
        ("status=superseded", set()),
        ("type=60593-1,57833-6&isArchived=true", {"prescription"}),
    ],
)
def test_td3_1a_each_criterion_of_the_guides_selects(
    doctor: Client,
    shelf: tuple[Record, dict[str, str], dict[str, Any]],
    criterion: str,
    found: set[str],
) -> None:
    record, places, _ = shelf
    answer = doctor.get(f"DocumentReference?{record.query}&{criterion}")
    assert answer.status_code == 200, answer.text
    got = {entry["resource"]["id"] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"}
    assert got == {places[name] for name in found}


def test_td3_1a_the_patient_may_be_named_by_reference_and_by_form(
    doctor: Client, shelf: tuple[Record, dict[str, str], dict[str, Any]]
) -> None:
    record, places, _ = shelf
    by_reference = doctor.get(f"DocumentReference?patient={record.reference}&status=current&_sort=-date").json()
    assert [entry["resource"]["id"] for entry in by_reference["entry"]] == [places["report"], places["prescription"]]
    form = f"patient.identifier={quote(people.INS_TEST + '|' + record.ins)}&status=current"
    by_form = doctor.post(
        "DocumentReference/_search", form.encode(), Content_Type="application/x-www-form-urlencoded"
    ).json()
    assert {entry["resource"]["id"] for entry in by_form["entry"]} == set(places.values())


def test_td3_1b_the_technical_id_is_found_by_the_producers_identifier(
    doctor: Client, shelf: tuple[Record, dict[str, str], dict[str, Any]]
) -> None:
    record, places, report = shelf
    master = part(report, "DocumentReference")["masterIdentifier"]
    answer = doctor.get(f"DocumentReference?{record.query}&identifier={master['system']}|{master['value']}").json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == [places["report"]]


def test_iti_66_submission_sets_and_folders_are_found_by_every_criterion(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    listed = part(bundle, "List")
    # the guide's expression looks at List.extension, its profile has the extension on List.source
    structure = people.hospital()["identifier"][0]
    listed["contained"].append({"resourceType": "Organization", "id": "structure", "identifier": [structure]})
    doctor_of = {"resourceType": "Practitioner", "id": "praticien", "name": [{"family": "Marchand", "given": ["Zoé"]}]}
    listed["contained"].append(doctor_of)
    listed["contained"][0]["practitioner"]["reference"] = "#praticien"
    organization = {"reference": "#structure", "identifier": structure}
    listed["source"]["extension"] = [{"url": AUTHOR_ORGANIZATION, "valueReference": organization}]
    folder = folder_of(bundle, record)
    bundle["entry"].append(folder)
    listed["entry"].append({"item": {"reference": folder["fullUrl"]}})
    answer = hospital.post("", bundle)
    assert answer.status_code == 200, answer.text
    made = [entry["response"]["location"].split("/")[-3] for entry in answer.json()["entry"]]
    own, of_folder = made[0], made[3]
    day = listed["date"][:10]
    source = next(each["valueIdentifier"]["value"] for each in listed["extension"] if "valueIdentifier" in each)
    number = next(each["value"] for each in listed["identifier"] if each["use"] == "usual")
    for criterion, expected in (
        ("code=submissionset", {own}),
        (f"code={LIST_TYPES}|folder", {of_folder}),
        ("status=current", {own, of_folder}),
        (f"date={day}", {own, of_folder}),
        (f"identifier=urn:ietf:rfc:3986|{number}", {own}),
        ("designationType=07&code=submissionset", {own}),
        ("DesignationType=07&code=submissionset", {own}),
        (f"sourceId={source}", {own}),
        (f"SourceId={source}", {own}),
        ("title=Lot", {own}),
        ("title=Suivi", {of_folder}),
        (f"authorOrg:identifier={structure['system']}|{structure['value']}", {own}),
        (f"PDSm_authorOrg:identifier={structure['system']}|{structure['value']}", {own}),
        ("authorOrg:missing=true", {of_folder}),
        ("source:missing=false", {own}),
        ("PatientAsSource:missing=false", {own}),
        ("PDSm_List_PatientAsSource:missing=false", {own}),
        ("PDSm_List_PractitionerRoleAsSource:missing=false", {own}),
        ("PractitionerRoleAsSource:missing=true", {of_folder}),
        ("source:PractitionerRole.practitioner:Practitioner.family=marchand", {own}),
        ("PractitionerRoleAsSource:PractitionerRole.practitioner:Practitioner.given=zoe", {own}),
        ("source:Patient.family=marchand", set()),
        ("isArchived=false", {own, of_folder}),
        ("isArchived=true", set()),
    ):
        found = doctor.get(f"List?{record.query}&{criterion}")
        assert found.status_code == 200, (criterion, found.text)
        assert {entry["resource"]["id"] for entry in found.json().get("entry", [])} == expected, criterion


def folder_of(bundle: dict[str, Any], record: Record) -> dict[str, Any]:
    """Return an entry with a folder for the document of a submission."""
    document = next(each for each in bundle["entry"] if each["resource"]["resourceType"] == "DocumentReference")
    resource = copy.deepcopy(part(bundle, "List"))
    for element in ("source", "contained"):
        del resource[element]
    resource["meta"]["profile"] = [resource["meta"]["profile"][0].replace("submissionset", "folder")]
    resource |= {
        "extension": [each for each in resource["extension"] if "valueCodeableConcept" in each],
        "identifier": [
            {"use": "official", "system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
            {"use": "usual", "system": "urn:ietf:rfc:3986", "value": f"urn:oid:2.25.{uuid.uuid4().int}"},
        ],
        "title": "Suivi",
        "code": {"coding": [{"system": LIST_TYPES, "code": "folder"}]},
        "subject": {"reference": record.reference},
        "entry": [{"item": {"reference": document["fullUrl"]}}],
    }
    return {
        "fullUrl": f"urn:uuid:{uuid.uuid4()}",
        "resource": resource,
        "request": {"method": "POST", "url": "List"},
    }


def test_after_the_first_visit_one_request_tells_what_changed(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    first = ids(hospital.post("", submit(record)))["DocumentReference"]
    (seen,) = doctor.get(f"DocumentReference?{record.query}").json()["entry"]
    moment = quote(seen["resource"]["meta"]["lastUpdated"])
    assert doctor.get(f"DocumentReference?{record.query}&_lastUpdated=gt{moment}&_summary=count").json()["total"] == 0
    second = ids(hospital.post("", submit(record)))["DocumentReference"]
    increment = doctor.get(f"DocumentReference?{record.query}&_lastUpdated=gt{moment}").json()
    assert [entry["resource"]["id"] for entry in increment["entry"]] == [second]
    assert first != second
