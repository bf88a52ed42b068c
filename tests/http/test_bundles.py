"""batch and transaction over HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    full_url = more.pop("fullUrl", None)
    made: dict[str, Any] = {"fullUrl": full_url} if full_url else {}
    if resource is not None:
        made["resource"] = resource
    return {**made, "request": {"method": method, "url": url, **more}}


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "active": True, **more}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


def urn() -> str:
    digits = secrets.token_hex(16)
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def unique() -> str:
    return f"t-{secrets.token_hex(8)}"


def statuses(answer: Any) -> list[str]:
    return [item["response"]["status"][:3] for item in answer.json()["entry"]]


def test_a_transaction_rewrites_references_uris_attachments_and_narrative_links(operator: Client) -> None:
    who, what = urn(), urn()
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{who}#top">p</a> {who}</div>'
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry(
                "POST",
                "Observation",
                observation(
                    subject={"reference": who},
                    text={"status": "generated", "div": narrative},
                    identifier=[{"system": "urn:ietf:rfc:3986", "value": who}],
                    extension=[{"url": "urn:x", "valueUri": f"{who}/_history/1"}],
                ),
                fullUrl=what,
            ),
            entry("POST", "Patient", patient(), fullUrl=who),
        ),
    )
    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction-response"
    assert statuses(answer) == ["201", "201"]
    stored, person = (item["resource"] for item in answer.json()["entry"])
    place = f"Patient/{person['id']}"
    assert stored["subject"]["reference"] == place
    assert f'href="{place}#top"' in stored["text"]["div"]
    assert f"</a> {who}" in stored["text"]["div"]
    assert stored["identifier"][0]["value"] == who
    assert stored["extension"][0]["valueUri"] == f"{place}/_history/1"
    assert operator.get(place).status_code == 200


def test_a_transaction_answers_in_the_order_of_its_entries_whatever_order_it_works_in(operator: Client) -> None:
    old, new = unique(), unique()
    operator.put(f"Patient/{old}", patient(id=old))
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("GET", f"Patient/{new}"),
            entry("PUT", f"Patient/{new}", patient(id=new)),
            entry("POST", "Patient", patient()),
            entry("DELETE", f"Patient/{old}"),
        ),
    )
    assert statuses(answer) == ["200", "201", "201", "204"]
    assert answer.json()["entry"][0]["resource"]["id"] == new
    first = answer.json()["entry"][1]["response"]
    assert first["etag"] == 'W/"1"'
    assert first["location"].endswith(f"/Patient/{new}/_history/1")
    assert first["lastModified"].endswith("Z")


def test_a_refused_transaction_names_the_entry_and_leaves_nothing(operator: Client) -> None:
    name = unique()
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("PUT", f"Patient/{name}", patient(id=name)),
            entry("POST", "Patient", patient()),
            entry("POST", "Observation", {"resourceType": "Observation", "code": {"text": "x"}}),
        ),
    )
    assert answer.status_code == 422
    assert issue(answer)["expression"][0].startswith("Bundle.entry[2].resource")
    assert operator.get(f"Patient/{name}").status_code == 404


def test_a_failing_read_fails_the_transaction(operator: Client) -> None:
    name = unique()
    answer = operator.post(
        "",
        bundle("transaction", entry("PUT", f"Patient/{name}", patient(id=name)), entry("GET", f"Patient/{unique()}")),
    )
    assert answer.status_code == 404
    assert issue(answer)["expression"] == ["Bundle.entry[1]"]
    assert operator.get(f"Patient/{name}").status_code == 404


@pytest.mark.parametrize("second", ["PUT", "DELETE"])
def test_two_entries_that_write_one_resource_are_refused(operator: Client, second: str) -> None:
    name = unique()
    resource = patient(id=name) if second == "PUT" else None
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("PUT", f"Patient/{name}", patient(id=name)),
            entry(second, f"Patient/{name}", resource),
        ),
    )
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[1]"]
    assert operator.get(f"Patient/{name}").status_code == 404


def test_a_urn_that_no_entry_answers_is_refused(operator: Client) -> None:
    answer = operator.post(
        "", bundle("transaction", entry("POST", "Observation", observation(subject={"reference": urn()})))
    )
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Bundle.entry[0].resource.subject.reference"]


def test_if_match_of_an_entry_is_held(operator: Client) -> None:
    name = unique()
    operator.put(f"Patient/{name}", patient(id=name))
    answer = operator.post(
        "", bundle("transaction", entry("PUT", f"Patient/{name}", patient(id=name, active=False), ifMatch='W/"7"'))
    )
    assert answer.status_code == 412
    assert issue(answer)["expression"] == ["Bundle.entry[0]"]


@pytest.mark.parametrize(
    "broken",
    [
        {"resource": {"resourceType": "Patient"}},
        {"request": {"method": "BREW", "url": "Patient"}},
        {"request": {"method": "POST"}},
        {"request": {"method": "PUT", "url": "Patient/1"}},
        {"request": {"method": "POST", "url": "https://elsewhere.example/fhir/Patient"}, "resource": {}},
        entry("POST", "Patient", patient(), ifNonExist="identifier=urn:x|1"),
        entry("POST", "Patient", patient(), ifNoneExist=["identifier=urn:x|1"]),
        entry("GET", "Patient", ifModifiedSince="yesterday"),
        entry("POST", "Patient", patient(), fullUrl=1),
        {**entry("POST", "Patient", patient()), "foo": 1},
        "text",
    ],
)
def test_an_entry_without_a_usable_request_is_refused_with_its_place(operator: Client, broken: Any) -> None:
    answer = operator.post("", bundle("transaction", entry("POST", "Patient", patient()), broken))
    assert answer.status_code == 400
    assert issue(answer)["expression"][0].startswith("Bundle.entry[1]")


def test_a_batch_answers_each_entry_for_itself(operator: Client) -> None:
    answer = operator.post(
        "",
        bundle(
            "batch",
            entry("POST", "Patient", patient()),
            entry("GET", f"Patient/{unique()}"),
            entry("POST", "Patient", {"resourceType": "Patient", "active": "yes"}),
            entry("GET", "Patient/bad id"),
            {"request": {"method": "GET"}},
            entry("GET", "metadata"),
            entry("HEAD", "metadata"),
        ),
    )
    assert answer.status_code == 200
    assert answer.json()["type"] == "batch-response"
    assert statuses(answer) == ["201", "404", "400", "404", "400", "200", "200"]
    assert "resource" not in answer.json()["entry"][6]
    assert answer.json()["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_a_response_names_a_version_once_however_many_entries_answer_with_it(operator: Client) -> None:
    path = f"Patient/{operator.post('Patient', patient()).json()['id']}"
    changed = patient(id=path.split("/")[1], gender="female")
    for kind in ("batch", "transaction"):
        asked = bundle(kind, entry("PUT", path, changed), entry("GET", path), entry("GET", path))
        answered = operator.post("", asked).json()
        assert [item.get("fullUrl") for item in answered["entry"]] == [f"{operator.base}/{path}", None, None]
        checked = operator.post("Bundle/$validate", answered).json()["issue"]
        assert not [found for found in checked if found["severity"] in ("error", "fatal")]


def test_an_entry_that_searches_with_a_resource_is_refused_since_its_criteria_would_be_passed_over(
    operator: Client,
) -> None:
    form = {"resourceType": "Parameters", "parameter": [{"name": "_id", "valueString": "1"}]}
    answer = operator.post("", bundle("batch", entry("POST", "Patient/_search", form)))
    assert statuses(answer) == ["400"]
    assert statuses(operator.post("", bundle("batch", entry("POST", "Patient/_search?_id=1")))) == ["200"]


def test_a_bundle_that_is_neither_batch_nor_transaction_is_refused_at_the_base(operator: Client) -> None:
    assert operator.post("", bundle("document")).status_code == 400
    assert operator.post("", patient()).status_code == 400
    assert operator.post("", {"resourceType": "Bundle", "type": "batch", "entry": {}}).status_code == 400
    assert operator.post("", {"resourceType": "Bundle", "type": "batch", "entries": []}).status_code == 400


def test_an_empty_transaction_succeeds(operator: Client) -> None:
    answer = operator.post("", {"resourceType": "Bundle", "type": "transaction"})
    assert answer.status_code == 200
    assert answer.json() == {"resourceType": "Bundle", "type": "transaction-response"}


def test_the_base_works_with_and_without_a_slash(operator: Client) -> None:
    empty = {"resourceType": "Bundle", "type": "batch"}
    assert operator.post("", empty).status_code == 200
    assert operator.post(f"{operator.base}/", empty).status_code == 200


def test_a_transaction_of_many_entries_works(operator: Client) -> None:
    who = urn()
    entries = [entry("POST", "Patient", patient(), fullUrl=who)]
    entries += [entry("POST", "Observation", observation(subject={"reference": who})) for _ in range(500)]
    answer = operator.post("", bundle("transaction", *entries), Prefer="return=minimal")
    assert answer.status_code == 200
    assert set(statuses(answer)) == {"201"}
    assert all("resource" not in item for item in answer.json()["entry"])
