"""References inside a resource: found and rewritten."""

from fhirserver.interactions.writes.placing import place
from fhirserver.interactions.writes.references import literals, local, rewrite

URN = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"


def test_only_whole_addresses_are_rewritten_and_suffixes_stay() -> None:
    places = {URN: "Patient/1"}
    resource = {
        "reference": URN,
        "valueUri": f"{URN}#part",
        "url": f"{URN}/_history/2",
        "other": f"{URN}0",
        "value": URN,
        "div": f"<div><a href=\"{URN}\">x</a><img src='{URN}#i'/>{URN}</div>",
        "list": [{"reference": URN}, "x"],
    }
    assert rewrite(resource, places.get) == {
        "reference": "Patient/1",
        "valueUri": "Patient/1#part",
        "url": "Patient/1/_history/2",
        "other": f"{URN}0",
        "value": URN,
        "div": f"<div><a href=\"Patient/1\">x</a><img src='Patient/1#i'/>{URN}</div>",
        "list": [{"reference": "Patient/1"}, "x"],
    }


def test_text_and_canonicals_are_no_links_even_when_they_are_equal_to_one() -> None:
    resource = {
        "meta": {"profile": [URN]},
        "valueCanonical": URN,
        "instantiatesCanonical": [URN],
        "instantiatesUri": [URN],
        "code": URN,
        "comment": URN,
        "valueUuid": URN,
        "_list": [None, {"extension": [{"url": "http://x.example", "valueUrl": URN}]}],
    }
    assert rewrite(resource, {URN: "Patient/1"}.get) == {
        **resource,
        "instantiatesUri": ["Patient/1"],
        "_list": [None, {"extension": [{"url": "http://x.example", "valueUrl": "Patient/1"}]}],
    }


def test_what_needs_no_rewriting_is_the_same_object() -> None:
    resource = {"a": [{"reference": "Patient/1"}], "div": "<div/>"}
    assert rewrite(resource, {}.get) is resource


def test_literal_references_are_found_with_their_places() -> None:
    resource = {"subject": {"reference": "Patient/1"}, "contained": [{"author": [{"reference": "#a"}]}]}
    assert list(literals(resource, "Basic")) == [
        ("Basic.subject.reference", "Patient/1"),
        ("Basic.contained[0].author[0].reference", "#a"),
    ]


def test_a_reference_is_local_when_relative_or_under_the_base() -> None:
    base = "http://h/fhir"
    assert local("Patient/1", base) == ("Patient", "1")
    assert local("http://h/fhir/Patient/1/_history/3", base) == ("Patient", "1")
    assert local("http://other/fhir/Patient/1", base) is None
    assert local("#p", base) is None
    assert local("Patient?identifier=x", base) is None


def test_a_resource_lies_beside_its_patient() -> None:
    ins = {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "1"}
    assert place({"resourceType": "Patient", "identifier": [ins]}).partition == "1"
    assert place({"resourceType": "Observation", "subject": {"reference": "Patient/7"}}).beside == "7"
    assert place({"resourceType": "Observation", "subject": {"identifier": ins}}).partition == "1"
    assert place({"resourceType": "Observation", "subject": 5}) == (None, None)
    assert place({"resourceType": "ValueSet"}) == (None, None)
