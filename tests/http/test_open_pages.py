"""What needs no token: health, metrics, the API's description; and what settings change about every answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, issue, start, stop

ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def strict(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with settings other than the defaults."""
    running, process = start(
        tmp_path_factory.mktemp("strict"),
        mongod.uri,
        database="strict-tests",
        workers="1",
        cors_origins=ORIGIN,
        rate_limit="30",
        dangling_references="refuse",
        public_url="https://fhir.example.fr",
        delete_referenced="allow",
        unchanged_update="version",
        max_body="100000",
        language="en",
    )
    yield running
    stop(process)


def test_the_description_of_the_api_is_openapi_with_every_declared_route(server: Server) -> None:
    description = requests.get(f"{server.root}/openapi.json", timeout=10).json()
    assert description["openapi"].startswith("3.1")
    assert {"get", "put", "patch", "delete"} <= set(description["paths"]["/fhir/{type}/{id}"])
    assert description["paths"]["/fhir/metadata"]["get"]["security"] == []


def test_metrics_count_answers(server: Server, operator: Client) -> None:
    operator.get("Patient/nobody")
    text = "".join(requests.get(f"{server.root}/metrics", timeout=10).text for _ in range(4))
    assert 'method="GET",status="404"' in text


def test_the_statement_declares_types_interactions_parameters_formats_and_security(operator: Client) -> None:
    statement = operator.get("metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    rest = statement["rest"][0]
    patient = next(item for item in rest["resource"] if item["type"] == "Patient")
    assert {"read", "create", "search-type", "patch"} <= {item["code"] for item in patient["interaction"]}
    assert {"identifier", "name", "_id"} <= {item["name"] for item in patient["searchParam"]}
    assert rest["security"]["service"]
    assert "application/fhir+xml" in statement["format"]
    assert operator.get("metadata?mode=nonsense").status_code == 400


def test_no_origin_may_call_by_default(server: Server) -> None:
    answer = requests.get(f"{server.base}/metadata", headers={"Origin": ORIGIN}, timeout=10)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_an_allowed_origin_gets_its_preflight_without_a_token_and_sees_the_headers(strict: Server) -> None:
    preflight = requests.options(
        f"{strict.base}/Patient",
        headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"},
        timeout=10,
    )
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = requests.get(f"{strict.base}/metadata", headers={"Origin": ORIGIN}, timeout=10)
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    other = requests.get(f"{strict.base}/metadata", headers={"Origin": "https://evil.example"}, timeout=10)
    assert "Access-Control-Allow-Origin" not in other.headers


def test_links_use_the_public_address_of_the_settings(strict: Server) -> None:
    client = Client(strict, strict.token("operator"))
    created = client.post("Patient", {"resourceType": "Patient"})
    assert created.headers["Location"].startswith("https://fhir.example.fr/fhir/Patient/")
    page = client.get("Patient?_count=1").json()
    assert page["link"][0]["url"].startswith("https://fhir.example.fr/fhir/Patient")


def test_a_dangling_reference_is_refused_where_the_setting_says_so(strict: Server) -> None:
    client = Client(strict, strict.token("operator"))
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/nobody"},
    }
    answer = client.post("Observation", body)
    assert answer.status_code == 422
    assert issue(answer)["expression"] == ["Observation.subject.reference"]


def test_an_unchanged_update_makes_a_version_and_the_referred_to_is_deleted_where_settings_say_so(
    strict: Server,
) -> None:
    client = Client(strict, strict.token("operator"))
    patient = client.post("Patient", {"resourceType": "Patient"}).json()
    path = f"Patient/{patient['id']}"
    assert client.put(path, patient).headers["ETag"] == 'W/"2"'
    body = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": path}}
    assert client.post("Basic", body).status_code == 201
    assert client.delete(path).status_code == 204


def test_a_body_beyond_the_setting_is_refused(strict: Server) -> None:
    client = Client(strict, strict.token("operator"))
    assert client.post("Patient", b" " * 100_001).status_code == 413


def test_messages_are_in_the_language_of_the_setting(strict: Server) -> None:
    client = Client(strict, strict.token("operator"))
    assert "is not here" in issue(client.get("Patient/nobody"))["details"]["text"]


def test_too_many_requests_are_answered_429_with_retry_after(strict: Server) -> None:
    client = Client(strict, strict.token("operator", client_id="hasty"))
    with ThreadPoolExecutor(16) as together:
        answers = list(together.map(lambda _: client.get("Patient/nobody"), range(200)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["Retry-After"] == "1"
    assert issue(refused[0])["code"] == "throttled"
