"""patch over HTTP, in each of its languages."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue
from tests.http.test_bundles import bundle, entry, statuses

JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
XML_PATCH = "application/xml-patch+xml"


def made(client: Client, **more: Any) -> dict[str, Any]:
    body = {"resourceType": "Patient", "active": True, "name": [{"family": "A"}], **more}
    created: dict[str, Any] = client.post("Patient", body).json()
    return created


def parameters(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": list(parts)}]}


REPLACE_ACTIVE = parameters(
    {"name": "type", "valueCode": "replace"},
    {"name": "path", "valueString": "Patient.active"},
    {"name": "value", "valueBoolean": False},
)

LANGUAGES = {
    "JSON Patch": (JSON_PATCH, b'[{"op":"replace","path":"/active","value":false}]'),
    "merge patch": (MERGE, b'{"active":false}'),
    "an object as JSON": ("application/json", b'{"active":false}'),
    "an array as JSON": ("application/json", b'[{"op":"replace","path":"/active","value":false}]'),
    "FHIRPath Patch": ("application/fhir+json", json.dumps(REPLACE_ACTIVE).encode()),
    "XML Patch": (
        XML_PATCH,
        b'<diff xmlns:f="http://hl7.org/fhir"><replace sel="f:Patient/f:active/@value">false</replace></diff>',
    ),
}


@pytest.mark.parametrize(("media", "body"), LANGUAGES.values(), ids=LANGUAGES)
def test_each_patch_language_changes_the_resource(operator: Client, media: str, body: bytes) -> None:
    path = f"Patient/{made(operator)['id']}"
    answer = operator.patch(path, body, Content_Type=media)
    assert answer.status_code == 200, answer.text
    assert answer.json()["active"] is False
    assert answer.headers["ETag"] == 'W/"2"'
    history = operator.get(f"{path}/_history").json()
    assert history["entry"][0]["request"]["method"] == "PATCH"


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("text/plain", b"x", 415),
        (JSON_PATCH, b"{", 400),
        (JSON_PATCH, b"{}", 400),
        (MERGE, b"[]", 400),
        (JSON_PATCH, b'[{"op":"replace","path":"/nothing","value":1}]', 422),
        (JSON_PATCH, b'[{"op":"test","path":"/active","value":false}]', 422),
        (JSON_PATCH, b'[{"op":"replace","path":"/id","value":"other"}]', 422),
        (JSON_PATCH, b'[{"op":"remove","path":"/id"}]', 422),
        (MERGE, b'{"resourceType":"Group"}', 422),
        (MERGE, b'{"active":"yes"}', 400),
        (MERGE, b'{"gender":"nonsense"}', 422),
        ("application/fhir+json", b'{"resourceType":"Patient"}', 400),
        (XML_PATCH, b"<diff", 400),
    ],
)
def test_a_patch_that_does_not_apply_is_refused_and_changes_nothing(
    operator: Client, media: str, body: bytes, status: int
) -> None:
    path = f"Patient/{made(operator)['id']}"
    answer = operator.patch(path, body, Content_Type=media)
    assert answer.status_code == status, answer.text
    assert issue(answer)["details"]["text"]
    assert operator.get(path).headers["ETag"] == 'W/"1"'


def test_a_patch_of_what_is_not_there_is_404_and_of_what_is_deleted_410(operator: Client) -> None:
    assert operator.patch("Patient/nobody", b"{}", Content_Type=MERGE).status_code == 404
    path = f"Patient/{made(operator)['id']}"
    operator.delete(path)
    assert operator.patch(path, b"{}", Content_Type=MERGE).status_code == 410


def test_if_match_holds_a_patch(operator: Client) -> None:
    path = f"Patient/{made(operator)['id']}"
    stale = operator.patch(path, b'{"active":false}', Content_Type=MERGE, If_Match='W/"7"')
    assert (stale.status_code, stale.headers["ETag"]) == (412, 'W/"1"')
    assert operator.patch(path, b'{"active":false}', Content_Type=MERGE, If_Match='W/"1"').status_code == 200


def test_a_conditional_patch_changes_the_one_match(operator: Client) -> None:
    name = secrets.token_hex(8)
    made(operator, identifier=[{"system": "urn:tests", "value": name}])
    query = f"Patient?identifier=urn:tests|{name}"
    assert operator.patch(query, b'{"active":false}', Content_Type=MERGE).json()["active"] is False
    absent = operator.patch("Patient?identifier=urn:tests|absent", b"{}", Content_Type=MERGE)
    assert absent.status_code == 404


def test_decimals_keep_their_digits_through_a_patch(operator: Client) -> None:
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    path = f"Observation/{operator.post('Observation', body).json()['id']}"
    selector = b"f:Observation/f:status/@value"
    xml = b'<diff xmlns:f="http://hl7.org/fhir"><replace sel="' + selector + b'">corrected</replace></diff>'
    for media, change in ((MERGE, b'{"status":"amended"}'), (XML_PATCH, xml)):
        assert b'"value":1.50' in operator.patch(path, change, Content_Type=media).content


def test_patches_are_entries_of_a_transaction(operator: Client) -> None:
    first, second = made(operator)["id"], made(operator)["id"]
    json_patch = {
        "resourceType": "Binary",
        "contentType": JSON_PATCH,
        "data": base64.b64encode(LANGUAGES["JSON Patch"][1]).decode(),
    }
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("PATCH", f"Patient/{first}", REPLACE_ACTIVE),
            entry("PATCH", f"Patient/{second}", json_patch),
        ),
    )
    assert statuses(answer) == ["200", "200"]
    assert [item["resource"]["active"] for item in answer.json()["entry"]] == [False, False]


@pytest.mark.parametrize("name", [["path"], {"a": 1}, None, 1, True])
def test_a_part_whose_name_is_no_text_is_refused_in_words(operator: Client, name: Any) -> None:
    patient = made(operator)
    answer = operator.patch(f"Patient/{patient['id']}", parameters({"name": name, "valueCode": "replace"}))
    assert answer.status_code == 400
    assert "partie inconnue" in issue(answer)["details"]["text"]
