"""The command line: serve with a local MongoDB, token, load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from fhirserver.demo.running import free_port
from tests.http.conftest import Client, Server

CODE = {"text": "x"}


def run(state: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FHIRSERVER_STATE": str(state), **more}
    return subprocess.run(
        [sys.executable, "-m", "fhirserver.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.timeout(120)
def test_one_command_serves_with_a_mongodb_of_its_own_and_term_ends_both(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "FHIRSERVER_STATE": str(tmp_path), "FHIRSERVER_PORT": str(port)}
    environment.pop("MONGODB_URI", None)
    process = subprocess.Popen([sys.executable, "-m", "fhirserver.cli", "serve"], env=environment)
    server = Server(f"http://127.0.0.1:{port}", tmp_path, tmp_path / "log")
    try:
        for _ in range(600):
            try:
                if requests.get(f"{server.root}/ready", timeout=2).ok:
                    break
            except requests.RequestException:
                time.sleep(0.1)
        token = run(tmp_path, "token", "--role", "operator").stdout.strip()
        created = Client(server, token).post("Patient", {"resourceType": "Patient"})
        assert created.status_code == 201
        mongod = int((tmp_path / "mongodb" / "mongod.lock").read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    assert code == 0
    with pytest.raises(ProcessLookupError):
        os.kill(mongod, 0)


def test_a_token_is_valid_for_twelve_hours_and_more_and_its_key_is_its_owners_alone(tmp_path: Path) -> None:
    token = run(tmp_path, "token", "--role", "prescriber").stdout.strip()
    assert token.count(".") == 2
    assert (tmp_path / "demo-issuer.pem").stat().st_mode & 0o777 == 0o600
    assert run(tmp_path, "token", "--role", "king").returncode != 0


def to_load(name: str) -> list[dict[str, Any]]:
    """Return resources and Bundles with ids that begin so; the second, the third and the last cannot be stored."""
    person, unseen = f"urn:uuid:{uuid.uuid4()}", f"Patient?identifier=urn:x|{name}"
    return [
        {"resourceType": "Patient", "id": f"{name}-1", "name": [{"family": "A"}]},
        {"resourceType": "Patient", "id": f"{name}-2", "gender": "nonsense"},
        {"resourceType": "Nonsense", "id": "x"},
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": {"resourceType": "Patient", "id": f"{name}-3"}}],
        },
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": {"resourceType": "Patient", "id": f"{name}-4"},
                    "request": {"method": "PUT", "url": f"Patient/{name}-4"},
                }
            ],
        },
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [
                {
                    "resource": {
                        "resourceType": "Basic",
                        "id": f"{name}-6",
                        "code": CODE,
                        "subject": {"reference": person},
                    }
                },
                {"fullUrl": person, "resource": {"resourceType": "Patient", "active": True}},
            ],
        },
        *(
            {
                "resourceType": "Bundle",
                "type": kind,
                "entry": [
                    {
                        "resource": {"resourceType": "Basic", "code": CODE, "identifier": [{"value": f"{name}-made"}]},
                        "request": {"method": "POST", "url": "Basic"},
                    }
                ],
            }
            for kind in ("transaction", "batch")
        ),
        {"resourceType": "Basic", "id": f"{name}-7", "code": CODE, "subject": {"reference": unseen}},
    ]


def test_load_stores_what_is_good_reports_the_rest_and_again_changes_nothing(
    server: Server, operator: Client, tmp_path: Path
) -> None:
    state = server.state
    name = f"load-{os.urandom(6).hex()}"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.ndjson").write_text("\n".join(json.dumps(line) for line in to_load(name)) + "\n{broken\n")
    (folder / "b.json").write_text(json.dumps({"resourceType": "Patient", "id": f"{name}-5"}))
    given = {
        "MONGODB_URI": server.mongodb,
        "FHIRSERVER_DATABASE": "http-tests",
        "FHIRSERVER_PROFILE_POLICY": "base",
    }
    for _ in range(2):
        done = run(state, "load", str(folder), "--workers", "1", "--language", "en", **given)
        assert done.returncode == 1
        assert "4 refused" in done.stderr
        assert "a.ndjson:2" in done.stderr
        assert f"Patient?identifier=urn:x|{name}" in done.stderr
    for number in (1, 3, 4, 5, 6):
        assert operator.get(f"{'Basic' if number == 6 else 'Patient'}/{name}-{number}").headers["ETag"] == 'W/"1"', (
            number
        )
    assert operator.get(f"Basic?identifier={name}-made").json()["total"] == 2, "one by each of the Bundles"
    assert operator.get(f"Patient/{name}-2").status_code == 404
    assert operator.get(operator.get(f"Basic/{name}-6").json()["subject"]["reference"]).json()["active"] is True


def test_settings_and_help_are_printed(tmp_path: Path) -> None:
    assert "FHIRSERVER_PORT" in run(tmp_path, "settings").stdout
    told = run(tmp_path, "--help").stdout
    for command in ("serve", "demo", "packages", "validate", "token", "load"):
        assert command in told
    wrong = run(tmp_path, "serve", FHIRSERVER_NONSENSE="1")
    assert wrong.returncode == 1
    assert "FHIRSERVER_NONSENSE" in wrong.stderr
    assert "Traceback" not in wrong.stderr
