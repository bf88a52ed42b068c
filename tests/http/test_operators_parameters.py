"""A search parameter of the operator, from its creation to the first search: on a server that indexes nothing else."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
import requests

from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, start, stop


@pytest.fixture
def operator(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The operator of a server of its own: what other tests have stored would have to be indexed anew before."""
    running, process = start(tmp_path_factory.mktemp("own"), mongod.uri, database="own-parameters", workers="1")
    yield Client(running, running.token("operator"))
    stop(process)


def test_a_parameter_that_the_operator_adds_finds_earlier_resources_after_reindexing(operator: Client) -> None:
    code = f"shoe-{secrets.token_hex(3)}"
    extension = {"url": f"https://example.fr/{code}", "valueString": "Quarante-deux"}
    mine = operator.post("Patient", {"resourceType": "Patient", "extension": [extension]}).json()["id"]
    assert operator.get(f"Patient?{code}=quarante").status_code == 400
    answer = operator.post(
        "SearchParameter",
        {
            "resourceType": "SearchParameter", "url": f"https://example.fr/SearchParameter/{code}", "name": "Shoe",
            "status": "active", "description": "Pointure", "code": code, "base": ["Patient"], "type": "string",
            "expression": f"Patient.extension('https://example.fr/{code}').value",
        },
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    answers: list[requests.Response] = []
    for _ in range(240):
        answers.append(operator.get(f"Patient?{code}=quarante"))
        if answers[-1].status_code == 200:
            break
        time.sleep(0.5)
    assert answers[-1].status_code == 200, (answers[-1].text, operator.get("$reindex").text)
    assert [entry["resource"]["id"] for entry in answers[-1].json().get("entry", [])] == [mine], answers[-1].text
    progress = {each["name"]: each for each in operator.get("$reindex").json()["parameter"]}
    assert progress["state"]["valueCode"] == "done"
