"""history and search over HTTP: their Bundles, links and parameters."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


def tag() -> dict[str, Any]:
    return {"tag": [{"system": "urn:tests", "code": secrets.token_hex(8)}]}


def follow(client: Client, path: str) -> list[dict[str, Any]]:
    """Return the entries of all pages."""
    entries: list[dict[str, Any]] = []
    url: str | None = path
    while url:
        page = client.get(url)
        assert page.status_code == 200, page.text
        entries += page.json().get("entry", [])
        url = next((link["url"] for link in page.json()["link"] if link["relation"] == "next"), None)
    return entries


def test_the_history_of_an_instance_tells_every_version_newest_first(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    path = f"Observation/{first['id']}"
    operator.put(path, {**first, "status": "amended"})
    operator.delete(path)
    history = operator.get(f"{path}/_history").json()
    assert history["type"] == "history"
    assert history["total"] == 3
    assert history["meta"]["lastUpdated"]
    deleted, updated, created = history["entry"]
    assert "resource" not in deleted
    assert deleted["request"] == {"method": "DELETE", "url": path}
    assert deleted["response"]["status"] == "204 No Content"
    assert updated["request"] == {"method": "PUT", "url": path}
    assert created["request"] == {"method": "POST", "url": "Observation"}
    assert created["response"] | {"lastModified": ""} == {"status": "201 Created", "etag": 'W/"1"', "lastModified": ""}
    assert created["resource"] == first


def test_history_is_paged_without_loss(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    for number in range(7):
        operator.put(f"Observation/{first['id']}", observation(id=first["id"], code={"text": str(number)}))
    entries = follow(operator, f"Observation/{first['id']}/_history?_count=3")
    assert [entry["resource"]["meta"]["versionId"] for entry in entries] == list("87654321")


def test_since_gives_only_what_came_later(operator: Client) -> None:
    first = operator.post("Observation", observation()).json()
    path = f"Observation/{first['id']}"
    seen = operator.get(f"{path}/_history").json()["meta"]["lastUpdated"]
    operator.put(path, {**first, "status": "amended"})
    later = operator.get(f"{path}/_history?_since={seen}").json()["entry"]
    assert "2" in [entry["resource"]["meta"]["versionId"] for entry in later]
    assert operator.get(f"{path}/_history?_since=2100-01-01").json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "_count=-1",
        "_count=x",
        "_since=yesterday",
        "_at=nonsense",
        "nonsense=1",
        "_page=x",
        "_since=",
        "_count=1&_count=2",
        "_since=2026&_since=2025",
    ],
)
def test_history_refuses_what_it_does_not_understand(operator: Client, query: str) -> None:
    assert operator.get(f"Patient/_history?{query}").status_code == 400


def test_a_lenient_history_does_not_state_what_it_passed_over(operator: Client) -> None:
    told = operator.get("Patient/_history?nonsense=1&_count=1", Prefer="handling=lenient").json()
    assert not [link for link in told["link"] if "nonsense" in link["url"]]


def test_type_and_system_history_are_offered(operator: Client) -> None:
    created = operator.post("Observation", observation()).json()
    for path in ("Observation/_history?_count=5", "_history?_count=5"):
        entries = operator.get(path).json()["entry"]
        assert created["id"] in [entry["resource"]["id"] for entry in entries if "resource" in entry]


def test_what_was_created_is_found_at_once_by_every_first_parameter(operator: Client) -> None:
    meta = tag()
    code = meta["tag"][0]["code"]
    body = {"resourceType": "Patient", "meta": meta, "identifier": [{"system": "urn:x", "value": code}]}
    patient = operator.post("Patient", body).json()["id"]
    made = operator.post(
        "Observation",
        observation(
            identifier=[{"system": "urn:x", "value": code}], subject={"reference": f"Patient/{patient}"}, meta=meta
        ),
    ).json()
    for query in (
        f"_id={made['id']}",
        f"identifier=urn:x|{code}",
        f"identifier={code}",
        f"patient=Patient/{patient}",
        f"patient={patient}&status=final",
        f"subject=Patient/{patient}",
        f"subject={operator.base}/Patient/{patient}",
        f"_tag=urn:tests|{code}",
        f"_tag={code}&_lastUpdated=ge2020-01-01",
        f"patient.identifier=urn:x|{code}",
    ):
        found = operator.get(f"Observation?{query}").json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == [made["id"]], query
        assert found["entry"][0]["search"] == {"mode": "match"}
        assert found["entry"][0]["fullUrl"] == f"{operator.base}/Observation/{made['id']}"
        assert found["entry"][0]["resource"] == made
    assert operator.get(f"Observation?identifier={code}&status=amended").json()["total"] == 0


def test_search_by_form_gives_the_same_and_head_gives_no_body(operator: Client) -> None:
    code = tag()
    operator.post("Observation", observation(meta=code))
    query = f"_tag={code['tag'][0]['code']}"
    form = operator.post(
        "Observation/_search", query.encode(), Content_Type="application/x-www-form-urlencoded; charset=utf-8"
    )
    assert form.json()["total"] == 1
    assert operator.post("Observation/_search", b"{}", Content_Type="application/json").status_code == 415
    latin = operator.post("Observation/_search", b"x=\xff", Content_Type="application/x-www-form-urlencoded")
    assert latin.status_code == 400
    head = operator.send("HEAD", f"Observation?{query}")
    assert (head.status_code, head.content) == (200, b"")


def test_search_pages_follow_next_links_without_loss_or_repetition(operator: Client) -> None:
    meta = tag()
    made = {operator.post("Observation", observation(meta=meta)).json()["id"] for _ in range(11)}
    entries = follow(operator, f"Observation?_tag={meta['tag'][0]['code']}&_count=4")
    ids = [entry["resource"]["id"] for entry in entries]
    assert len(ids) == 11
    assert set(ids) == made


def test_compartments_are_searched(operator: Client) -> None:
    patient = operator.post("Patient", {"resourceType": "Patient"}).json()["id"]
    made = operator.post("Observation", observation(subject={"reference": f"Patient/{patient}"})).json()["id"]
    for path in (
        f"Patient/{patient}/Observation",
        f"Patient/{patient}/*",
        f"Patient/{patient}/Observation?status=final",
    ):
        found = operator.get(path).json()["entry"]
        assert made in [entry["resource"]["id"] for entry in found], path
    assert operator.get(f"Patient/{patient}/Nonsense").status_code == 404
    assert operator.get(f"Patient/{patient}/ValueSet").status_code == 404


def test_an_unknown_parameter_is_refused_or_ignored_with_a_warning_when_lenient(operator: Client) -> None:
    assert operator.get("Observation?nonsense=1").status_code == 400
    lenient = operator.get("Observation?nonsense=1&_count=1", Prefer="handling=lenient")
    assert lenient.status_code == 200
    told = [entry for entry in lenient.json()["entry"] if entry["search"]["mode"] == "outcome"]
    assert told[0]["resource"]["issue"][0]["severity"] == "warning"
    self = next(link["url"] for link in lenient.json()["link"] if link["relation"] == "self")
    assert "nonsense" not in self


@pytest.mark.parametrize(
    "query",
    ["_count=-1", "_summary=nonsense", "status:nonsense=x", "_cursor=forged", "x%00=1", "_has:::=1", "_query=x"],
)
def test_search_refuses_what_it_does_not_understand(operator: Client, query: str) -> None:
    assert operator.get(f"Observation?{query}").status_code == 400


def test_summary_count_gives_the_number_alone(operator: Client) -> None:
    meta = tag()
    for _ in range(3):
        operator.post("Observation", observation(meta=meta))
    found = operator.get(f"Observation?_tag={meta['tag'][0]['code']}&_summary=count").json()
    assert found["total"] == 3
    assert "entry" not in found


def test_a_search_in_a_transaction_sees_what_the_transaction_writes(operator: Client) -> None:
    meta = tag()
    answer = operator.post(
        "",
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"request": {"method": "GET", "url": f"Observation?_tag={meta['tag'][0]['code']}"}},
                {"resource": observation(meta=meta), "request": {"method": "POST", "url": "Observation"}},
            ],
        },
    )
    assert answer.json()["entry"][0]["resource"]["total"] == 1
