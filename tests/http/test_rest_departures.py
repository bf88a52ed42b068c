"""Where other servers depart from the specification, over HTTP: each departure once, search in test_search_departures.

| departure | test here, or elsewhere |
|---|---|
| a stale If-Match is 409 on PUT and PATCH, ignored on DELETE | `a_stale_if_match_is_412` |
| a body id that differs from the conditionally found one is taken | `a_conditional_update_of_another_id` |
| a body id with no match creates another resource | `a_conditional_update_with_an_id` |
| a failing GET of a transaction still gives 200 | `a_failing_get_fails` |
| entries that write one resource are taken together | `two_entries_that_write_one_resource` |
| links in narratives keep their urn:uuid | `links_in_narratives` |
| one bad code refuses the whole batch | `one_bad_code` |
| JSON of the wrong type is taken and dropped | `json_of_the_wrong_type` |
| XML of a foreign namespace is taken | `xml_of_a_foreign_namespace` |
| 500 on a FHIRPath Patch that adds an unknown element | `adds_an_unknown_element` |
| 500 on a patch that is no Parameters | `a_patch_that_is_no_parameters` |
| 500 on lone surrogates, null bytes, `1e999`, `_has:::`, a form that is not UTF-8 | `never_a_fault` |
| HEAD on a search; Accept with q-values | test_search_departures |
| 415 for text/plain | `text_plain_is_415` |
| `Prefer: handling=lenient` | `handling_decides` |
| `_elements` that keeps what is mandatory | test_search_departures, and here on a read |
| `lastModified` in history entries | `history_entries_tell_when` |
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue
from tests.http.test_bundles import bundle, entry, observation, statuses, unique, urn

MERGE = "application/merge-patch+json"


def patient(name: str = "", **more: Any) -> dict[str, Any]:
    identifier = {"identifier": [{"system": "urn:tests", "value": name}]} if name else {}
    return {"resourceType": "Patient", "active": True, **identifier, **more}


def operation(**parts: Any) -> dict[str, Any]:
    """Return a FHIRPath Patch of one operation."""
    listed = [{"name": name, f"value{kind}": value} for name, (kind, value) in parts.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": listed}]}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_if_match_is_412_and_changes_nothing(operator: Client, method: str) -> None:
    identity = operator.post("Patient", patient()).json()["id"]
    path = f"Patient/{identity}"
    operator.put(path, patient(id=identity, language="fr"))
    bodies: dict[str, Any] = {"PUT": patient(id=identity, language="en"), "PATCH": b'{"language":"en"}'}
    headers = {"Content_Type": MERGE} if method == "PATCH" else {}
    answer = operator.send(method, path, bodies.get(method), If_Match='W/"1"', **headers)
    assert (answer.status_code, answer.headers["ETag"]) == (412, 'W/"2"')
    assert operator.get(path).json()["language"] == "fr"


def test_a_conditional_update_of_another_id_than_the_match_is_refused(operator: Client) -> None:
    name = secrets.token_hex(8)
    identity = operator.post("Patient", patient(name)).json()["id"]
    answer = operator.put(f"Patient?identifier=urn:tests|{name}", patient(name, id=unique()))
    assert answer.status_code == 400
    assert operator.get(f"Patient/{identity}").headers["ETag"] == 'W/"1"'


def test_a_conditional_update_with_an_id_and_no_match_creates_under_that_id_alone(operator: Client) -> None:
    name, identity = secrets.token_hex(8), unique()
    answer = operator.put(f"Patient?identifier=urn:tests|{name}", patient(name, id=identity))
    assert (answer.status_code, answer.json()["id"]) == (201, identity)
    assert operator.get(f"Patient?identifier=urn:tests|{name}").json()["total"] == 1


def test_a_failing_get_fails_the_transaction(operator: Client) -> None:
    identity = unique()
    answer = operator.post(
        "",
        bundle(
            "transaction", entry("PUT", f"Patient/{identity}", patient(id=identity)), entry("GET", "Patient/nobody")
        ),
    )
    assert answer.status_code == 404
    assert operator.get(f"Patient/{identity}").status_code == 404


@pytest.mark.parametrize("pair", ["DELETE and PUT", "conditional PUT and PUT", "conditional DELETE and PATCH"])
def test_two_entries_that_write_one_resource_refuse_the_transaction(operator: Client, pair: str) -> None:
    name, identity = secrets.token_hex(8), unique()
    operator.put(f"Patient/{identity}", patient(name, id=identity))
    query, path = f"Patient?identifier=urn:tests|{name}", f"Patient/{identity}"
    changed = patient(name, id=identity, active=False)
    entries = {
        "DELETE and PUT": (entry("DELETE", path), entry("PUT", path, changed)),
        "conditional PUT and PUT": (entry("PUT", query, changed), entry("PUT", path, changed)),
        "conditional DELETE and PATCH": (
            entry("DELETE", query),
            entry("PATCH", path, operation(type=("Code", "delete"), path=("String", "Patient.active"))),
        ),
    }[pair]
    answer = operator.post("", bundle("transaction", *entries))
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[1]"]
    assert operator.get(path).headers["ETag"] == 'W/"1"'


def test_links_in_narratives_lead_to_what_the_transaction_made(operator: Client) -> None:
    who = urn()
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{who}">p</a><img src="{who}#i" alt="i"/></div>'
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("POST", "Patient", patient(), fullUrl=who),
            entry("POST", "Observation", observation(text={"status": "generated", "div": div})),
        ),
    )
    made, told = (each["resource"] for each in answer.json()["entry"])
    assert f'href="Patient/{made["id"]}"' in told["text"]["div"]
    assert f'src="Patient/{made["id"]}#i"' in told["text"]["div"]


def test_one_bad_code_refuses_its_entry_of_a_batch_alone(operator: Client) -> None:
    answer = operator.post(
        "", bundle("batch", entry("POST", "Patient", patient(gender="nonsense")), entry("POST", "Patient", patient()))
    )
    assert statuses(answer) == ["422", "201"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": {"family": "x"}},
        {"maritalStatus": [{"text": "x"}]},
        {"gender": {"a": 1}},
        {"name": [["x"]]},
        {"active": 1},
    ],
)
def test_json_of_the_wrong_type_is_refused_and_nothing_dropped(operator: Client, wrong: dict[str, Any]) -> None:
    answer = operator.post("Patient", {**patient(), **wrong})
    assert answer.status_code == 400
    assert issue(answer)["expression"][0].startswith(f"Patient.{next(iter(wrong))}")


@pytest.mark.parametrize(
    "body",
    [
        b'<Patient xmlns="urn:other"><active value="true"/></Patient>',
        b"<Patient><active value='true'/></Patient>",
        b'<Patient xmlns="http://hl7.org/fhir"><o:active xmlns:o="urn:other" value="true"/></Patient>',
    ],
)
def test_xml_of_a_foreign_namespace_is_refused(operator: Client, body: bytes) -> None:
    assert operator.post("Patient", body, Content_Type="application/fhir+xml").status_code == 400


def test_a_fhirpath_patch_that_adds_an_unknown_element_is_refused(operator: Client) -> None:
    path = f"Patient/{operator.post('Patient', patient()).json()['id']}"
    change = operation(
        type=("Code", "add"), path=("String", "Patient"), name=("String", "nonsense"), value=("String", "x")
    )
    answer = operator.patch(path, change)
    assert answer.status_code in (400, 422)
    assert issue(answer)["details"]["text"]
    assert operator.get(path).headers["ETag"] == 'W/"1"'


def test_a_patch_that_leaves_its_resource_is_refused(operator: Client) -> None:
    other = f"Patient/{operator.post('Patient', patient()).json()['id']}"
    path = f"Observation/{operator.post('Observation', observation(subject={'reference': other})).json()['id']}"
    change = operation(
        type=("Code", "replace"), path=("String", "Observation.subject.resolve().active"), value=("Boolean", False)
    )
    assert operator.patch(path, change).status_code in (400, 422)
    assert operator.get(other).headers["ETag"] == 'W/"1"'


@pytest.mark.parametrize("body", [{"resourceType": "Patient"}, {"resourceType": "Bundle", "type": "batch"}, {"a": 1}])
def test_a_patch_that_is_no_parameters_is_refused(operator: Client, body: dict[str, Any]) -> None:
    path = f"Patient/{operator.post('Patient', patient()).json()['id']}"
    assert operator.patch(path, body).status_code == 400


FAULTS = {
    "a lone surrogate": ("POST", "Patient", b'{"resourceType":"Patient","gender":"\\ud800"}', "application/fhir+json"),
    "a null byte in a query": ("GET", "Patient?name=a%00b", None, ""),
    "1e999": ("POST", "Observation", b'{"resourceType":"Observation","valueQuantity":{"value":1e999}}', "text/json"),
    "a chain without names": ("GET", "Patient?_has:::=x", None, ""),
    "a form that is not UTF-8": ("POST", "Patient/_search", b"name=\xff", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize(("method", "path", "body", "media"), FAULTS.values(), ids=FAULTS)
def test_what_others_answer_by_500_is_a_400_here_never_a_fault(
    operator: Client, method: str, path: str, body: bytes | None, media: str
) -> None:
    answer = operator.send(method, path, body, **({"Content_Type": media} if media else {}))
    assert answer.status_code == 400
    assert issue(answer)["details"]["text"]


def test_text_plain_is_415(operator: Client) -> None:
    assert operator.post("Patient", b"hello", Content_Type="text/plain").status_code == 415


def test_handling_decides_whether_an_unknown_parameter_is_refused(operator: Client) -> None:
    for prefer, status in (("handling=strict", 400), ("handling=lenient", 200), ("return=minimal", 400)):
        assert operator.get("Patient?nonsense=1&_count=1", Prefer=prefer).status_code == status


def test_elements_of_a_read_keep_what_is_mandatory(operator: Client) -> None:
    path = f"Observation/{operator.post('Observation', observation(note=[{'text': 'x'}])).json()['id']}"
    part = operator.get(f"{path}?_elements=note").json()
    assert {"status", "code", "note"} <= set(part)


def test_history_entries_tell_when(operator: Client) -> None:
    created = operator.post("Patient", patient())
    history = operator.get(f"Patient/{created.json()['id']}/_history").json()
    assert history["entry"][0]["response"]["lastModified"] == created.json()["meta"]["lastUpdated"]
