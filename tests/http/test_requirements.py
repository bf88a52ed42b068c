"""What the specification demands of any RESTful server, where no other test of this folder shows it.

The list: docs/rest-requirements.md.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
import requests

from tests.http.conftest import FHIR, Client, Server
from tests.http.test_bundles import observation

XML = "application/fhir+xml"
PATIENT: dict[str, Any] = {"resourceType": "Patient", "active": True}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def path_of(answer: requests.Response) -> str:
    return answer.headers["Location"].partition("/_history")[0]


# Addresses, HEAD, headers


def test_head_is_answered_as_get_without_a_body_wherever_get_is(server: Server, operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT)).removeprefix(f"{operator.base}/")
    for address in (
        "", "/", "/metadata", "/Patient?_count=1", f"/{path}", f"/{path}/_history", f"/{path}/_history/1", "/_history",
        f"/{path}/Observation", f"/{path}/$everything", "/Patient/nobody", "/Nonsense/1", f"/{path}?_summary=text",
    ):  # fmt: skip
        head = operator.send("HEAD", f"{operator.base}{address}")
        get = operator.get(f"{operator.base}{address}")
        assert (head.status_code, head.content) == (get.status_code, b""), address
        for name in ("Content-Type", "ETag", "Last-Modified"):
            assert head.headers.get(name) == get.headers.get(name), (address, name)
    for address in ("/", "/health", "/ready", "/metrics", "/openapi.json"):
        assert requests.head(f"{server.root}{address}", timeout=10).status_code == 200, address


def test_an_address_with_a_slash_at_its_end_is_the_same(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    for address in (operator.base, f"{operator.base}/metadata", path, f"{operator.base}/Patient"):
        one, other = operator.get(f"{address}?_count=1"), operator.get(f"{address}/?_count=1")
        assert one.status_code == other.status_code, address
    assert operator.post(f"{operator.base}/Patient/", PATIENT).status_code == 201


def test_names_in_addresses_are_case_sensitive(operator: Client) -> None:
    identity = f"Case-{secrets.token_hex(4)}"
    operator.put(f"Patient/{identity}", {**PATIENT, "id": identity})
    assert operator.get(f"Patient/{identity.lower()}").status_code == 404
    assert operator.get(f"patient/{identity}").status_code == 404
    assert operator.get("Metadata").status_code == 404


def test_a_request_id_comes_back_and_one_of_ours_stands_beside_what_cannot_be_one(operator: Client) -> None:
    kept = operator.get("Patient/nobody", X_Request_Id="their-1")
    assert kept.headers["X-Request-Id"] == "their-1"
    assert "X-Correlation-Id" not in kept.headers
    changed = operator.get("Patient/nobody", X_Request_Id="not an id!")
    assert changed.headers["X-Request-Id"] != "not an id!"
    assert changed.headers["X-Correlation-Id"] == "not an id!"
    assert operator.get("Patient/nobody").headers["X-Request-Id"]


def test_every_answer_carries_a_date(operator: Client) -> None:
    assert operator.get("Patient/nobody").headers["Date"].endswith("GMT")


# Formats


@pytest.mark.parametrize("value", ["xml", "text/xml", "application/xml", XML, "application/fhir%2Bxml"])
def test_format_names_xml(operator: Client, value: str) -> None:
    answer = operator.get(f"{path_of(operator.post('Patient', PATIENT))}?_format={value}", Accept=FHIR)
    assert answer.headers["Content-Type"] == f"{XML}; charset=utf-8"
    assert answer.content.startswith(b"<")


@pytest.mark.parametrize("value", ["json", "application/json", FHIR])
def test_format_names_json(operator: Client, value: str) -> None:
    answer = operator.get(f"{path_of(operator.post('Patient', PATIENT))}?_format={value}", Accept=XML)
    assert answer.headers["Content-Type"] == f"{FHIR}; charset=utf-8"
    assert answer.json()["active"] is True


@pytest.mark.parametrize("value", ["ttl", "text/turtle", "yaml"])
def test_a_format_that_is_not_offered_is_never_answered_with_another(operator: Client, value: str) -> None:
    assert operator.get(f"Patient?_count=0&_format={value}").status_code == 406


def test_format_says_nothing_about_the_body_that_is_sent(operator: Client) -> None:
    answer = operator.post("Patient?_format=xml", PATIENT)
    assert answer.status_code == 201
    assert answer.headers["Content-Type"].startswith(XML)
    assert operator.post("Patient?_format=json", b"x", Content_Type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("application/xml", "application/xml"),
        ("text/xml;q=0.5, application/xml", "application/xml"),
        ("application/json, application/fhir+json;q=0.1", FHIR),
        ("text/xml, application/json;q=0.1", "text/xml"),
        ("application/json+fhir", FHIR),
    ],
)
def test_who_names_a_generic_media_type_is_answered_under_it(operator: Client, accept: str, media: str) -> None:
    answer = operator.get("Patient?_count=0", Accept=accept)
    assert answer.headers["Content-Type"] == f"{media}; charset=utf-8"


# Reading


def test_a_read_carries_its_id_its_version_and_its_date(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "active": False})
    for address, version in ((path, "2"), (f"{path}/_history/1", "1"), (f"{path}/_history/2", "2")):
        answer = operator.get(address)
        body = answer.json()
        assert (body["id"], body["meta"]["versionId"]) == (path.rpartition("/")[2], version)
        assert answer.headers["ETag"] == f'W/"{version}"'
        assert answer.headers["Last-Modified"].endswith("GMT")


def test_a_version_read_is_conditional_too_and_a_304_has_no_body(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    answer = operator.get(f"{path}/_history/1", If_None_Match='W/"1"')
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == 'W/"1"'
    assert operator.get(path, If_None_Match='W/"9", "1"').status_code == 304
    assert operator.get(path, If_None_Match="*").status_code == 304


def test_if_none_match_decides_before_if_modified_since(operator: Client) -> None:
    created = operator.post("Patient", PATIENT)
    since = created.headers["Last-Modified"]
    assert operator.get(path_of(created), If_None_Match='W/"2"', If_Modified_Since=since).status_code == 200
    assert operator.get(path_of(created), If_Modified_Since="nonsense").status_code == 200


SUMMARIES = {
    "true": ({"name", "active"}, {"text", "contact"}),
    "text": ({"text"}, {"name", "contact"}),
    "data": ({"name", "active", "contact"}, {"text"}),
    "false": ({"text", "name", "active", "contact"}, set()),
    "count": ({"text", "name", "active", "contact"}, set()),
}


@pytest.mark.parametrize(("summary", "kept", "left"), [(name, *parts) for name, parts in SUMMARIES.items()])
def test_each_summary_keeps_its_part_and_says_so(
    operator: Client, summary: str, kept: set[str], left: set[str]
) -> None:
    whole = {
        **PATIENT,
        "name": [{"family": "A"}],
        "contact": [{"name": {"family": "B"}}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A</div>'},
    }
    path = path_of(operator.post("Patient", whole))
    part = operator.get(f"{path}?_summary={summary}").json()
    assert kept <= set(part)
    assert not left & set(part)
    tags = [each["code"] for each in part["meta"].get("tag", [])]
    assert tags == (["SUBSETTED"] if left else [])
    history = operator.get(f"{path}/_history?_summary={summary}").json()
    if summary == "count":
        assert (history["total"], "entry" in history) == (1, False)
    else:
        assert not left & set(history["entry"][0]["resource"])


def test_what_was_marked_as_a_part_is_refused_nowhere_but_told(operator: Client) -> None:
    path = path_of(operator.post("Patient", {**PATIENT, "name": [{"family": "A"}]}))
    part = operator.get(f"{path}?_elements=name").json()
    assert set(part) == {"resourceType", "id", "meta", "name", "active"}  # active modifies what is read
    assert part["meta"]["versionId"] == "1"


def test_the_statement_has_a_tag_by_which_a_client_knows_that_it_has_it(operator: Client) -> None:
    first = operator.get("metadata")
    assert first.headers["ETag"].startswith('W/"')
    seen = {operator.get("metadata").headers["ETag"] for _ in range(12)}
    answers = {operator.get("metadata", If_None_Match=", ".join(seen)).status_code for _ in range(4)}
    assert answers == {304}
    assert operator.get("metadata", Accept=XML).headers["ETag"] not in seen


# JSON


def test_properties_come_in_any_order_and_items_keep_theirs(operator: Client) -> None:
    body = b'{"name":[{"given":["b","a","c"],"family":"z"},{"family":"a"}],"active":true,"resourceType":"Patient"}'
    stored = operator.get(path_of(operator.post("Patient", body))).json()
    assert stored["name"] == [{"given": ["b", "a", "c"], "family": "z"}, {"family": "a"}]


def test_nulls_align_values_with_what_is_said_about_them_in_both_formats(operator: Client) -> None:
    said = {"extension": [{"url": "urn:x", "valueString": "?"}]}
    name = {"given": ["a", None, "c"], "_given": [None, said, {"id": "three", **said}], "_family": said}
    created = operator.post("Patient", {**PATIENT, "name": [name]})
    assert created.status_code == 201, created.text
    assert operator.get(path_of(created)).json()["name"] == [name]
    as_xml = operator.get(path_of(created), Accept=XML).content
    again = operator.post("Patient", as_xml, Content_Type=XML, Accept=FHIR)
    assert again.json()["name"] == [name]


@pytest.mark.parametrize("text", ["1.50", "0.0100", "100", "1.0e2", "-0.0", "123456789012345678901234567890.10"])
def test_decimals_keep_their_digits_in_both_formats(operator: Client, text: str) -> None:
    body = json.dumps({**observation(), "valueQuantity": {"value": 0}}).replace('"value": 0', f'"value": {text}')
    path = path_of(operator.post("Observation", body.encode()))
    assert f'"value":{text}}}' in operator.get(path).text
    as_xml = operator.get(path, Accept=XML).text
    assert f'<value value="{text}"' in as_xml
    assert f'"value":{text}}}' in operator.post("Observation", as_xml.encode(), Content_Type=XML, Accept=FHIR).text


def test_white_space_at_the_ends_of_an_attribute_is_no_part_of_a_code_but_of_a_text(operator: Client) -> None:
    body = (
        b'<Patient xmlns="http://hl7.org/fhir"><active value=" true "/><name><family value=" x "/></name>'
        b'<gender value=" male"/><birthDate value="1980-01-01 "/></Patient>'
    )
    stored = operator.post("Patient", body, Content_Type=XML, Accept=FHIR).json()
    assert (stored["active"], stored["gender"], stored["birthDate"]) == (True, "male", "1980-01-01")
    assert stored["name"] == [{"family": " x "}]


def test_elements_name_choices_and_hold_for_includes_only_by_their_type(operator: Client) -> None:
    who = path_of(operator.post("Patient", {**PATIENT, "birthDate": "1980-01-01", "multipleBirthInteger": 2}))
    made = {
        **OBSERVATION,
        "subject": {"reference": "/".join(who.split("/")[-2:])},
        "valueString": "x",
        "note": [{"text": "n"}],
    }
    path = path_of(operator.post("Observation", made))
    assert "valueString" in operator.get(f"{path}?_elements=value").json()
    assert "multipleBirthInteger" in operator.get(f"{who}?_elements=multipleBirth").json()
    assert "birthDate" in operator.get(f"{who}?_elements=Observation.status").json()
    search = f"Observation?_id={path.rpartition('/')[2]}&_include=Observation:subject"
    match, include = (one["resource"] for one in operator.get(f"{search}&_elements=status").json()["entry"])
    assert "note" not in match
    assert ("birthDate" in include, "tag" in include["meta"]) == (True, False)
    match, include = (one["resource"] for one in operator.get(f"{search}&_elements=Patient.active").json()["entry"])
    assert "note" in match
    assert "birthDate" not in include
    assert operator.get(f"{search}&_summary=text").status_code == 400
    assert operator.get(f"{path}?_elements=nmae").status_code == 400
    assert operator.get(f"{path}?_elements=nmae,status", Prefer="handling=lenient").status_code == 200


def test_a_summary_has_at_every_depth_what_the_definitions_say(operator: Client) -> None:
    component = {"code": {"text": "c"}, "valueString": "v", "interpretation": [{"text": "i"}]}
    path = path_of(operator.post("Observation", {**OBSERVATION, "component": [component]}))
    assert operator.get(f"{path}?_summary=true").json()["component"] == [{"code": {"text": "c"}, "valueString": "v"}]
    request = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "asNeededBoolean": True}
    path = path_of(operator.post("ServiceRequest", {**request, "subject": {"display": "x"}}))
    assert operator.get(f"{path}?_summary=true").json()["asNeededBoolean"] is True
    statement = operator.get("metadata?_summary=true").json()
    assert "searchParam" not in statement["rest"][0]["resource"][0]
    assert {"resourceType", "fhirVersion", "meta"} <= set(operator.get("metadata?_elements=software").json())


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("Patient/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("Patient/_search", {"POST"}),
        ("", {"GET", "POST"}),
        ("Patient/1/$everything", {"GET", "POST", "HEAD"}),
        ("$find-prescription", {"POST"}),
    ],
)
def test_what_an_address_offers_is_told_where_it_is_asked_or_another_method_is_sent(
    operator: Client, address: str, allowed: set[str]
) -> None:
    asked, wrong = operator.send("OPTIONS", address), operator.send("TRACE", address)
    assert (asked.status_code, wrong.status_code) == (204, 405)
    assert allowed | {"OPTIONS"} <= set(asked.headers["Allow"].split(", ")) <= allowed | {"OPTIONS", "HEAD"}
    assert allowed <= set(wrong.headers["Allow"].split(", ")) <= allowed | {"HEAD"}
    for offered in (asked.headers["Allow"].split(", "), wrong.headers["Allow"].split(", ")):
        assert ("HEAD" in offered) == ("GET" in offered)


def test_a_version_has_one_name(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    assert [operator.get(f"{path}/_history/{name}").status_code for name in ("1", "01", "+1")] == [200, 404, 404]


def test_a_preference_may_have_spaces_around_its_equals_sign(operator: Client) -> None:
    assert operator.post("Patient", PATIENT, Prefer="return = minimal").content == b""
