"""What was acknowledged is there, and nothing is there by half, whoever is killed and when."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirserver import jsontext
from fhirserver.store import HistoryQuery, Store
from fhirserver.store.local import LocalMongod


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[LocalMongod]:
    """A mongod that this test may kill."""
    with LocalMongod(tmp_path / "mongod") as running:
        yield running


def start_writer(mongod: LocalMongod, log: Path) -> subprocess.Popen[bytes]:
    """Start a process of four threads that write, and wait until they do."""
    size = log.stat().st_size if log.exists() else 0
    command = [sys.executable, str(Path(__file__).with_name("writer.py")), mongod.uri, "kill", "storm", "4", str(log)]
    writer = subprocess.Popen(command)
    while not log.exists() or log.stat().st_size == size:
        assert writer.poll() is None
        time.sleep(0.01)
    return writer


def acknowledged(log: Path) -> list[tuple[str, int, str]]:
    """Id, version and token of every write that was acknowledged; the last line may be cut off."""
    lines = log.read_text().split("\n")[:-1]
    return [tuple(version) for line in lines for version in json.loads(line)]


def check(store: Store, log: Path) -> int:
    for identity, version, token in acknowledged(log):
        kept = store.vread("Basic", identity, version)
        assert kept is not None, f"{identity} version {version} was acknowledged and is lost"
        assert jsontext.read(kept.body)["token"] == token
    parts: Counter[str] = Counter()
    current = store.find({"t": "Basic", "live": True})
    for document in current:
        versions = store.history(HistoryQuery("Basic", document["i"], count=100_000)).versions
        assert [version.version for version in versions] == list(range(document["v"], 0, -1))
        if "token" in document["w"]:
            parts[document["w"]["token"]] += 1
            assert store.files.read(document["files"][0]).startswith(document["w"]["token"].encode())
    assert set(parts.values()) <= {3}
    audited = {record["token"] for record in store.database["audit"].find({"_id": {"$exists": True}})}
    assert audited == set(parts)
    files = {document["_id"] for document in store.database["files"].find({"_id": {"$exists": True}}, {"_id": True})}
    assert files == {document["files"][0] for document in current if "files" in document}
    return len(current)


def test_kill_9_of_the_server_or_of_mongod_loses_nothing_acknowledged_and_leaves_nothing_by_half(
    doomed: LocalMongod, tmp_path: Path
) -> None:
    log = tmp_path / "acknowledged"
    store = Store(doomed.uri, "kill")
    store.prepare()
    writer = start_writer(doomed, log)
    written = 0
    for victim in ("server", "mongod", "server", "mongod", "server"):
        time.sleep(random.uniform(0.05, 0.6))
        if victim == "mongod":
            doomed.kill()
            doomed.start()
        else:
            writer.kill()
            writer.wait()
            now = check(store, log)
            assert now > written
            written = now
            writer = start_writer(doomed, log)
    writer.kill()
    writer.wait()
    store.close()
