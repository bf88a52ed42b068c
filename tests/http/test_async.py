"""Prefer: respond-async: accepted, looked after, answered, withdrawn; for who asked alone (docs/rest.md)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.http.conftest import Client, Server, issue

ASYNC = "respond-async"
PATIENCE = 120


def ask(client: Client, method: str, path: str = "", body: Any = None, **headers: str) -> str:
    """Send a request to be answered later; return where its state is."""
    accepted = client.send(method, path, body, Prefer=ASYNC, **headers)
    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["Preference-Applied"] == ASYNC
    return accepted.headers["Content-Location"]


def wait(client: Client, place: str) -> requests.Response:
    """Ask until it is done; return the last answer."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        state = client.get(place)
        if state.status_code != 202:
            return state
        assert int(state.headers["Retry-After"]) > 0
        assert state.headers["X-Progress"]
        time.sleep(0.1)
    pytest.fail(f"{place} is not done after {PATIENCE} s")


def outcome_of(client: Client, place: str) -> requests.Response:
    state = wait(client, place)
    assert state.status_code == 200, state.text
    assert state.headers["Content-Type"] == "application/json"
    assert "Expires" in state.headers
    manifest = state.json()
    assert manifest["requiresAccessToken"] is True
    assert manifest["error"] == []
    (output,) = manifest["output"]
    return client.get(output["url"])


def patient(family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}]}


def bundle(kind: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def post(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def test_a_search_is_answered_later_as_it_would_have_been_at_once(operator: Client) -> None:
    operator.post("Patient", patient("Asynchrone"))
    place = ask(operator, "GET", "Patient?name=Asynchrone&_count=1")
    manifest = wait(operator, place).json()
    assert manifest["request"] == f"{operator.base}/Patient?name=Asynchrone&_count=1"
    later = operator.get(manifest["output"][0]["url"]).json()
    at_once = operator.get("Patient?name=Asynchrone&_count=1").json()
    assert later["entry"] == at_once["entry"]
    assert later["link"] == at_once["link"]


@pytest.mark.parametrize("path", ["", "Patient/{id}/Observation", "Patient/{id}/$everything"])
def test_system_compartment_and_everything_are_searched_later_too(operator: Client, path: str) -> None:
    created = operator.post("Patient", patient("Partout")).json()
    asked = path.format(id=created["id"]) or f"?_type=Patient&_id={created['id']}"
    assert outcome_of(operator, ask(operator, "GET", asked)).json()["type"] == "searchset"


def test_a_form_is_searched_later(operator: Client) -> None:
    created = operator.post("Patient", patient("Formulaire")).json()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    found = outcome_of(operator, ask(operator, "POST", "Patient/_search", b"name=Formulaire", **form)).json()
    assert created["id"] in [entry["resource"]["id"] for entry in found["entry"]]


def test_a_transaction_is_done_later_and_answers_its_bundle(operator: Client) -> None:
    sent = bundle(
        "transaction", post(patient("Transaction")), {"request": {"method": "GET", "url": "Patient?_count=1"}}
    )
    done = outcome_of(operator, ask(operator, "POST", "", sent))
    assert done.json()["type"] == "transaction-response"
    assert [entry["response"]["status"] for entry in done.json()["entry"]] == ["201 Created", "200 OK"]
    where = done.json()["entry"][0]["response"]["location"]
    assert operator.get(where).json()["name"] == [{"family": "Transaction"}]


def test_a_batch_is_done_later_each_entry_for_itself(operator: Client) -> None:
    missing = {"request": {"method": "GET", "url": "Patient/nobody"}}
    sent = bundle("batch", post(patient("Lot")), post({"resourceType": "Patient", "gender": "nope"}), missing)
    done = outcome_of(operator, ask(operator, "POST", "", sent)).json()
    assert [entry["response"]["status"][:3] for entry in done["entry"]] == ["201", "422", "404"]


def test_the_result_comes_in_the_format_that_its_reader_accepts(operator: Client) -> None:
    manifest = wait(operator, ask(operator, "GET", "Patient?_count=1")).json()
    answer = operator.get(manifest["output"][0]["url"], Accept="application/fhir+xml")
    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert "<Bundle xmlns=" in answer.text


def test_a_transaction_in_xml_is_taken(operator: Client) -> None:
    body = (
        b'<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource><Basic><code>'
        b'<text value="x"/></code></Basic></resource><request><method value="POST"/><url value="Basic"/></request>'
        b"</entry></Bundle>"
    )
    done = outcome_of(operator, ask(operator, "POST", "", body, Content_Type="application/fhir+xml"))
    assert done.json()["entry"][0]["response"]["status"] == "201 Created"


def test_a_transaction_that_is_refused_tells_it_at_its_state(operator: Client) -> None:
    sent = bundle("transaction", post(patient("Refusée")), post({"resourceType": "Patient", "gender": "nope"}))
    state = wait(operator, ask(operator, "POST", "", sent))
    assert state.status_code == 422
    assert issue(state)["expression"] == ["Bundle.entry[1].resource.gender"]
    assert operator.get("Patient?name=Refusée&_summary=count").json()["total"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "Patient?nonsense=1", None, 400),
        ("GET", "Patient/_search", None, 405),
        ("POST", "", b"{", 400),
        ("POST", "", {"resourceType": "Patient"}, 400),
        ("POST", "", {"resourceType": "Bundle", "type": "collection"}, 400),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [{}]}, 400),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    operator: Client, method: str, path: str, body: Any, status: int
) -> None:
    assert operator.send(method, path, body, Prefer=ASYNC).status_code == status


