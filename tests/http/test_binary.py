"""Binary over HTTP: any content, byte for byte, base64 only where FHIR is asked for."""

from __future__ import annotations

import base64
import secrets

import pytest

from tests.http.conftest import Client

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40


def test_content_of_any_type_comes_back_as_it_was_sent(operator: Client) -> None:
    created = operator.post("Binary", PDF, Content_Type="application/pdf")
    assert created.status_code == 201
    path = f"Binary/{created.json()['id']}"
    read = operator.get(path)
    assert read.content == PDF
    assert read.headers["Content-Type"] == "application/pdf"
    assert operator.get(path, Accept="application/pdf").content == PDF


def test_a_fhir_accept_gets_the_resource_with_base64(operator: Client) -> None:
    path = f"Binary/{operator.post('Binary', PDF, Content_Type='application/pdf').json()['id']}"
    resource = operator.get(path, Accept="application/fhir+json").json()
    assert resource["contentType"] == "application/pdf"
    assert base64.b64decode(resource["data"]) == PDF
    assert operator.get(f"{path}?_format=json").json() == resource


def test_a_binary_resource_keeps_its_content_as_bytes(operator: Client) -> None:
    body = {"resourceType": "Binary", "contentType": "image/png", "data": base64.b64encode(PDF).decode()}
    made = operator.post("Binary", body).json()
    assert made["data"] == body["data"], "clients go on with what is answered, and send it again"
    path = f"Binary/{made['id']}"
    assert operator.put(path, made).json()["data"] == body["data"]
    assert operator.get(path, Accept="image/png").content == PDF
    assert operator.get(path, Accept="application/fhir+json").json()["data"] == body["data"]


@pytest.mark.parametrize("media", ["text/xml", "application/json", "text/plain; charset=iso-8859-1", "application/zip"])
def test_only_fhirs_own_types_mean_the_resource(operator: Client, media: str) -> None:
    content = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    created = operator.post("Binary", content, Content_Type=media)
    assert created.status_code == 201
    read = operator.get(f"Binary/{created.json()['id']}")
    assert read.content == content
    assert read.headers["Content-Type"] == media


ACTIVE = ("text/html", "image/svg+xml", "text/xml", "application/xhtml+xml", "multipart/x-mixed-replace", "text/xsl")


@pytest.mark.parametrize("media", [*ACTIVE, "text/plain;,text/html", "application/pdf; a=b, TEXT/HTML"])
def test_what_a_browser_would_run_leaves_as_an_attachment_in_a_sandbox(operator: Client, media: str) -> None:
    path = f"Binary/{operator.post('Binary', b'<script>', Content_Type=media).json()['id']}"
    read = operator.get(path)
    assert read.headers["Content-Disposition"] == "attachment"
    assert read.headers["Content-Security-Policy"] == "sandbox"
    assert read.headers["X-Content-Type-Options"] == "nosniff"


def test_xml_of_fhir_runs_nothing_in_a_browser(operator: Client) -> None:
    page = base64.b64encode(b'<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>').decode()
    body = {"resourceType": "Binary", "contentType": "application/fhir+xml", "data": page}
    path = f"Binary/{operator.post('Binary', body).json()['id']}"
    for read in (operator.get(path), operator.get(f"{path}?_format=xml")):
        assert "sandbox" in read.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("bytes=0-9", 0, 10), ("bytes=100-", 100, None), ("bytes=-7", -7, None)]
)
def test_a_range_is_answered_206(operator: Client, asked: str, start: int, end: int | None) -> None:
    path = f"Binary/{operator.post('Binary', PDF, Content_Type='application/pdf').json()['id']}"
    read = operator.get(path, Range=asked)
    assert read.status_code == 206
    assert read.content == PDF[start:end]
    first = len(PDF) + start if start < 0 else start
    assert read.headers["Content-Range"] == f"bytes {first}-{first + len(read.content) - 1}/{len(PDF)}"


def test_a_range_on_the_condition_of_a_weak_validator_is_ignored(operator: Client) -> None:
    path = f"Binary/{operator.post('Binary', PDF, Content_Type='application/pdf').json()['id']}"
    for validator in ('W/"1"', 'W/"9"', '"1"'):
        read = operator.get(path, Range="bytes=0-3", If_Range=validator)
        assert (read.status_code, read.content) == (200, PDF)


def test_a_range_beyond_the_content_is_answered_416(operator: Client) -> None:
    path = f"Binary/{operator.post('Binary', PDF, Content_Type='application/pdf').json()['id']}"
    read = operator.get(path, Range=f"bytes={len(PDF)}-")
    assert read.status_code == 416
    assert read.headers["Content-Range"] == f"bytes */{len(PDF)}"


def test_an_update_replaces_content_and_vread_keeps_the_old(operator: Client) -> None:
    identity = operator.post("Binary", b"one", Content_Type="text/plain").json()["id"]
    second = operator.put(f"Binary/{identity}", b"two", Content_Type="text/plain")
    assert (second.status_code, second.headers["ETag"]) == (200, 'W/"2"')
    assert operator.get(f"Binary/{identity}").content == b"two"
    assert operator.get(f"Binary/{identity}/_history/1").content == b"one"


