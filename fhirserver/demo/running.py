"""The server of the demonstration: started, waited for, and stopped with all that it started."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import requests

START_LIMIT: Final = 60
"""Seconds to wait for the server; the first start builds indexes."""


class NotStartedError(RuntimeError):
    """The server ended, or did not answer in time; the message holds the end of its log."""


class RunningServer:
    """A `fhirserver serve` process with a local MongoDB, in a folder of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}/fhir"
        self.state = folder / "state"
        self._log = folder / "server.log"
        settings = {
            "FHIRSERVER_STATE": str(self.state),
            "FHIRSERVER_PORT": str(self.port),
            "FHIRSERVER_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "FHIRSERVER_PATIENT_READS_PRESCRIPTIONS": "on",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fhirserver.cli", "serve"],
                env=os.environ | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when the server is ready to serve.

        Raises:
            NotStartedError: it ended, or START_LIMIT passed.
        """
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/ready", timeout=2).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)
            except requests.Timeout:
                continue
            else:
                time.sleep(0.05)
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        self.stop()
        raise NotStartedError(tail)

    def stop(self) -> None:
        """End the server and the MongoDB that it started; what was acknowledged is on disk."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    @property
    def process(self) -> int:
        """The number of the server's process, which starts all others."""
        return self._process.pid

    def ended(self) -> bool:
        """Whether the server has ended by itself."""
        return self._process.poll() is not None


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_environment(path: Path, values: Mapping[str, str]) -> None:
    """Write shell assignments that only the owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    draft.replace(path)
