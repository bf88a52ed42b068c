"""`fhirserver demo --keep`: what it tells, leaves for others to go on with, and takes with it when it ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest
import requests

from fhirserver.demo.commands import PERSONAS

pytestmark = pytest.mark.long("starts a server and a MongoDB of its own, and does the whole work before one's eyes")

TWELVE_HOURS = 12 * 3600


def test_the_demonstration_leaves_a_server_and_tokens_to_go_on_with_and_ends_whole(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
    command = [sys.executable, "-m", "fhirserver.cli", "demo", "--keep"]
    demo = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    try:
        told = []
        for line in demo.stdout:
            told.append(line)
            if line.startswith("ready "):
                break
        file = tmp_path / ".demo" / "env"
        assert file.stat().st_mode & 0o777 == 0o600
        values = dict(part.split("=", 1) for part in shlex.split(file.read_text()) if "=" in part)
        assert told[-1] == f"ready {values['BASE']}\n", "".join(told)
        assert values.keys() == {"BASE", *(f"TOKEN_{persona.upper()}" for persona in PERSONAS)}
        assert requests.get(f"{values['BASE']}/metadata", timeout=30).ok
        for line in (line for line in told if "Bearer $TOKEN" in line):
            tried = subprocess.run(
                ["bash", "-c", f". .demo/env\n{line}"], cwd=tmp_path, capture_output=True, check=True
            )
            assert json.loads(tried.stdout).get("entry"), line
        for persona in PERSONAS:
            token = values[f"TOKEN_{persona.upper()}"]
            claims = jwt.decode(token, options={"verify_signature": False})
            assert claims["exp"] - time.time() > TWELVE_HOURS
        everything = {"Authorization": f"Bearer {values['TOKEN_OPERATOR']}"}
        assert requests.post(
            f"{values['BASE']}/Basic",
            json={"resourceType": "Basic", "code": {"text": "x"}},
            headers=everything,
            timeout=30,
        ).ok
        found = requests.get(f"{values['BASE']}/DocumentReference?status=current", headers=everything, timeout=30)
        assert found.json()["entry"], "the document that was pushed"
        mongod = int(next(tmp_path.glob("**/mongod.lock")).read_text())
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(30)
        demo.stdout.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(values["BASE"], timeout=5)
    with pytest.raises(ProcessLookupError):
        os.kill(mongod, 0)
