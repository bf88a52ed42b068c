"""Clients that others publish for JavaScript do all their work against this server, unchanged."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.http.conftest import Server

SCRIPTS = Path(__file__).parents[2] / "clients"
CACHE = Path.home() / ".cache" / "fhirserver" / "clients"


@pytest.fixture(scope="session")
def clients() -> Path:
    """A folder with the scripts and what they import, installed once for each lock file."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("needs Node and npm")
    lock = (SCRIPTS / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=CACHE))
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SCRIPTS / name, draft)
        command = [npm, "ci", "--omit=optional", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=draft, capture_output=True, text=True, check=False, timeout=200)
        if installed.returncode:
            shutil.rmtree(draft)
            pytest.skip(f"npm could not install the clients: {installed.stderr[-300:]}")
        try:
            draft.rename(folder)
        except OSError:
            shutil.rmtree(draft)  # another test process was first
    return folder


@pytest.mark.parametrize("name", ["fhir-kit-client", "fhirclient", "medplum"])
def test_a_javascript_client_does_all_its_work(server: Server, clients: Path, tmp_path: Path, name: str) -> None:
    for script in ("exercise.mjs", f"{name}.mjs"):
        shutil.copy(SCRIPTS / script, tmp_path)
    (tmp_path / "node_modules").symlink_to(clients / "node_modules")
    done = subprocess.run(
        ["node", "--preserve-symlinks-main", f"{name}.mjs"],
        cwd=tmp_path,
        env={**os.environ, "BASE": server.base, "TOKEN": server.token("operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr[-3000:]