def test_a_patch_of_what_is_said_of_content_keeps_the_content(operator: Client) -> None:
    path = f"Binary/{operator.post('Binary', b'one', Content_Type='text/plain').json()['id']}"
    patch = b'[{"op":"replace","path":"/contentType","value":"text/csv"}]'
    assert operator.patch(path, patch, Content_Type="application/json-patch+json").status_code == 200
    meta = {"name": "meta", "valueMeta": {"tag": [{"system": "urn:t", "code": "t"}]}}
    parameters = {"resourceType": "Parameters", "parameter": [meta]}
    assert operator.post(f"{path}/$meta-add", parameters).status_code == 200
    answer = operator.get(path)
    assert (answer.content, answer.headers["Content-Type"], answer.headers["ETag"]) == (b"one", "text/csv", 'W/"3"')


def test_a_document_has_the_content_of_what_it_holds(operator: Client) -> None:
    held = f"Binary/{operator.post('Binary', b'one', Content_Type='text/plain').json()['id']}"
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "x"},
        "date": "2026-01-01",
        "author": [{"display": "x"}],
        "title": "x",
        "section": [{"title": "x", "entry": [{"reference": held}]}],
    }
    made = operator.post("Composition", composition).json()["id"]
    entries = operator.get(f"Composition/{made}/$document").json()["entry"]
    (kept,) = [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "Binary"]
    assert kept["data"] == "b25l"


def test_large_content_is_kept_whole(operator: Client) -> None:
    content = secrets.token_bytes(20 * 1024 * 1024)
    created = operator.post("Binary", content, Content_Type="application/octet-stream")
    assert created.status_code == 201
    read = operator.get(f"Binary/{created.json()['id']}")
    assert read.content == content
    assert read.headers["Content-Length"] == str(len(content))


def test_equal_content_keeps_separate_resources(operator: Client) -> None:
    first = operator.post("Binary", b"same", Content_Type="text/plain").json()["id"]
    second = operator.post("Binary", b"same", Content_Type="text/plain").json()["id"]
    assert first != second
    operator.delete(f"Binary/{first}")
    assert operator.get(f"Binary/{first}").status_code == 410
    assert operator.get(f"Binary/{second}").content == b"same"


def test_an_empty_body_and_junk_base64_are_refused(operator: Client) -> None:
    assert operator.post("Binary", b"", Content_Type="text/plain").status_code == 400
    body = {"resourceType": "Binary", "contentType": "text/plain", "data": "a$b"}
    assert operator.post("Binary", body).status_code in (400, 422)


def test_content_beyond_the_limit_is_refused_and_not_kept(operator: Client) -> None:
    answer = operator.post("Binary", b"x" * (50 * 1024 * 1024 + 1), Content_Type="application/zip")
    assert answer.status_code == 413


def test_the_resource_leaves_only_where_a_fhir_type_is_wanted_most(operator: Client) -> None:
    path = f"Binary/{operator.post('Binary', PDF, Content_Type='application/pdf').json()['id']}"
    for accept in ("application/pdf, application/fhir+json;q=0.1", "*/*, application/fhir+json;q=0.5"):
        assert operator.get(path, Accept=accept).content == PDF
    for accept in ("application/fhir+xml, */*", "application/fhir+xml, */*;q=0.1"):
        assert operator.get(path, Accept=accept).headers["Content-Type"].startswith("application/fhir+xml")
    part = operator.get(f"{path}?_summary=true", Accept="application/fhir+json").json()
    assert ("data" in part, part["contentType"]) == (False, "application/pdf")


def test_the_security_context_of_content_travels_in_its_header(operator: Client) -> None:
    patient = f"Patient/{operator.post('Patient', {'resourceType': 'Patient', 'active': True}).json()['id']}"
    sent = operator.post("Binary", PDF, Content_Type="application/pdf", X_Security_Context=patient)
    path = f"Binary/{sent.json()['id']}"
    assert sent.json()["securityContext"] == {"reference": patient}
    assert operator.get(path).headers["X-Security-Context"] == patient
    assert operator.post("Binary", PDF, Content_Type="application/pdf", X_Security_Context="him").status_code == 400


@pytest.mark.parametrize("stated", ["text/plain\nX-Evil: 1", "text/plain; charset=\u2603"])
def test_what_no_header_can_say_is_left_out_of_it(operator: Client, stated: str) -> None:
    about = {"reference": f"Patient/1{stated.removeprefix('text/plain')}"}
    body = {"resourceType": "Binary", "contentType": stated, "data": "YQ==", "securityContext": about}
    created = operator.post("Binary", body)
    assert created.status_code in (201, 422), created.text
    if created.status_code == 201:
        read = operator.get(f"Binary/{created.json()['id']}", Accept="*/*")
        assert (read.status_code, read.content) == (200, b"a")
        assert read.headers["Content-Type"] == "application/octet-stream"
        assert "X-Security-Context" not in read.headers
        assert "X-Evil" not in read.headers
