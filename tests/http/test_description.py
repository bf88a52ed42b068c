"""The description of the API is true: each of its examples is sent to a live server and answered as declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
import requests

from fhirserver.wire.description.examples import STATE
from tests.http.conftest import Client, Server

MAIN = ("Patient", "MedicationRequest", "DocumentReference", "Observation", "Task")


class Example(NamedTuple):
    """One request of the description, with what it may be answered."""

    name: str
    method: str
    url: str
    media: str | None
    body: bytes | None
    declared: frozenset[int]
    succeeds: bool


def read(server: Server, kind: str = "") -> dict[str, Any]:
    answer = requests.get(f"{server.root}/openapi.json", params={"type": kind} if kind else {}, timeout=60)
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


def examples(description: dict[str, Any]) -> Iterator[Example]:
    for path, item in description["paths"].items():
        for method, operation in item.items():
            name = operation["operationId"]
            given = {one["name"]: one["example"] for one in operation.get("parameters", ()) if "example" in one}
            url = path
            for one in operation.get("parameters", ()):
                if one["in"] == "path":
                    url = url.replace(f"{{{one['name']}}}", given[one["name"]])
            queried = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            query = {one: given[one] for one in queried if one in given}
            url += f"?{urlencode(query)}" if query else ""
            declared = frozenset(map(int, operation["responses"]))
            succeeds = name.partition("$")[2].removesuffix("-get") not in STATE and "async" not in name
            content = operation.get("requestBody", {}).get("content", {})
            bodies = [
                (media, json.dumps(one["value"]) if "json" in media else one["value"])
                for media, shape in content.items()
                for one in shape.get("examples", {}).values()
            ]
            for media, body in bodies or [(None, None)]:
                yield Example(name, method.upper(), url, media, body and body.encode(), declared, succeeds)


def test_each_example_is_answered_as_declared(server: Server, operator: Client) -> None:
    seen = list(examples(read(server)))
    assert len(seen) > 80
    faults = []
    # what the example of a transaction stores, the others speak of
    for example in sorted(seen, key=lambda one: (one.name != "transaction", one.method == "DELETE")):
        headers = {"Content_Type": example.media} if example.media else {}
        answer = operator.send(example.method, server.root + example.url, example.body, **headers)
        wrong = answer.status_code not in example.declared or (example.succeeds and answer.status_code >= 400)
        if wrong:
            faults.append((example.name, example.media, answer.status_code, answer.text[:300]))
    assert not faults, "\n".join(map(str, faults))


@pytest.mark.wasteful("its examples search whole types by time, and other tests write these too")
@pytest.mark.parametrize("kind", MAIN)
def test_one_type_is_described_with_its_own_search_parameters_and_operations(
    server: Server, operator: Client, kind: str
) -> None:
    described = read(server, kind)
    assert not [path for path in described["paths"] if "{type}" in path]
    typed = [path for path in described["paths"] if path.startswith("/fhir/") and path[6:7].isupper()]
    others = [path for path in typed if not path.startswith(f"/fhir/{kind}")]
    assert others == []
    search = described["paths"][f"/fhir/{kind}"]["get"]
    names = {one["name"] for one in search["parameters"] if one["in"] == "query"}
    statement = operator.get("metadata").json()
    declared = next(one for one in statement["rest"][0]["resource"] if one["type"] == kind)
    assert {one["name"] for one in declared["searchParam"]} <= names
    for one in search["parameters"]:
        values = one["schema"].get("examples", [])
        if one["in"] == "query" and values:
            answer = operator.get(f"{kind}?{one['name']}={values[0]}&_count=1")
            assert answer.status_code == 200, (one["name"], answer.text)


def test_what_it_says_of_answers_tokens_and_work_answered_later(server: Server) -> None:
    described = read(server)
    assert described["openapi"].startswith("3.1")
    assert described["security"] == [{"bearer": []}]
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    tags = {tag["name"] for tag in described["tags"]}
    names = set()
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], path
            assert set(operation["tags"]) <= tags
            names.add(operation["operationId"])
            if path.startswith("/fhir") and path != "/fhir/metadata":
                assert {"401", "403", "429", "503"} <= set(operation["responses"]), (path, method)
    assert len(names) == sum(len(item) for item in described["paths"].values())
    assert "202" in described["paths"]["/fhir"]["post"]["responses"]
    assert "get" in described["paths"]["/fhir/ValueSet/$expand"]
    assert "get" not in described["paths"]["/fhir/{type}/{id}/$meta-add"]
    assert described["components"]["responses"]["404"]["content"]["application/fhir+json"]


def test_a_type_that_is_not_offered_is_not_described(server: Server) -> None:
    answer = requests.get(f"{server.root}/openapi.json?type=Nope", timeout=60)
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["code"] == "not-found"
