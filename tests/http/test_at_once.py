"""Many at the same moment, each on a connection of its own, against several server processes."""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.http.conftest import FHIR, Client, Server
from tests.http.test_bundles import bundle, entry

pytestmark = pytest.mark.long("sends a thousand requests at once")

Ask = tuple[str, str, dict[str, Any] | None, dict[str, str]]
"""Method, path below the base, body, headers."""
Told = tuple[int, dict[str, str], Any]
"""Status, headers, body."""


def at_once(server: Server, asks: list[Ask]) -> list[Told]:
    """Send all requests at the same moment; return the answers in their order."""
    address = urlsplit(server.base)
    token = server.token("operator")
    gate = threading.Barrier(len(asks))
    told: list[Told | None] = [None] * len(asks)

    def send(at: int, ask: Ask) -> None:
        method, path, body, headers = ask
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=90)
        connection.connect()
        gate.wait()
        given = {"Authorization": f"Bearer {token}", "Content-Type": FHIR, **headers}
        connection.request(method, f"{address.path}/{path}", json.dumps(body) if body else None, given)
        answer = connection.getresponse()
        content = answer.read()
        told[at] = (answer.status, dict(answer.getheaders()), json.loads(content) if content else None)
        connection.close()

    threads = [threading.Thread(target=send, args=(at, ask)) for at, ask in enumerate(asks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in told, "a connection broke"
    return [each for each in told if each is not None]


def patient(name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:tests", "value": name}], **more}


def count(told: list[Told]) -> Counter[int]:
    return Counter(status for status, _, _ in told)


def test_a_thousand_conditional_creates_of_one_identifier_make_one_resource(server: Server, operator: Client) -> None:
    name = secrets.token_hex(8)
    asks: list[Ask] = [("POST", "Patient", patient(name), {"If-None-Exist": f"identifier=urn:tests|{name}"})] * 1000
    told = at_once(server, asks)
    assert count(told) == {201: 1, 200: 999}
    assert len({body["id"] for _, _, body in told}) == 1
    assert operator.get(f"Patient?identifier=urn:tests|{name}").json()["total"] == 1


WAYS: dict[str, Callable[[str], Ask]] = {
    "a create": lambda name: ("POST", "Patient", patient(name), {"If-None-Exist": f"identifier=urn:tests|{name}"}),
    "an update": lambda name: ("PUT", f"Patient?identifier=urn:tests%7C{name}", patient(name), {}),
    "a transaction": lambda name: (
        "POST", "", bundle("transaction", entry("POST", "Patient", patient(name),
                                                ifNoneExist=f"identifier=urn:tests|{name}")), {},
    ),
    "a batch": lambda name: (
        "POST", "", bundle("batch", entry("POST", "Patient", patient(name),
                                          ifNoneExist=f"identifier=urn:tests|{name}")), {},
    ),
}  # fmt: skip


def test_conditional_creates_and_updates_in_all_their_ways_make_one_resource_together(
    server: Server, operator: Client
) -> None:
    name = secrets.token_hex(8)
    told = at_once(server, [make(name) for _ in range(25) for make in WAYS.values()])
    assert set(count(told)) <= {200, 201}
    entries = [body["entry"][0]["response"]["status"] for _, _, body in told if body["resourceType"] == "Bundle"]
    assert {status[:3] for status in entries} <= {"200", "201"}
    assert operator.get(f"Patient?identifier=urn:tests|{name}").json()["total"] == 1


def test_two_hundred_updates_of_one_resource_all_succeed_and_no_version_is_lost_or_doubled(
    server: Server, operator: Client
) -> None:
    identity = operator.post("Patient", patient("first")).json()["id"]
    asks: list[Ask] = [
        ("PUT", f"Patient/{identity}", patient(f"v{at}", id=identity), {}) for at in range(200)
    ]  # fmt: skip
    told = at_once(server, asks)
    assert count(told) == {200: 200}
    assert sorted(body["meta"]["versionId"] for _, _, body in told) == sorted(str(at) for at in range(2, 202))
    history = operator.get(f"Patient/{identity}/_history?_count=300").json()["entry"]
    assert [each["resource"]["meta"]["versionId"] for each in history] == [str(at) for at in range(201, 0, -1)]
    values = {each["resource"]["identifier"][0]["value"] for each in history}
    assert values == {"first", *(f"v{at}" for at in range(200))}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_with_if_match_exactly_one_succeeds_a_round(server: Server, operator: Client, method: str) -> None:
    identity = operator.post("Patient", patient("first")).json()["id"]
    current = 1
    for _ in range(1 if method == "DELETE" else 2):
        asks: list[Ask] = []
        for _ in range(200 if method == "PUT" else 50):
            value = secrets.token_hex(4)
            body = patient(value, id=identity) if method == "PUT" else {"language": f"x-{value}"}
            headers = {"If-Match": f'W/"{current}"'}
            if method == "PATCH":
                headers["Content-Type"] = "application/merge-patch+json"
            asks.append((method, f"Patient/{identity}", None if method == "DELETE" else body, headers))
        told = at_once(server, asks)
        done = 204 if method == "DELETE" else 200
        assert count(told) == {done: 1, 412: len(asks) - 1}
        current += 1
        refused = next(headers for status, headers, _ in told if status == 412)
        assert {name.lower(): value for name, value in refused.items()}["etag"] == f'W/"{current}"'


def test_creates_updates_and_deletes_that_meet_leave_one_line_of_versions(server: Server, operator: Client) -> None:
    identity = f"t-{secrets.token_hex(8)}"
    asks: list[Ask] = []
    for at in range(60):
        asks.append(("PUT", f"Patient/{identity}", patient(f"v{at}", id=identity), {}))
        if at % 3 == 0:
            asks.append(("DELETE", f"Patient/{identity}", None, {}))
    told = at_once(server, asks)
    assert set(count(told)) <= {200, 201, 204}
    versions = [
        each["response"]["etag"] for each in operator.get(f"Patient/{identity}/_history?_count=200").json()["entry"]
    ]
    assert versions == [f'W/"{at}"' for at in range(len(versions), 0, -1)]
