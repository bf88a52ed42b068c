"""What settings other than the defaults change: behind a proxy, several deleted at once, pages of other origins.

And what a fault of ours is answered, which the server that the other tests share must never have.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from pymongo import MongoClient

from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, start, stop

ORIGIN = "https://app.example"
BEHIND = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "fhir.example.fr", "X-Forwarded-For": "6.6.6.6, 10.0.0.7"}


@pytest.fixture(scope="module")
def chosen(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy that it trusts, which deletes several at once."""
    running, process = start(
        tmp_path_factory.mktemp("chosen"),
        mongod.uri,
        database="chosen-tests",
        workers="1",
        trust_proxy="true",
        conditional_delete="multiple",
        max_bundle_entries="4",
        cors_origins=f"{ORIGIN} https://other.example",
        profile_policy="base",
    )
    yield running
    stop(process)


@pytest.fixture
def client(chosen: Server) -> Client:
    return Client(chosen, chosen.token("operator"))


def patient(name: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:tests", "value": name}]}


def urls(value: Any) -> list[str]:
    """Return all that is called url, fullUrl or location in a JSON value."""
    if isinstance(value, list):
        return [found for item in value for found in urls(item)]
    if not isinstance(value, dict):
        return []
    named = [item for name, item in value.items() if name in ("url", "fullUrl", "location") and isinstance(item, str)]
    return named + [found for item in value.values() for found in urls(item)]


def test_behind_a_trusted_proxy_every_link_carries_the_address_that_clients_use(client: Client) -> None:
    public = "https://fhir.example.fr/fhir/"
    name = secrets.token_hex(8)
    sent = {key.replace("-", "_"): value for key, value in BEHIND.items()}
    for _ in range(3):
        assert client.post("Patient", patient(name), **sent).headers["Location"].startswith(public)
    page = client.get(f"Patient?identifier=urn:tests|{name}&_count=2", **sent).json()
    assert {link["relation"] for link in page["link"]} == {"self", "next"}
    history = client.get("Patient/_history?_count=2", **sent).json()
    entries = [{"resource": patient("other"), "request": {"method": "POST", "url": "Patient"}}]
    batch = client.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}, **sent).json()
    for answer in (page, [link["url"] for link in history["link"]], batch["entry"][0]["response"]):
        assert all(url.startswith(public) for url in urls(answer))
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    mine = following.replace(public, f"{client.base}/")
    assert len(client.get(mine, **sent).json()["entry"]) == 1


def test_the_address_in_the_audit_is_what_the_trusted_proxy_saw(
    mongod: LocalMongod, chosen: Server, client: Client
) -> None:
    name = secrets.token_hex(8)
    sent = {key.replace("-", "_"): value for key, value in BEHIND.items()}
    client.get("Patient/nobody-by-proxy", X_Request_Id=name, **sent)
    created = client.post("Patient", patient(name), **sent).json()
    with MongoClient[dict[str, Any]](mongod.uri) as mongo:
        written = mongo["chosen-tests"]["resources"].find_one({"i": created["id"]})
    assert written is not None
    assert written["w"]["where"]["address"] == "10.0.0.7"


def test_forwarded_headers_are_nothing_where_no_proxy_is_trusted(operator: Client) -> None:
    sent = {key.replace("-", "_"): value for key, value in BEHIND.items()}
    created = operator.post("Patient", patient(secrets.token_hex(8)), **sent)
    assert created.headers["Location"].startswith(f"{operator.base}/Patient/")
    page = operator.get("Patient?_count=1", **sent).json()
    assert all(url.startswith(operator.base) for url in urls(page["link"]))


@pytest.mark.parametrize("host", ["evil/x", 'a"b', "a b", ""])
def test_a_forwarded_host_that_is_none_is_refused(client: Client, host: str) -> None:
    answer = client.get("Patient/nobody", X_Forwarded_Host=host)
    assert answer.status_code == (404 if not host.strip() else 400)


