"""References, contained resources and Bundles."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.validation import Validator

from .conftest import Made, element, errors, profile

BASE = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
ONE, TWO = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:c757873d-ec9a-4326-a141-556f43239521"


@pytest.mark.parametrize(
    "reference",
    ["Patient/1", "Patient/1/_history/2", "https://a.example/fhir/Patient/1", "Patient?identifier=urn:oid:1.2|3", ONE],
)
def test_well_written_references_are_accepted(plain: Validator, reference: str) -> None:
    assert errors(plain.validate({**BASE, "subject": {"reference": reference}})) == []


@pytest.mark.parametrize(
    ("subject", "where"),
    [
        ({"reference": "pas une reference"}, "Observation.subject.reference"),
        ({"reference": "  "}, "Observation.subject.reference"),
        ({"reference": "#absent"}, "Observation.subject"),
        ({"reference": "Medication/1"}, "Observation.subject"),
        ({"reference": "Patient/1", "type": "Device"}, "Observation.subject"),
        ({"reference": "Patient/1", "type": "Rocket"}, "Observation.subject.type"),
        ({"type": "Medication", "identifier": {"value": "1"}}, "Observation.subject"),
    ],
)
def test_wrong_references_are_refused_at_their_element(plain: Validator, subject: Any, where: str) -> None:
    assert where in [one for one, _ in errors(plain.validate({**BASE, "subject": subject}))]


@pytest.mark.parametrize("reference", ["Rocket/1", "Patient", "patient/1", "metadata"])
def test_a_relative_reference_that_names_no_type_is_a_warning(plain: Validator, reference: str) -> None:
    for name, value in (("subject", {"reference": reference}), ("focus", [{"reference": reference}])):
        found = plain.validate({**BASE, name: value})
        told = [(one.severity, one.expression) for one in found if one.rule == "reference-format"]
        where = "subject" if name == "subject" else "focus[0]"
        assert told == [("warning", f"Observation.{where}.reference")]


@pytest.mark.parametrize(
    ("reference", "kind", "refused"),
    [
        ("Patient", "collection", True),
        ("a/Patient/1", "collection", True),
        ("Patient?identifier=a", "collection", True),
        ("Patient?identifier=a", "transaction", False),
        ("Patient", "transaction", True),
        ("Patient/7", "collection", False),
        ("Patient/7/_history/1", "collection", False),
        ("http://elsewhere.example/a/b/Patient/1", "collection", False),
        ("urn:oid:1.2", "collection", False),
    ],
)
def test_in_an_entry_a_relative_reference_is_resolved_against_its_full_url_and_must_have_that_form(
    plain: Validator,
    reference: str,
    kind: str,
    refused: bool,  # noqa: FBT001 - a case
) -> None:
    entry = {
        "fullUrl": "http://a.example/Observation/1",
        "resource": {**BASE, "id": "1", "subject": {"reference": reference}},
        **({"request": {"method": "PUT", "url": "Observation/1"}} if kind == "transaction" else {}),
    }
    found = errors(plain.validate({"resourceType": "Bundle", "type": kind, "entry": [entry]}))
    where = ("Bundle.entry[0].resource.subject", "reference-format")
    assert found == ([where] if refused else [])


def test_contained_resources_are_referenced_named_once_flat_and_without_versions(plain: Validator) -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    right = {**BASE, "contained": [patient], "subject": {"reference": "#p"}}
    assert errors(plain.validate(right)) == []

    def rules(*contained: dict[str, object]) -> list[str]:
        return [
            str(rule).rpartition("#")[2] for _, rule in errors(plain.validate({**right, "contained": list(contained)}))
        ]

    assert "dom-3" in rules(patient, {"resourceType": "Patient", "id": "q"})
    assert "contained-id" in rules(patient, patient)
    assert "contained-id" in rules(patient, {"resourceType": "Patient"})
    assert "dom-4" in rules({**patient, "meta": {"versionId": "1"}})
    assert "dom-4" in rules({**patient, "meta": {"lastUpdated": "2024-05-02T10:00:00Z"}})
    assert "dom-5" in rules({**patient, "meta": {"security": [{"system": "http://s.example", "code": "x"}]}})
    assert "dom-2" in rules({**patient, "contained": [{"resourceType": "Organization", "id": "o", "name": "x"}]})


def test_a_contained_resource_that_points_at_its_holder_is_no_orphan(plain: Validator) -> None:
    provenance = {
        "resourceType": "Provenance",
        "id": "p",
        "target": [{"reference": "#"}],
        "recorded": "2024-05-02T10:00:00Z",
        "agent": [{"who": {"display": "x"}}],
    }
    assert errors(plain.validate({**BASE, "contained": [provenance]})) == []


def test_a_contained_resource_of_an_odd_id_is_found_by_that_id(plain: Validator) -> None:
    for odd in ('a"b', "a\\b", 'a\\"b'):
        held = {**BASE, "contained": [{"resourceType": "Patient", "id": odd}], "subject": {"reference": f"#{odd}"}}
        assert "dom-3" not in [str(rule).rpartition("#")[2] for _, rule in errors(plain.validate(held))]


def test_a_profile_may_ask_for_the_target_to_be_here(made: Made) -> None:
    validator = made(
        profile(
            "P",
            "Observation",
            element(
                "Observation.subject",
                type=[
                    {
                        "code": "Reference",
                        "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"],
                        "aggregation": ["contained"],
                    }
                ],
            ),
        )
    )
    url = ["http://test.example/P"]
    here = {**BASE, "contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}}
    assert errors(validator.validate(here, url)) == []
    assert errors(validator.validate({**BASE, "subject": {"reference": "Patient/1"}}, url)) == [
        ("Observation.subject", "reference-aggregation")
    ]


def subject_as(**rules: Any) -> dict[str, Any]:
    kind = {"code": "Reference", "targetProfile": ["http://hl7.org/fhir/StructureDefinition/Patient"], **rules}
    return profile("P", "Observation", element("Observation.subject", type=[kind]))


@pytest.mark.parametrize(
    ("aggregation", "accepted"),
    [
        (["contained"], {"contained"}),
        (["bundled"], {"bundled"}),
        (["referenced"], {"bundled", "referenced"}),
        (["contained", "referenced"], {"contained", "bundled", "referenced"}),
    ],
)
def test_a_profile_says_where_the_target_may_be(made: Made, aggregation: list[str], accepted: set[str]) -> None:
    validator = made(subject_as(aggregation=aggregation))
    claim = {"profile": ["http://test.example/P"]}
    person = {"resourceType": "Patient", "id": "p"}
    ways = {
        "contained": {**BASE, "meta": claim, "contained": [person], "subject": {"reference": "#p"}},
        "bundled": {**BASE, "meta": claim, "subject": {"reference": "http://x.example/Patient/p"}},
        "referenced": {**BASE, "meta": claim, "subject": {"reference": "http://x.example/Patient/other"}},
    }
    found = set()
    for way, resource in ways.items():
        entries = [
            {"fullUrl": "http://x.example/Observation/o", "resource": {**resource, "id": "o"}},
            {"fullUrl": "http://x.example/Patient/p", "resource": person},
        ]
        issues = validator.validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
        if errors(issues) == []:
            found.add(way)
        else:
            assert errors(issues) == [("Bundle.entry[0].resource.subject", "reference-aggregation")]
    assert found == accepted


@pytest.mark.parametrize(
    ("versioning", "reference", "right"),
    [
        ("specific", "Patient/1/_history/2", True),
        ("specific", "Patient/1", False),
        ("independent", "Patient/1", True),
        ("independent", "Patient/1/_history/2", False),
        ("either", "Patient/1/_history/2", True),
    ],
)
def test_a_profile_says_whether_a_reference_names_a_version(
    made: Made, versioning: str, reference: str, *, right: bool
) -> None:
    found = made(subject_as(versioning=versioning)).validate(
        {**BASE, "subject": {"reference": reference}}, ["http://test.example/P"]
    )
    assert errors(found) == ([] if right else [("Observation.subject.reference", "reference-versioning")])


def test_a_target_at_hand_that_misses_the_profile_asked_for_is_a_warning_with_the_reason(made: Made) -> None:
    validator = made(
        profile("Named", "Patient", element("Patient.name", min=1)),
        profile(
            "P",
            "Observation",
            element(
                "Observation.subject", type=[{"code": "Reference", "targetProfile": ["http://test.example/Named"]}]
            ),
        ),
    )
    resource = {**BASE, "contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}}
    found = validator.validate(resource, ["http://test.example/P"])
    (issue,) = [one for one in found if one.rule == "reference-profile"]
    assert issue.severity == "warning"
    assert "name" in issue.text.en


def bundle(kind: str, *entries: dict[str, object], **more: object) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def rules(found: list) -> list[str]:
    return [str(rule).rpartition("#")[2] for _, rule in errors(found)]


def test_entries_have_a_full_url_that_is_absolute_and_names_them(plain: Validator) -> None:
    patient = {"resourceType": "Patient", "id": "1"}
    assert (
        errors(plain.validate(bundle("collection", {"fullUrl": "https://a.example/Patient/1", "resource": patient})))
        == []
    )
    assert rules(plain.validate(bundle("collection", {"resource": patient}))) == ["bundle-full-url"]
    assert rules(plain.validate(bundle("collection", {"fullUrl": "Patient/1", "resource": patient}))) == [
        "bundle-full-url"
    ]
    other = bundle("collection", {"fullUrl": "https://a.example/Patient/2", "resource": patient})
    assert rules(plain.validate(other)) == ["bundle-full-url"]


def test_a_relative_reference_in_an_entry_without_full_url_leads_nowhere(plain: Validator) -> None:
    found = plain.validate(bundle("collection", {"resource": {**BASE, "subject": {"reference": "Patient/1"}}}))
    assert ("Bundle.entry[0].resource.subject", "bundle-full-url") in errors(found)


def test_a_transaction_needs_no_full_url(plain: Validator) -> None:
    entry = {
        "resource": {**BASE, "subject": {"reference": "Patient/1"}},
        "request": {"method": "POST", "url": "Observation"},
    }
    assert errors(plain.validate(bundle("transaction", entry))) == []


def test_a_fragment_that_means_an_entry_is_told_how_to_be_mended(plain: Validator) -> None:
    found = plain.validate(
        bundle(
            "collection",
            {"fullUrl": ONE, "resource": {"resourceType": "Patient", "id": "p"}},
            {"fullUrl": TWO, "resource": {**BASE, "subject": {"reference": "#p"}}},
        )
    )
    (issue,) = [one for one in found if one.refuses]
    assert issue.expression == "Bundle.entry[1].resource.subject"
    assert "fullUrl" in issue.text.fr


def test_a_document_holds_all_that_its_composition_refers_to_and_nothing_else(plain: Validator) -> None:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "x"},
        "date": "2024",
        "author": [{"reference": TWO}],
        "title": "x",
    }
    author = {"fullUrl": TWO, "resource": {"resourceType": "Practitioner"}}
    identified = {"identifier": {"system": "urn:oid:1.2", "value": "1"}, "timestamp": "2024-05-02T10:00:00Z"}
    first = {"fullUrl": ONE, "resource": composition}
    assert errors(plain.validate(bundle("document", first, author, **identified))) == []
    assert rules(plain.validate(bundle("document", first, **identified))) == ["bundle-reference"]
    stray = {"fullUrl": ONE[:-1] + "9", "resource": {"resourceType": "Patient"}}
    assert rules(plain.validate(bundle("document", first, author, stray, **identified))) == ["bundle-orphan"]


def test_search_results_have_ids_modes_and_links_that_agree(plain: Validator) -> None:
    url = "https://a.example/Patient/1"
    links = {"link": [{"relation": "self", "url": "https://a.example/Patient?name=x"}]}
    right = bundle(
        "searchset",
        {"fullUrl": url, "resource": {"resourceType": "Patient", "id": "1"}, "search": {"mode": "match"}},
        **links,
    )
    assert errors(plain.validate(right)) == []
    nameless = bundle(
        "searchset", {"fullUrl": url, "resource": {"resourceType": "Patient"}, "search": {"mode": "match"}}, **links
    )
    assert rules(plain.validate(nameless)) == ["bundle-search-id"]
    other = {
        "fullUrl": "https://a.example/Device/1",
        "resource": {"resourceType": "Device", "id": "1"},
        "search": {"mode": "match"},
    }
    assert rules(plain.validate(bundle("searchset", other, **links))) == ["bundle-search-mode"]
    twice = {"link": [*links["link"], *links["link"]]}
    assert rules(plain.validate(bundle("searchset", **twice, entry=[]))) != []


def test_thousands_of_contained_resources_are_each_found_and_one_that_nothing_refers_to_is_named(
    plain: Validator,
) -> None:
    count = 10_000
    organizations = [{"resourceType": "Organization", "id": f"o{number}", "name": "x"} for number in range(count)]
    references = [{"reference": f"#o{number}"} for number in range(1, count)]
    holder = {"resourceType": "Patient", "contained": organizations, "generalPractitioner": references}
    assert [(where, str(rule)[-5:]) for where, rule in errors(plain.validate(holder))] == [
        ("Patient.contained[0]", "dom-3")
    ]
