"""A server that dies in the middle of submissions leaves each of them whole, or nothing of it."""

from __future__ import annotations

import base64
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from fhirserver.demo import people
from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, start, stop
from tests.http.dmp.conftest import PDF, build_submission, make_record, part, put_content
from tests.http.dmp.test_large_documents import Memory

pytestmark = pytest.mark.long("kills servers again and again")

PAUSES = (0.15, 0.4, 0.7)


@pytest.mark.wasteful("counts everything that is there")
def test_all_of_a_submission_is_there_or_none_content_included(mongod: LocalMongod, tmp_path: Path) -> None:
    running, process = start(tmp_path, mongod.uri, database="killed", workers="1")
    operator = Client(running, running.token("operator"))
    custodian = f"Organization/{operator.post('Organization', people.hospital()).json()['id']}"
    record = make_record(operator)
    sent: dict[str, bytes] = {}
    answered: set[str] = set()
    for pause in PAUSES:
        killed = threading.Event()
        feeder = threading.Thread(target=feed, args=(running, record, custodian, killed, sent, answered))
        feeder.start()
        deadline = time.monotonic() + 30
        while not answered and time.monotonic() < deadline:
            time.sleep(0.01)  # a kill before the first answer would prove nothing
        killed.wait(pause)
        for number in reversed(Memory(process.pid).processes()):
            os.kill(number, signal.SIGKILL)
        killed.set()
        feeder.join(30)
        process.wait(30)
        running, process = start(tmp_path, mongod.uri, database="killed", workers="1")
    reader = Client(running, running.token("operator"))
    try:
        found = everything(reader, record.query)
        assert answered <= set(found), "what was answered is there"
        assert answered, "the server answered something before it was killed"
        for number, document in found.items():
            content = reader.get(document["content"][0]["attachment"]["url"], Accept="application/pdf")
            assert content.content == sent[number]
        store = Store(mongod.uri, "killed")
        counts = {kind: store.count({"t": kind, "live": True}) for kind in ("DocumentReference", "Binary", "List")}
        store.close()
        assert set(counts.values()) == {len(found)}, counts
    finally:
        stop(process)


def feed(  # noqa: PLR0913, PLR0917 - what a thread is told and tells
    server: Any, record: Any, custodian: str, killed: threading.Event, sent: dict[str, bytes], answered: set[str]
) -> None:
    """Send submissions, every second one with content beyond what lies in one document, until the server is dead."""
    client = Client(server, server.token("hospital"))
    for number in range(1_000):
        if killed.is_set():
            return
        bundle = build_submission(record, custodian)
        content = base64.b64decode(part(bundle, "Binary")["data"]) + (os.urandom(1_500_000) if number % 2 else b"")
        assert content.startswith(PDF[:5])
        put_content(bundle, content)
        name = part(bundle, "DocumentReference")["masterIdentifier"]["value"]
        sent[name] = content
        try:
            if client.post("", bundle).status_code == 200:
                answered.add(name)
        except requests.RequestException:
            return


def everything(client: Client, query: str) -> dict[str, dict[str, Any]]:
    """Return all documents of a record, by uniqueId."""
    found: dict[str, dict[str, Any]] = {}
    page = client.get(f"DocumentReference?{query}&_count=500").json()
    for entry in page.get("entry", []):
        found[entry["resource"]["masterIdentifier"]["value"]] = entry["resource"]
    assert not any(link["relation"] == "next" for link in page["link"])
    return found
