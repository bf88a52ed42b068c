"""Bodies that are well-formed and still hold what no resource may: depth, sizes, characters, numbers, entities."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue

XML = "application/fhir+xml"
ROOT = '<Patient xmlns="http://hl7.org/fhir">%s</Patient>'


def marked(**more: Any) -> tuple[str, dict[str, Any]]:
    """Return an identifier that nothing else has, and a Patient that carries it."""
    name = secrets.token_hex(8)
    return name, {"resourceType": "Patient", "identifier": [{"system": "urn:bad", "value": name}], **more}


def extension(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"url": "urn:x", "valueString": "x"}
    for _ in range(levels - 1):
        made = {"url": "urn:x", "extension": [made]}
    return made


def deep(place: str, levels: int) -> dict[str, Any]:
    """Return a resource that nests so many levels at a place."""
    if place == "contained":
        inner = {"resourceType": "Patient", "id": "a", "extension": [extension(levels)]}
        return {"resourceType": "Basic", "code": {"text": "x"}, "contained": [inner], "subject": {"reference": "#a"}}
    if place == "item":
        item: dict[str, Any] = {"linkId": "0", "type": "display", "text": "x"}
        for at in range(1, levels):
            item = {"linkId": str(at), "type": "group", "item": [item]}
        return {"resourceType": "Questionnaire", "status": "draft", "item": [item]}
    if place == "sibling":
        return {"resourceType": "Patient", "active": True, "_active": {"extension": [extension(levels)]}}
    return {"resourceType": "Patient", "extension": [extension(levels)]}


@pytest.mark.parametrize("place", ["extension", "sibling", "contained", "item"])
def test_64_levels_are_kept_in_json_and_in_xml_and_stay_of_use(operator: Client, place: str) -> None:
    resource = deep(place, 64)
    created = operator.post(resource["resourceType"], resource)
    assert created.status_code == 201, created.text
    path = created.headers["Location"].partition("/_history")[0]
    as_xml = operator.get(path, Accept=XML)
    for query in ("_pretty=true", "_summary=true", "_elements=id"):
        assert operator.get(f"{path}?{query}").status_code == 200
    assert operator.put(path, as_xml.content, Content_Type=XML).headers["ETag"] == 'W/"1"'
    patched = operator.patch(path, b'{"language":"fr"}', Content_Type="application/merge-patch+json")
    assert patched.headers["ETag"] == 'W/"2"'


@pytest.mark.parametrize("place", ["extension", "sibling", "contained", "item"])
def test_nesting_beyond_the_limit_is_refused_in_words(operator: Client, place: str) -> None:
    resource = deep(place, 150)
    answer = operator.post(resource["resourceType"], resource)
    assert answer.status_code == 400
    assert "220" in issue(answer)["diagnostics"]


def test_xml_beyond_the_limit_is_refused_in_words(operator: Client) -> None:
    nested = '<extension url="urn:x">' * 150 + '<valueString value="x"/>' + "</extension>" * 150
    for body in (ROOT % nested, ROOT % ("<contact>" * 100_000)):
        answer = operator.post("Patient", body.encode(), Content_Type=XML)
        assert answer.status_code == 400
        assert issue(answer)["details"]["text"].startswith("Ligne 1")


@pytest.mark.parametrize("media", ["application/fhir+json", XML])
def test_a_string_of_10_mb_is_refused_by_name_and_not_repeated(operator: Client, media: str) -> None:
    text = "x" * 10_000_000
    body = json.dumps({"resourceType": "Patient", "name": [{"text": text}]})
    if media == XML:
        body = ROOT % f'<name><text value="{text}"/></name>'
    answer = operator.post("Patient", body.encode(), Content_Type=media)
    assert answer.status_code == 422
    assert issue(answer)["expression"] == ["Patient.name[0].text"]
    assert len(answer.content) < 2000


def test_an_attachment_of_10_mb_is_kept(operator: Client) -> None:
    photo = {"contentType": "image/png", "data": "AAAA" * 2_500_000}
    created = operator.post("Patient", {"resourceType": "Patient", "photo": [photo]})
    assert created.status_code == 201
    assert operator.get(f"Patient/{created.json()['id']}").json()["photo"] == [photo]


REFUSED = {
    "a key twice at depth": (b'{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}', 400),
    "a key twice, once escaped": (b'{"resourceType":"Patient","name":[{"family":"a","f\\u0061mily":"b"}]}', 400),
    "NaN at depth": (b'{"resourceType":"Patient","extension":[{"url":"urn:x","valueDecimal":NaN}]}', 400),
    "an integer of a million digits": (b'{"resourceType":"Patient","multipleBirthInteger":%s}' % (b"1" * 10**6), 400),
    "a lone surrogate as key": (b'{"resourceType":"Patient","\\ud800":1}', 400),
    "a lone surrogate at depth": (b'{"resourceType":"Patient","name":[{"given":["a","\\udfff"]}]}', 400),
    "a control character as it is": (b'{"resourceType":"Patient","name":[{"family":"a\x01b"}]}', 400),
    "a control character escaped": (b'{"resourceType":"Patient","name":[{"family":"a\\u0001b"}]}', 422),
    "a null character": (b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}', 422),
    "a null character in a key": (b'{"resourceType":"Patient","a\\u0000":1}', 400),
    "a key of 10 MB": (b'{"resourceType":"Patient","%s":1}' % (b"x" * 10**7), 400),
    "a byte order mark": (b'\xef\xbb\xbf{"resourceType":"Patient"}', 400),
    "UTF-16": ('{"resourceType":"Patient"}'.encode("utf-16"), 400),
    "a comment": (b'{"resourceType":"Patient" /* x */}', 400),
    "an object for an array": (b'{"resourceType":"Patient","name":{"family":"x"}}', 400),
    "an array for an object": (b'{"resourceType":"Patient","maritalStatus":[{"text":"x"}]}', 400),
    "an object for a string": (b'{"resourceType":"Patient","gender":{"a":1}}', 400),
    "a string for a number": (b'{"resourceType":"Patient","multipleBirthInteger":"1"}', 400),
    "a string for a boolean": (b'{"resourceType":"Patient","active":"true"}', 400),
    "an empty object": (b'{"resourceType":"Patient","maritalStatus":{}}', 400),
    "an empty array": (b'{"resourceType":"Patient","name":[]}', 400),
    "an empty string": (b'{"resourceType":"Patient","gender":""}', 422),
    "null": (b'{"resourceType":"Patient","gender":null}', 400),
    "null in an array": (b'{"resourceType":"Patient","name":[null]}', 400),
    "an unknown property": (b'{"resourceType":"Patient","foo":1}', 400),
    "a property in other capitals": (b'{"resourceType":"Patient","Active":true}', 400),
    "1e999 in an integer": (b'{"resourceType":"Patient","multipleBirthInteger":1e999}', 400),
}


@pytest.mark.parametrize(("body", "status"), REFUSED.values(), ids=REFUSED)
def test_json_that_fhir_does_not_allow_is_refused_and_nothing_of_it_dropped(
    operator: Client, body: bytes, status: int
) -> None:
    answer = operator.post("Patient", body)
    assert answer.status_code == status
    told = issue(answer)
    assert told["details"]["text"]
    assert told["diagnostics"]
    assert len(answer.content) < 7000


FOREIGN = {
    "an entity that multiplies": ('<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + ROOT % "&b;", 400),
    "an entity from elsewhere": ('<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + ROOT % "&a;", 400),
    "a parameter entity": ('<!DOCTYPE l [<!ENTITY % a SYSTEM "http://localhost:1/x"> %a;]>' + ROOT % "", 400),
    "an inclusion": (
        ROOT % '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>', 400,
    ),
    "an element of another namespace": (ROOT % '<x:active xmlns:x="urn:x" value="true"/>', 400),
    "an attribute that FHIR has not": (ROOT % '<active value="true" foo="x"/>', 400),
    "an empty attribute": (ROOT % '<name><family value=""/></name>', 422),
    "an empty element": (ROOT % "<name/>", 400),
    "two roots": (ROOT % "" + ROOT % "", 400),
    "a reference to a control character": (ROOT % '<name><family value="a&#1;b"/></name>', 400),
    "an entity of HTML": (
        ROOT % '<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div></text>', 400,
    ),
    "Latin-1 declared": ('<?xml version="1.0" encoding="ISO-8859-1"?>' + ROOT % "", 400),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status"), FOREIGN.values(), ids=FOREIGN)
def test_xml_that_fhir_does_not_allow_is_refused_and_reads_nothing_from_elsewhere(
    operator: Client, body: str, status: int
) -> None:
    answer = operator.post("Patient", body.encode("latin-1"), Content_Type=XML)
    assert answer.status_code == status
    assert "root:" not in answer.text
    assert issue(answer)["details"]["text"]


def test_utf_16_is_refused_in_xml_and_another_charset_by_its_name(operator: Client) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + ROOT % ""
    assert operator.post("Patient", text.encode("utf-16"), Content_Type=XML).status_code == 400
    latin = operator.post("Patient", (ROOT % "").encode(), Content_Type=f"{XML}; charset=iso-8859-1")
    assert latin.status_code == 415


IDS = ["a_b", "x" * 65, "a%00", "a%20b", "%C3%A9", "a%2Bb"]


@pytest.mark.parametrize("identity", IDS)
def test_an_id_out_of_grammar_names_nothing_and_is_given_to_nothing(operator: Client, identity: str) -> None:
    for method in ("GET", "DELETE", "PATCH"):
        answer = operator.send(method, f"Patient/{identity}", b"[]" if method == "PATCH" else None)
        assert answer.status_code == 404, method
    answer = operator.put(f"Patient/{identity}", {"resourceType": "Patient", "id": "x"})
    assert answer.status_code == 400
    assert issue(answer)["code"] == "value"


@pytest.mark.parametrize("version", ["0", "-1", "a_b", "1.0", "9" * 64, "9" * 65, "%00", "1%20"])
def test_a_version_out_of_grammar_is_not_found(operator: Client, version: str) -> None:
    identity = operator.post("Patient", {"resourceType": "Patient"}).json()["id"]
    assert operator.get(f"Patient/{identity}/_history/{version}").status_code == 404


@pytest.mark.parametrize("query", ["name=%00", "name=%ff", "name=%ed%a0%80", "&".join(["name=a"] * 1001)])
def test_parameters_that_are_no_text_or_too_many_are_refused(operator: Client, query: str) -> None:
    answer = operator.get(f"Patient?{query}")
    assert answer.status_code == 400
    assert issue(answer)["details"]["text"]


def test_what_was_refused_is_found_nowhere(operator: Client) -> None:
    name, patient = marked(gender="nonsense")
    assert operator.post("Patient", patient).status_code == 422
    assert operator.put(f"Patient/{name}", {**patient, "id": name}).status_code == 422
    assert operator.get(f"Patient?identifier=urn:bad|{name}").json()["total"] == 0
    assert operator.get(f"Patient/{name}").status_code == 404