def test_a_conditional_delete_deletes_all_that_its_criteria_select_or_none(client: Client) -> None:
    name = secrets.token_hex(8)
    made = [client.post("Patient", patient(name)).json()["id"] for _ in range(3)]
    observed = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{made[1]}"},
    }
    held = client.post("Observation", observed).json()["id"]
    assert client.delete(f"Patient?identifier=urn:tests|{name}").status_code == 409
    assert [client.get(f"Patient/{identity}").status_code for identity in made] == [200] * 3
    client.delete(f"Observation/{held}")
    assert client.delete(f"Patient?identifier=urn:tests|{name}").status_code == 204
    assert [client.get(f"Patient/{identity}").status_code for identity in made] == [410] * 3
    statement = client.get("metadata").json()["rest"][0]["resource"]
    assert {each["conditionalDelete"] for each in statement} == {"multiple"}


def test_a_conditional_delete_of_more_than_one_commit_holds_deletes_nothing(client: Client) -> None:
    name = secrets.token_hex(8)
    made = [client.post("Patient", patient(name)).json()["id"] for _ in range(5)]
    refused = client.delete(f"Patient?identifier=urn:tests|{name}")
    assert refused.status_code == 412
    assert "4" in refused.json()["issue"][0]["details"]["text"]
    assert [client.get(f"Patient/{identity}").status_code for identity in made] == [200] * 5


def test_a_conditional_delete_takes_together_what_refers_to_one_another(client: Client) -> None:
    name = secrets.token_hex(8)
    members: list[str] = []
    for _ in range(3):
        observed = {
            "resourceType": "Observation",
            "status": "final",
            "identifier": [{"system": "urn:tests", "value": name}],
            "code": {"text": "x"},
            **({"hasMember": [{"reference": f"Observation/{members[-1]}"}]} if members else {}),
        }
        members.append(client.post("Observation", observed).json()["id"])
    assert client.delete(f"Observation?identifier=urn:tests|{name}").status_code == 204
    assert [client.get(f"Observation/{identity}").status_code for identity in members] == [410] * 3


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["", "/Patient", "/Patient/1", "/_history", "/Patient/1/$everything"])
def test_a_preflight_is_answered_without_a_token_on_every_address(chosen: Server, path: str, method: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, if-match, prefer",
    }
    answer = requests.options(f"{chosen.base}{path}", headers=asked, timeout=10)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "if-match", "if-none-exist", "prefer"))


def test_a_page_of_an_allowed_origin_sees_what_a_client_needs_on_success_and_on_failure(client: Client) -> None:
    created = client.post("Patient", patient(secrets.token_hex(8)), Origin=ORIGIN)
    for answer in (created, client.get("Patient/nobody", Origin=ORIGIN)):
        exposed = answer.headers["Access-Control-Expose-Headers"]
        assert all(name in exposed for name in ("ETag", "Location", "Content-Location", "Last-Modified"))
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_another_origin_is_told_nothing(chosen: Server) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = requests.options(f"{chosen.base}/Patient", headers=asked, timeout=10)
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("accept", ["application/fhir+xml", "application/fhir+json; q=0.1, application/fhir+xml"])
def test_a_fault_of_ours_is_a_500_that_tells_nothing_but_where_it_is_in_the_log(
    mongod: LocalMongod, chosen: Server, client: Client, accept: str
) -> None:
    created = client.post("Patient", patient(secrets.token_hex(8))).json()
    with MongoClient[dict[str, Any]](mongod.uri) as mongo:
        # no version is without its moment: whoever took it away, it is no client's fault
        mongo["chosen-tests"]["resources"].update_one({"i": created["id"]}, {"$unset": {"u": True}})
    name = secrets.token_hex(8)
    answer = client.get(f"Patient/{created['id']}", Accept=accept, X_Request_Id=name)
    assert answer.status_code == 500
    assert (answer.headers["Content-Type"], answer.headers["X-Request-Id"]) == (
        "application/fhir+xml; charset=utf-8",
        name,
    )
    assert answer.content.count(b"<issue>") == 1
    assert not any(told in answer.text for told in ("Traceback", ".py", "KeyError"))
    assert f"request {name} failed" in chosen.log.read_text()
