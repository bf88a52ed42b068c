"""read, vread, create, update, delete over HTTP."""

from __future__ import annotations

import secrets
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.http.conftest import Client


def observation(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "poids"},
        "valueQuantity": {"value": 1.5, "unit": "kg"},
        **more,
    }


def unique() -> str:
    return f"t-{secrets.token_hex(8)}"


def test_a_created_resource_answers_201_with_location_etag_and_the_stored_body(operator: Client) -> None:
    answer = operator.post("Observation", observation())
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{operator.base}/Observation/{body['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert body["meta"]["versionId"] == "1"
    seconds = body["meta"]["lastUpdated"][:19]
    assert parsedate_to_datetime(answer.headers["Last-Modified"]).isoformat()[:19] == seconds


def test_a_read_gives_back_what_was_created(operator: Client) -> None:
    created = operator.post("Observation", observation())
    read = operator.get(f"Observation/{created.json()['id']}")
    assert read.status_code == 200
    assert read.content == created.content
    assert read.headers["Content-Type"] == "application/fhir+json; charset=utf-8"
    assert read.headers["X-Content-Type-Options"] == "nosniff"


def test_decimals_keep_their_digits(operator: Client) -> None:
    text = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    created = operator.post("Observation", text)
    assert created.status_code == 201
    assert b'"value":1.50}' in operator.get(f"Observation/{created.json()['id']}").content


def test_an_id_sent_with_a_create_is_not_taken(operator: Client) -> None:
    created = operator.post("Observation", observation(id="mine"))
    assert created.status_code == 201
    assert created.json()["id"] != "mine"


def test_tags_profiles_and_security_of_meta_are_kept_and_version_and_time_are_the_servers(operator: Client) -> None:
    meta = {"versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"system": "urn:x", "code": "y"}]}
    body = operator.post("Observation", observation(meta=meta)).json()
    assert body["meta"]["tag"] == meta["tag"]
    assert body["meta"]["versionId"] == "1"
    assert body["meta"]["lastUpdated"] > "2020"


def test_an_update_makes_the_next_version_and_vread_keeps_the_first(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    second = operator.put(f"Observation/{first['id']}", {**first, "status": "amended"})
    assert second.status_code == 200
    assert second.headers["ETag"] == 'W/"2"'
    assert operator.get(f"Observation/{first['id']}/_history/1").json() == first
    assert operator.get(f"Observation/{first['id']}/_history/2").json()["status"] == "amended"
    assert operator.get(f"Observation/{first['id']}/_history/3").status_code == 404
    assert operator.get(f"Observation/{first['id']}/_history/abc").status_code == 404


def test_an_update_that_changes_nothing_makes_no_version(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    again = operator.put(f"Observation/{first['id']}", observation(id=first["id"]))
    assert (again.status_code, again.headers["ETag"]) == (200, 'W/"1"')


def test_an_update_of_an_unknown_id_creates_it(operator: Client) -> None:
    name = unique()
    answer = operator.put(f"Observation/{name}", observation(id=name))
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(f"/Observation/{name}/_history/1")


@pytest.mark.parametrize("body", [observation(), observation(id="other")])
def test_an_update_whose_body_names_another_id_is_refused(operator: Client, body: dict[str, Any]) -> None:
    answer = operator.put(f"Observation/{unique()}", body)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["Observation.id"]


def test_a_deleted_resource_is_gone_and_an_update_restores_it_with_201(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    path = f"Observation/{first['id']}"
    assert operator.delete(path).status_code == 204
    gone = operator.get(path)
    assert gone.status_code == 410
    assert gone.headers["ETag"] == 'W/"2"'
    assert operator.get(f"{path}/_history/2").status_code == 410
    assert operator.get(f"{path}/_history/1").status_code == 200
    assert operator.delete(path).status_code == 204
    restored = operator.put(path, observation(id=first["id"]))
    assert (restored.status_code, restored.headers["ETag"]) == (201, 'W/"3"')


def test_deleting_what_never_was_succeeds_and_leaves_no_trace(operator: Client) -> None:
    path = f"Observation/{unique()}"
    assert operator.delete(path).status_code == 204
    assert operator.get(path).status_code == 404


def test_a_stale_if_match_is_refused_with_the_current_version(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    path = f"Observation/{first['id']}"
    changed = {**first, "status": "amended"}
    assert operator.put(path, changed, If_Match='W/"1"').status_code == 200
    for answer in (
        operator.put(path, {**first, "status": "corrected"}, If_Match='W/"1"'),
        operator.delete(path, If_Match='W/"1"'),
    ):
        assert answer.status_code == 412
        assert answer.headers["ETag"] == 'W/"2"'
    assert operator.delete(path, If_Match="2").status_code == 204


def test_if_none_match_star_lets_an_update_only_create(operator: Client) -> None:
    name = unique()
    assert operator.put(f"Observation/{name}", observation(id=name), If_None_Match="*").status_code == 201
    again = operator.put(f"Observation/{name}", observation(id=name, status="amended"), If_None_Match="*")
    assert again.status_code == 412


def test_a_conditional_read_answers_304_when_the_client_has_the_version(operator: Client) -> None:
    created = operator.post("Observation", observation())
    path = f"Observation/{created.json()['id']}"
    same = operator.get(path, If_None_Match='W/"1"')
    assert (same.status_code, same.content) == (304, b"")
    assert operator.get(path, If_None_Match='W/"2"').status_code == 200
    assert operator.get(path, If_Modified_Since=created.headers["Last-Modified"]).status_code == 304
    assert operator.get(path, If_Modified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status_code == 200


def test_head_answers_like_a_read_without_a_body(operator: Client) -> None:
    path = f"Observation/{operator.post('Observation', observation()).json()['id']}"
    head, read = operator.send("HEAD", path), operator.get(path)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["ETag"] == read.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(read.content))


def test_prefer_chooses_what_a_write_returns(operator: Client) -> None:
    minimal = operator.post("Observation", observation(), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["Location"]
    told = operator.post("Observation", observation(), Prefer="return=OperationOutcome")
    assert told.json()["resourceType"] == "OperationOutcome"
    full = operator.post("Observation", observation(), Prefer="return=representation")
    assert full.json()["resourceType"] == "Observation"


def test_a_dangling_reference_is_stored_and_told_as_a_warning(operator: Client) -> None:
    body = observation(subject={"reference": "Patient/nobody-here"})
    told = operator.post("Observation", body, Prefer="return=OperationOutcome")
    assert told.status_code == 201
    warnings = [item for item in told.json()["issue"] if item["severity"] == "warning"]
    assert ["Observation.subject.reference"] in [item.get("expression") for item in warnings]


def test_elements_and_summary_cut_a_read_down_and_say_so(operator: Client) -> None:
    path = f"Observation/{operator.post('Observation', observation(note=[{'text': 'x'}])).json()['id']}"
    part = operator.get(f"{path}?_elements=valueQuantity").json()
    assert set(part) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert part["meta"]["tag"][0]["code"] == "SUBSETTED"
    summary = operator.get(f"{path}?_summary=true").json()
    assert "note" not in summary
    assert "valueQuantity" in summary
    assert operator.get(f"{path}?_summary=nonsense").status_code == 400
