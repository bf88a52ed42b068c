from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from fhirserver.store import Draft, Store, local
from fhirserver.store.local import LocalMongod, LocalMongodError


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_starts_again_after_a_stop_and_after_a_crash_on_another_port_too_and_keeps_its_data(tmp_path: Path) -> None:
    with LocalMongod(tmp_path / "new" / "data") as first:
        store = Store(first.uri)
        created = store.create(Draft({"resourceType": "Patient"}))
        store.close()
        first.kill()
        assert not is_alive(first.pid)
    with LocalMongod(tmp_path / "new" / "data") as second:
        store = Store(second.uri)
        assert store.read("Patient", created.id) == created
        store.close()


def test_one_that_is_watched_starts_again_where_it_was_when_it_is_killed(tmp_path: Path) -> None:
    with LocalMongod(tmp_path) as watched:
        watched.watch()
        killed, address = watched.pid, watched.uri
        os.kill(killed, signal.SIGKILL)
        store = Store(address)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (not is_alive(watched.pid) or watched.pid == killed):
            time.sleep(0.05)
        store.ping()
        store.close()
        again = watched.pid
    assert again != killed
    assert not is_alive(again), "a stop ends it for good"


def test_it_ends_with_the_process_that_started_it_even_if_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from fhirserver.store.local import LocalMongod;"
        "mongod = LocalMongod(Path(sys.argv[1])); print(mongod.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert is_alive(pid)
    process.kill()
    process.communicate()
    while is_alive(pid):
        time.sleep(0.05)


def test_a_folder_in_use_is_refused_with_the_reason_and_what_to_do(mongod: LocalMongod) -> None:
    with pytest.raises(LocalMongodError, match=r"Another server runs on .*FHIRSERVER_STATE") as refused:
        LocalMongod(mongod._folder)
    assert "DBPathInUse" in str(refused.value)
    assert is_alive(mongod.pid)


def test_others_learn_where_the_mongod_of_a_folder_listens_and_not_of_another_one_on_its_port(
    mongod: LocalMongod, tmp_path: Path
) -> None:
    assert local.running(mongod._folder) == mongod.uri
    assert not local.running(tmp_path)
    (tmp_path / "address").write_text(mongod.uri)
    assert not local.running(tmp_path)


def test_a_crash_by_itself_is_noticed_and_it_can_be_started_again(tmp_path: Path) -> None:
    with LocalMongod(tmp_path) as running:
        os.kill(running.pid, signal.SIGKILL)
        assert running._process is not None
        running._process.wait(timeout=20)
        running.kill()
        running.start()
        assert is_alive(running.pid)


def test_a_commit_may_fill_more_of_the_cache_than_mongod_allows_by_itself(tmp_path: Path) -> None:
    # a fifth of 256 MB, as mongod comes, holds 16 MB of these
    with LocalMongod(tmp_path, cache_gb=0.25) as small:
        client: MongoClient[dict[str, Any]] = MongoClient(small.uri)
        kept = client["test"]["kept"]
        kept.create_index("keys")
        with client, client.start_session() as session, session.start_transaction():
            for part in range(20):
                kept.insert_many(
                    [
                        {"body": "x" * 2_000, "keys": [f"{part} {number} {key}" * 5 for key in range(20)]}
                        for number in range(500)
                    ],
                    session=session,
                )
            session.commit_transaction()
            assert kept.count_documents({}) == 10_000


def test_without_any_mongod_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LocalMongodError, match="embedded"):
        local.find_mongod()