def test_what_the_caller_may_not_ask_is_refused_at_once(as_role: Callable[[str], Client], operator: Client) -> None:
    patient_role = as_role("patient")
    assert patient_role.get("Practitioner?name=x", Prefer=ASYNC).status_code == 403
    line = {"request": {"method": "DELETE", "url": "Patient/1"}}
    refused = as_role("pharmacist").send("POST", "", bundle("transaction", line), Prefer=ASYNC)
    assert refused.status_code == 403
    assert issue(refused)["expression"] == ["Bundle.entry[0]"]


def test_a_preference_that_is_not_offered_is_ignored(operator: Client) -> None:
    created = operator.post("Patient", patient("Aussitôt"), Prefer=ASYNC)
    assert created.status_code == 201
    assert operator.get(f"Patient/{created.json()['id']}", Prefer=ASYNC).status_code == 200
    assert operator.get("metadata", Prefer=ASYNC).status_code == 200


def test_only_who_asked_knows_of_it(operator: Client, as_role: Callable[[str], Client], anonymous: Client) -> None:
    place = ask(operator, "GET", "Patient?_count=1")
    result = wait(operator, place).json()["output"][0]["url"]
    other = as_role("prescriber")
    for path in (place, result):
        assert other.get(path).status_code == 404
        assert anonymous.get(path).status_code == 401
    assert other.delete(place).status_code == 404
    assert operator.get(result).status_code == 200


def test_a_withdrawn_request_is_gone(operator: Client) -> None:
    place = ask(operator, "GET", "Patient?_count=1")
    result = wait(operator, place).json()["output"][0]["url"]
    assert operator.delete(place).status_code == 202
    for answer in (operator.get(place), operator.get(result), operator.delete(place)):
        assert answer.status_code == 404
        assert issue(answer)["code"] == "not-found"


def test_addresses_of_states_take_no_other_method_and_lead_nowhere_else(operator: Client) -> None:
    place = ask(operator, "GET", "Patient?_count=1")
    assert operator.put(place, {}).status_code == 405
    assert operator.post(f"{place}/result", {}).status_code == 405
    assert operator.get(f"{place}/nowhere").status_code == 404
    assert operator.get("_async/").status_code == 404


def test_one_subject_that_acts_for_several_professionals_tells_none_of_anothers_answers(server: Server) -> None:
    first, second = (Client(server, server.token("pharmacist", rpps=rpps)) for rpps in ("10000582147", "10000582154"))
    place = ask(first, "GET", "Patient?_count=1")
    assert outcome_of(first, place).status_code == 200
    for answer in (second.get(place), second.get(f"{place}/result"), second.delete(place)):
        assert answer.status_code == 404
