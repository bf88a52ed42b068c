"""JSON and XML over HTTP."""

from __future__ import annotations

import pytest

from tests.http.conftest import Client, issue

XML = "application/fhir+xml"
PATIENT = (
    b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/>'
    b'<name><family value="Lef\xc3\xa8vre"/></name></Patient>'
)


@pytest.mark.parametrize("media", [XML, "application/xml", "text/xml", f"{XML}; charset=utf-8"])
def test_xml_is_read_and_answered_as_it_came(operator: Client, media: str) -> None:
    created = operator.post("Patient", PATIENT, Content_Type=media, Accept=XML)
    assert created.status_code == 201
    assert created.headers["Content-Type"] == "application/fhir+xml; charset=utf-8"
    assert b'<family value="Lef\xc3\xa8vre"' in created.content
    path = created.headers["Location"].split("/_history")[0]
    as_json = operator.get(path, Accept="application/fhir+json").json()
    assert as_json["name"] == [{"family": "Lefèvre"}]
    assert operator.get(f"{path}?_format=xml").content == created.content


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/fhir+xml, application/fhir+json;q=0.5", XML),
        ("application/fhir+xml;q=0.4, application/fhir+json;q=0.5", "application/fhir+json"),
        ("text/xml", "text/xml"),
        ("application/xml;q=0.9, */*;q=0.8", "application/xml"),
    ],
)
def test_quality_decides_and_a_generic_name_is_answered_by_itself(operator: Client, accept: str, media: str) -> None:
    answer = operator.get("Patient?_count=1", Accept=accept)
    assert answer.headers["Content-Type"] == f"{media}; charset=utf-8"


def test_bundles_outcomes_and_the_statement_go_out_as_xml_too(operator: Client) -> None:
    for path, root in (
        ("Patient?_count=2", b"<Bundle "),
        ("metadata", b"<CapabilityStatement "),
        ("Patient/nobody", b"<OperationOutcome "),
        ("Patient/_history?_count=1", b"<Bundle "),
    ):
        answer = operator.get(path, Accept=XML)
        assert root in answer.content[:200], path


def test_a_transaction_in_xml_works(operator: Client) -> None:
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource>'
        + PATIENT
        + b'</resource><request><method value="POST"/><url value="Patient"/></request></entry></Bundle>'
    )
    answer = operator.post("", body, Content_Type=XML, Accept="application/fhir+json")
    assert answer.json()["entry"][0]["response"]["status"] == "201 Created"


@pytest.mark.parametrize(
    "body",
    [
        b"<Patient",
        b'<Patient xmlns="urn:other"/>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><Patient xmlns="http://hl7.org/fhir"/>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>',
        b'<Patient xmlns="http://hl7.org/fhir"><nonsense value="1"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir">text</Patient>',
        b"",
    ],
)
def test_xml_that_is_not_fhirs_is_refused_with_400(operator: Client, body: bytes) -> None:
    answer = operator.post("Patient", body, Content_Type=XML)
    assert answer.status_code == 400
    assert issue(answer)["severity"] in ("error", "fatal")


def test_elements_out_of_order_are_read_with_a_warning(operator: Client) -> None:
    body = b'<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><active value="true"/></Patient>'
    answer = operator.post(
        "Patient", body, Content_Type=XML, Accept="application/json", Prefer="return=OperationOutcome"
    )
    assert answer.status_code == 201
    assert any(item["severity"] == "warning" for item in answer.json()["issue"])


def test_pretty_asks_for_line_breaks(operator: Client) -> None:
    path = f"Patient/{operator.post('Patient', PATIENT, Content_Type=XML).json()['id']}"
    assert operator.get(f"{path}?_pretty=true").text.count("\n") > 3
    assert "\n" not in operator.get(path).text
    assert operator.get("Patient?_count=1&_pretty=true").text.count("\n") > 5


def test_the_format_named_in_a_form_decides(operator: Client) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    answer = operator.post("Patient/_search", b"_count=1&_format=xml&_pretty=true", Accept="application/json", **form)
    assert answer.headers["Content-Type"].startswith(XML)
    assert answer.text.count("\n") > 3
    assert operator.post("Patient/_search", b"_count=1&_format=nonsense", **form).status_code == 406


def test_caches_keep_formats_apart_and_ask_again(operator: Client) -> None:
    path = operator.post("Patient", PATIENT, Content_Type=XML).headers["Location"]
    for answer in (operator.get(path), operator.get("Patient/nobody"), operator.get("Patient?_count=1")):
        assert "Accept" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Accept" in operator.get("metadata").headers["Vary"]
