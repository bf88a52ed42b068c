from __future__ import annotations

import hashlib

import pytest
from click.testing import CliRunner

from fhirserver import cli
from fhirserver.store import Store
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
