from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhirserver import cli
from fhirserver.store import Draft, Store
from fhirserver.store.local import LocalMongod


def test_collect_removes_what_nothing_uses_and_says_how_much(
    mongod: LocalMongod, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"nobody's"
    store.transact(lambda tx: tx.put_file(content))
    two_days_ago = {"$subtract": ["$touched", 2 * 86_400_000]}
    store.database["files"].update_one(
        {"_id": hashlib.sha256(content).hexdigest()}, [{"$set": {"touched": two_days_ago}}]
    )
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("FHIRSERVER_DATABASE", store.database.name)
    ran = CliRunner().invoke(cli.main, ["collect"])
    assert (ran.exit_code, ran.output) == (0, "1 contents removed\n")
    assert store.files.open(hashlib.sha256(content).hexdigest()) is None


def test_collect_without_a_database_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    ran = CliRunner().invoke(cli.main, ["collect"])
    assert ran.exit_code == 2
    assert "MONGODB_URI" in ran.output


def test_commands_beside_a_server_with_a_local_mongod_find_it_by_its_state(
    mongod: LocalMongod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)
    monkeypatch.setenv("FHIRSERVER_STATE", str(tmp_path))
    monkeypatch.setenv("FHIRSERVER_DATABASE", "nothing-yet")
    (tmp_path / "mongodb").symlink_to(mongod._folder)
    for command, output in (("collect", "0 contents removed\n"), ("audit", ""), ("purge", "0 prescriptions erased\n")):
        ran = CliRunner().invoke(cli.main, [command])
        assert (ran.exit_code, ran.output) == (0, output)


def told(store: Store, mongod: LocalMongod, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[dict[str, Any]]:
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("FHIRSERVER_DATABASE", store.database.name)
    ran = CliRunner().invoke(cli.main, ["audit", *arguments])
    assert ran.exit_code == 0, ran.output
    return [json.loads(line) for line in ran.output.splitlines()]


def test_audit_tells_reads_and_writes_of_a_resource_in_the_order_of_time(
    mongod: LocalMongod, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = {"who": {"rpps": "10005173140", "client": "editor"}, "why": "TREAT", "where": {"request": "1"}}
    draft = Draft({"resourceType": "Patient", "active": True}, origin=origin)
    made = store.transact(lambda tx: tx.create(draft)).stored
    store.transact(lambda tx: tx.create(draft))
    store.transact(lambda tx: tx.delete("Patient", made.id, origin))
    reader = {"who": {"rpps": "10005173157"}, "why": "TREAT", "where": {}}
    store.audit.record([{"action": "search", "type": "Patient", "id": None, "found": [f"Patient/{made.id}"], **reader}])
    every = told(store, mongod, monkeypatch)
    assert [access["action"] for access in every] == ["POST", "POST", "DELETE", "search"]
    of_it = told(store, mongod, monkeypatch, "--resource", f"Patient/{made.id}")
    assert [(access["action"], access.get("version")) for access in of_it] == [
        ("POST", 1),
        ("DELETE", 2),
        ("search", None),
    ]
    assert [access["action"] for access in told(store, mongod, monkeypatch, "--by", "10005173157")] == ["search"]
    assert told(store, mongod, monkeypatch, "--until", "2020-01-01") == []


def test_audit_tells_what_was_refused_by_which_rule_and_every_task_that_an_act_moved(
    mongod: LocalMongod, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = {"action": "refused", "type": "Patient", "id": "1", "method": "DELETE", "rule": "role"}
    store.audit.record([refused, {"action": "cancel", "type": "Task", "id": "a", "tasks": ["a", "b"]}])
    (shown,) = told(store, mongod, monkeypatch, "--resource", "Patient/1")
    assert (shown["method"], shown["rule"]) == ("DELETE", "role")
    assert [access["action"] for access in told(store, mongod, monkeypatch, "--resource", "Task/b")] == ["cancel"]


def test_audit_refuses_a_span_that_ends_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = CliRunner().invoke(cli.main, ["audit", "--since", "2026-01-02", "--until", "2026-01-01"])
    assert ran.exit_code == 2
    assert "--since" in ran.output
