"""Whatever is sent, the answer is an answer: no fault of ours, no hang, and what is refused is told.

A sample, always the same; `scripts/fuzz` sends thousands of cases, other ones each time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given, settings

from fhirserver.store.local import LocalMongod
from tests.http import describing
from tests.http.conftest import Client, Server, start, stop
from tests.http.fuzzing import Attempt, attempts

CASES = int(os.environ.get("FUZZ_CASES", "400"))


@pytest.mark.timeout(3600)
@pytest.mark.wasteful("any search may be asked, of every type at once")
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize="FUZZ_CASES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(attempt=attempts())
def test_any_request_gets_an_answer(server: Server, operator: Client, attempt: Attempt) -> None:
    url = f"{server.base}/{attempt.path}" + (f"?{attempt.query}" if attempt.query else "")
    headers = {name: value.encode("latin-1") for name, value in attempt.headers.items()}
    # a body that nobody reads ends the connection, sometimes before the answer has been read: none where none belongs
    body = None if attempt.method in ("GET", "HEAD") else attempt.body
    request = requests.Request(attempt.method, url, headers=headers, data=body)
    prepared = operator._session.prepare_request(request)
    prepared.url = url  # as it is: requests would mend it
    answer = operator._session.send(prepared, timeout=20, allow_redirects=False)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and attempt.method != "HEAD" and "json" in answer.headers["Content-Type"]:
        assert answer.json()["issue"][0]["details"]["text"]


def test_each_route_answers_what_its_description_tells(mongod: LocalMongod, tmp_path: Path) -> None:
    server, process = start(tmp_path, mongod.uri, database="described", workers="1")
    try:
        status = describing.send(server, "--max-examples", "1", "--phases", "fuzzing", "--generation-deterministic")
    finally:
        stop(process)
    assert status == 0
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-3000:]
