"""A real server with real MongoDB, one for each test process, and clients that speak HTTP to it."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from pymongo.database import Database

from fhirserver.access import issuer
from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from fhirserver.store.profile import profiled, wasteful

FHIR = "application/fhir+json"
START_LIMIT = 60


@dataclass
class Server:
    """A running server."""

    root: str
    state: Path
    log: Path
    mongodb: str = ""

    @property
    def base(self) -> str:
        return f"{self.root}/fhir"

    def token(self, persona: str, **claims: Any) -> str:
        return issuer.mint(self.state, "fhirserver", persona, **claims)


class Client:
    """Requests of one caller, relative to the FHIR base."""

    def __init__(self, server: Server, token: str | None) -> None:
        self.base = server.base
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def send(self, method: str, path: str = "", body: Any = None, **headers: str) -> requests.Response:
        """Send a request; header names have underscores for hyphens; a dict goes as FHIR JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        options: dict[str, Any] = {}
        if isinstance(body, bytes):
            options["data"] = body
        elif body is not None:
            options["json"] = body
        if body is not None:
            given.setdefault("Content-Type", FHIR)
        url = path if path.startswith("http") else f"{self.base}/{path}" if path else self.base
        return self._session.request(method, url, headers=given, timeout=60, **options)

    def get(self, path: str = "", **headers: str) -> requests.Response:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> requests.Response:
        return self.send("DELETE", path, **headers)


def start(folder: Path, mongodb_uri: str, **settings: str) -> tuple[Server, subprocess.Popen[bytes]]:
    """Start a server; `settings` are names of settings in lower case."""
    port = _port()
    log = folder / "server.log"
    environment = {
        **os.environ,
        "MONGODB_URI": mongodb_uri,
        "FHIRSERVER_STATE": str(folder / "state"),
        "FHIRSERVER_PORT": str(port),
        "FHIRSERVER_WORKERS": "2",
        **{f"FHIRSERVER_{name.upper()}": value for name, value in settings.items()},
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fhirserver.cli", "serve"], env=environment, stdout=output, stderr=output
        )
    server = Server(f"http://127.0.0.1:{port}", folder / "state", log, mongodb_uri)
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the server ended:\n{log.read_text()[-3000:]}")
        try:
            if requests.get(f"{server.root}/ready", timeout=2).ok:
                return server, process
        except requests.RequestException:
            pass
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"the server did not start:\n{log.read_text()[-3000:]}")


_PORTS = itertools.count(20_000 + 100 * (os.getpid() % 120))


def _port() -> int:
    """Return a port that no other test server takes: servers that share one would answer for each other."""
    for port in _PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that most tests share; policy `base`, so that tests choose their profiles."""
    folder = tmp_path_factory.mktemp("server")
    running, process = start(folder, mongod.uri, database="http-tests", profile_policy="base")
    yield running
    stop(process)
    assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def profile(mongod: LocalMongod, server: Server) -> Iterator[Database[dict[str, Any]]]:
    """The database of the shared server, which notes every operation."""
    store = Store(mongod.uri, "http-tests")
    with profiled(store.database):
        yield store.database
    store.close()


@pytest.fixture(autouse=True)
def no_waste(request: pytest.FixtureRequest, profile: Database[dict[str, Any]]) -> Iterator[None]:
    """Fail a test whose queries scan a collection or examine more than 3 keys a result and 100 more.

    A test marked `wasteful` gives the reason why its queries may.
    """
    began = profile.command("hello", codec_options=profile.codec_options)["localTime"]
    yield
    faults = [] if request.node.get_closest_marker("wasteful") else wasteful(profile, began)
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def as_role(server: Server) -> Callable[[str], Client]:
    """Clients by persona."""
    made: dict[str, Client] = {}

    def client(persona: str) -> Client:
        return made.setdefault(persona, Client(server, server.token(persona)))

    return client


@pytest.fixture  # not for the session: a folder that has a server of its own would leave its operator to the others
def operator(as_role: Callable[[str], Client]) -> Client:
    return as_role("operator")


@pytest.fixture
def anonymous(server: Server) -> Client:
    return Client(server, None)


def issue(response: requests.Response) -> dict[str, Any]:
    """Return the first issue of an OperationOutcome."""
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    first: dict[str, Any] = outcome["issue"][0]
    return first
