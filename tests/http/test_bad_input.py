"""Bad input gets a precise 4xx with an OperationOutcome, and nothing is stored."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.http.conftest import Client, Server, issue

PATIENT = {"resourceType": "Patient", "active": True}

MALFORMED = {
    "an empty body": b"",
    "white space only": b"  \n ",
    "cut JSON": b'{"resourceType":"Patient"',
    "something after the object": b'{"resourceType":"Patient"}{}',
    "duplicate keys": b'{"resourceType":"Patient","active":true,"active":false}',
    "NaN": b'{"resourceType":"Patient","multipleBirthInteger":NaN}',
    "Infinity": b'{"resourceType":"Patient","multipleBirthInteger":Infinity}',
    "an exponent beyond a double": b'{"resourceType":"Patient","extension":[{"url":"urn:x","valueDecimal":1e999}]}',
    "a lone surrogate": b'{"resourceType":"Patient","gender":"\\ud800"}',
    "bytes that are not UTF-8": b'{"resourceType":"Patient","gender":"\xff"}',
    "a depth bomb": b'{"resourceType":"Patient","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an array": b"[]",
    "a number": b"1",
    "null": b"null",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_json_of_a_resource_is_refused_with_400(operator: Client, body: bytes) -> None:
    answer = operator.post("Patient", body)
    assert answer.status_code == 400
    assert issue(answer)["severity"] == "error"
    assert issue(answer)["details"]["text"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json", 201),
        ("application/json", 201),
        ("application/fhir+json; charset=utf-8", 201),
        ("application/fhir+json; charset=UTF-8; fhirVersion=4.0", 201),
        ("application/fhir+json; charset=iso-8859-1", 415),
        ("application/fhir+json; fhirVersion=3.0", 415),
        ("text/plain", 415),
        ("application/pdf", 415),
        ("nonsense", 415),
    ],
)
def test_the_content_type_decides_whether_a_body_is_read(operator: Client, content_type: str, status: int) -> None:
    answer = operator.post("Patient", PATIENT, Content_Type=content_type)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("application/*;q=0.5, text/plain", 200),
        ("text/html;q=0.1, application/fhir+json;q=0.9", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+json; fhirVersion=3.0", 406),
        ("application/fhir+json;q=0", 406),
        ("image/png", 406),
    ],
)
def test_what_no_format_satisfies_is_answered_406(operator: Client, accept: str, status: int) -> None:
    path = f"Patient/{operator.post('Patient', PATIENT).json()['id']}"
    answer = operator.get(path, Accept=accept)
    assert answer.status_code == status
    media = "application/json" if accept == "application/json" else "application/fhir+"
    assert answer.headers["Content-Type"].startswith(media)


@pytest.mark.parametrize(
    ("value", "status"),
    [("json", 200), ("application/fhir+json", 200), ("application/fhir%2Bjson", 200), ("pdf", 406), ("", 406)],
)
def test_format_in_the_query_overrides_accept(operator: Client, value: str, status: int) -> None:
    path = f"Patient/{operator.post('Patient', PATIENT).json()['id']}"
    assert operator.get(f"{path}?_format={value}", Accept="image/png").status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Nonsense/1", 404),
        ("POST", "Nonsense", 404),
        ("GET", "Patient/1/2/3/4", 404),
        ("GET", "Patient/with%20space", 404),
        ("GET", "Patient/" + "x" * 65, 404),
        ("GET", "Patient/unknown", 404),
        ("GET", "lower/1", 404),
        ("GET", "$unknown", 404),
        ("GET", "Patient/$unknown", 404),
        ("PUT", "", 405),
        ("DELETE", "", 405),
        ("POST", "Patient/1", 405),
        ("DELETE", "Patient/1/_history/1", 405),
        ("POST", "metadata", 405),
    ],
)
def test_routes_that_are_not_fhirs_get_an_outcome(operator: Client, method: str, path: str, status: int) -> None:
    answer = operator.send(method, path, PATIENT if method in ("POST", "PUT") else None)
    assert answer.status_code == status
    assert issue(answer)["diagnostics"]
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_id_out_of_grammar_is_refused_before_anything_is_stored(operator: Client, method: str) -> None:
    answer = operator.send(method, "Patient/a_b", {**PATIENT, "id": "a_b"} if method == "PUT" else None)
    assert answer.status_code == 400 if method == "PUT" else 404
    assert operator.get("Patient/a_b").status_code == 404


def test_outside_of_fhir_an_unknown_address_gets_an_outcome_too(server: Server, operator: Client) -> None:
    answer = operator.get(f"{server.root}/nowhere")
    assert answer.status_code == 404
    assert issue(answer)["code"] == "not-found"


def test_an_unknown_method_is_answered_405_with_allow(server: Server, operator: Client) -> None:
    answer = operator.send("BREW", "Patient/1")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert issue(answer)["code"] == "not-supported"


def test_another_resource_than_the_routes_is_refused(operator: Client) -> None:
    answer = operator.post("Patient", {"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    assert answer.status_code == 400
    assert operator.post("Patient", {"active": True}).status_code == 400
    assert operator.post("Patient", {"resourceType": 5}).status_code == 400


def test_an_unreadable_if_match_is_refused(operator: Client) -> None:
    created = operator.post("Patient", PATIENT).json()
    answer = operator.put(f"Patient/{created['id']}", created, If_Match='"')
    assert answer.status_code == 400


def test_a_body_beyond_the_limit_is_refused_with_413(operator: Client) -> None:
    answer = operator.post("Patient", b" " * (50 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert issue(answer)["code"] == "too-long"


def test_a_chunked_body_beyond_the_limit_is_refused_with_413(operator: Client) -> None:
    def chunks() -> Any:
        for _ in range(60):
            yield b" " * (1024 * 1024)

    answer = operator._session.post(
        f"{operator.base}/Patient", data=chunks(), headers={"Content-Type": "application/fhir+json"}, timeout=60
    )
    assert answer.status_code == 413


def test_a_chunked_body_is_read_like_any_other(operator: Client) -> None:
    answer = operator._session.post(
        f"{operator.base}/Patient",
        data=iter([b'{"resourceType":', b'"Patient"}']),
        headers={"Content-Type": "application/fhir+json"},
        timeout=60,
    )
    assert answer.status_code == 201


def test_a_client_that_stops_in_the_middle_of_its_body_stores_nothing_and_holds_nobody_up(
    server: Server, operator: Client
) -> None:
    before = operator.get("Patient/_history?_count=0").json()["total"]
    address = urlsplit(server.root)
    for _ in range(6):
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(
                b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\n"
                b"Authorization: Bearer " + server.token("operator").encode() + b"\r\n"
                b'Content-Length: 1000\r\n\r\n{"resourceType":"Patient"}'
            )
    assert operator.get("Patient/_history?_count=0").json()["total"] == before


def test_messages_come_in_french_or_english_with_the_other_language_beside(operator: Client) -> None:
    french = issue(operator.get("Patient/unknown"))
    english = issue(operator.get("Patient/unknown", Accept_Language="en-GB, fr;q=0.5"))
    assert "existe pas" in french["details"]["text"]
    assert "is not here" in english["details"]["text"]
    assert french["diagnostics"] == english["details"]["text"]


def test_header_injection_through_an_id_is_impossible(operator: Client) -> None:
    answer = operator.get("Patient/a%0d%0aSet-Cookie:%20x=1")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


def test_control_characters_of_the_input_do_not_come_back_in_the_outcome(operator: Client) -> None:
    answer = operator.get("Pat%00ient/1")
    assert answer.status_code == 404
    assert "\\u0000" not in answer.text


@pytest.mark.parametrize("path", ["$check-prescription", "$dispense", "$issue-prescription", "Patient/$validate", ""])
def test_a_resource_type_that_is_no_text_is_refused_wherever_it_comes(operator: Client, path: str) -> None:
    nameless = {"resourceType": {}}
    entry = {"resource": nameless, "request": {"method": "POST", "url": "MedicationRequest"}}
    bodies = [nameless, {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": nameless}]}]
    bodies += [{"resourceType": "Bundle", "type": "transaction", "entry": [entry]}]
    for body in bodies:
        assert operator.post(path, body).status_code in (200, 400, 403, 422), body
