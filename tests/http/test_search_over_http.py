"""Search as clients see it: addresses, forms, cursors, parameters that an operator adds."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.http.conftest import Client, Server
from tests.http.sockets import exchange


def patient(family: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}], **more}


def found(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == "match"]


def test_the_servers_own_absolute_url_finds_and_is_found(operator: Client, server: Server) -> None:
    mine = operator.post("Patient", patient("Absolu")).json()["id"]
    absolute = {"reference": f"{server.base}/Patient/{mine}"}
    content = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    written = operator.post("Observation", {**content, "subject": absolute}).json()["id"]
    relative = operator.post("Observation", {**content, "subject": {"reference": f"Patient/{mine}"}}).json()["id"]
    for asked in (mine, f"Patient/{mine}", f"{server.base}/Patient/{mine}"):
        assert sorted(found(operator, f"Observation?subject={asked}")) == sorted([written, relative])


def test_letters_that_curl_leaves_unescaped_in_an_address_are_found(operator: Client, server: Server) -> None:
    mine = operator.post("Patient", patient("Éléonore-Œuvre")).json()["id"]
    asked = f"GET /fhir/Patient?family=Éléonore-Œ HTTP/1.0\r\nAuthorization: Bearer {server.token('operator')}\r\n\r\n"
    assert mine.encode() in exchange(server, asked.encode())


def test_the_servers_own_absolute_url_selects_in_conditions_as_in_searches(operator: Client, server: Server) -> None:
    mine = operator.post("Patient", patient("Conditionnel")).json()["id"]
    content = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    resource = {**content, "subject": {"reference": f"Patient/{mine}"}}
    criteria = f"subject={server.base}/Patient/{mine}"
    first = operator.post("Observation", resource, **{"If-None-Exist": criteria})
    again = operator.post("Observation", resource, **{"If-None-Exist": criteria})
    assert (first.status_code, again.status_code) == (201, 200)
    conditional = {**content, "derivedFrom": [{"reference": f"Observation?{criteria}"}]}
    linked = operator.post("Observation", conditional).json()
    assert linked["derivedFrom"] == [{"reference": f"Observation/{first.json()['id']}"}]


def test_a_next_link_shows_nothing_of_what_was_posted(operator: Client) -> None:
    family = f"Secret{secrets.token_hex(4)}"
    for _ in range(3):
        operator.post("Patient", patient(family))
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    first = operator.send("POST", "Patient/_search", f"family={family}&_count=2".encode(), **form).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert family not in following
    second = operator.get(following).json()
    assert len(first["entry"]) + len(second["entry"]) == 3


@pytest.mark.parametrize("cursor", ["x", "AAAA", "a" * 200])
def test_a_forged_cursor_is_a_400(operator: Client, cursor: str) -> None:
    assert operator.get(f"Patient?_cursor={cursor}").status_code == 400


def test_a_cursor_of_another_search_is_a_400(operator: Client) -> None:
    family = f"Autre{secrets.token_hex(4)}"
    for _ in range(2):
        operator.post("Patient", patient(family))
    first = operator.get(f"Patient?family={family}&_count=1").json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert operator.get("Observation?" + following.partition("?")[2]).status_code == 400


def following(answer: requests.Response) -> str:
    """Return the address of the next page."""
    assert answer.status_code == 200, answer.text
    return str(next(link["url"] for link in answer.json()["link"] if link["relation"] == "next"))


@pytest.fixture(scope="module")
def pair(as_role: Callable[[str], Client]) -> str:
    """A name that two patients have and nobody else."""
    family = f"Paire{secrets.token_hex(5)}"
    for _ in range(2):
        as_role("operator").post("Patient", patient(family))
    return family


def test_the_next_page_of_a_lenient_search_is_had_without_asking_for_lenience_again(
    operator: Client, pair: str
) -> None:
    first = operator.get(f"Patient?family={pair}&shoe=42&_sort=-nothing&_count=1", Prefer="handling=lenient")
    second = operator.get(following(first))
    assert second.status_code == 200, second.text
    assert first.json()["entry"][0]["resource"]["id"] != second.json()["entry"][0]["resource"]["id"]


def test_the_next_page_keeps_the_format_that_the_address_asked_for(operator: Client, pair: str) -> None:
    first = operator.get(f"Patient?family={pair}&_count=1&_format=xml&_pretty=true")
    address = re.search('relation value="next"/>\\s*<url value="([^"]+)"', first.text)
    assert address
    second = operator.get(address[1].replace("&amp;", "&"))
    assert (second.status_code, second.headers["Content-Type"]) == (200, first.headers["Content-Type"])


def test_a_page_may_be_asked_for_in_another_size_than_the_one_before(operator: Client) -> None:
    family = f"Taille{secrets.token_hex(5)}"
    for _ in range(3):
        operator.post("Patient", patient(family))
    address = following(operator.get(f"Patient?family={family}&_count=1"))
    assert len(found(operator, f"{address}&_count=2")) == 2
    assert operator.get(f"{address}&_count=-1").status_code == 400


@pytest.mark.parametrize("beside", ["gender=male", "_sort=family", "shoe=42", "_cursor=other"])
def test_a_criterion_beside_a_cursor_is_refused_and_not_ignored(operator: Client, pair: str, beside: str) -> None:
    address = following(operator.get(f"Patient?family={pair}&_count=1"))
    answer = operator.get(f"{address}&{beside}")
    assert answer.status_code == 400
    assert beside.partition("=")[0] in answer.text


def test_value_sets_and_code_systems_that_clients_stored_select_codes(operator: Client) -> None:
    name = secrets.token_hex(5)
    system, value_set = f"https://example.fr/cs/{name}", f"https://example.fr/vs/{name}"
    concepts = [{"code": "A", "concept": [{"code": "A1"}]}, {"code": "B"}]
    of_codes = {"resourceType": "CodeSystem", "status": "draft", "url": system, "content": "complete"}
    operator.post("CodeSystem", {**of_codes, "hierarchyMeaning": "is-a", "concept": concepts})
    compose = {"include": [{"system": system, "concept": [{"code": "A1"}, {"code": "B"}]}]}
    body = {"resourceType": "ValueSet", "status": "draft", "url": value_set, "compose": compose}
    chosen = operator.post("ValueSet", body).json()["id"]
    content = {"resourceType": "Basic", "meta": {"tag": [{"system": "urn:t", "code": name}]}}
    made = {}
    for code in ("A", "A1", "B"):
        coded = {**content, "code": {"coding": [{"system": system, "code": code}]}}
        made[operator.post("Basic", coded).json()["id"]] = code
    for asked, codes in (
        (f"code:in={value_set}", {"A1", "B"}),
        (f"code:in=ValueSet/{chosen}", {"A1", "B"}),
        (f"code:in={operator.base}/ValueSet/{chosen}", {"A1", "B"}),
        (f"code:not-in={value_set}", {"A"}),
        (f"code:below={system}|A", {"A", "A1"}),
        (f"code:above={system}|A1", {"A", "A1"}),
    ):
        assert {made[each] for each in found(operator, f"Basic?_tag=urn:t|{name}&{asked}")} == codes, asked
    assert operator.get(f"Basic?code:in={value_set}x").status_code == 400
    assert operator.get("Basic?code:in=ValueSet/nobody").status_code == 400
