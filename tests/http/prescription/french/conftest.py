"""A server of its own, under the French policy: every resource is checked against its French profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo.database import Database

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from fhirserver.store.profile import profiled
from tests.http.conftest import Client, Server, start, stop

_DATABASE = "french-prescriptions"


@pytest.fixture(scope="session")
def server(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server under the French policy."""
    running, process = start(tmp_path_factory.mktemp("french-server"), mongod.uri, database=_DATABASE)
    yield running
    stop(process)
    assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]


@pytest.fixture(scope="session")
def profile(mongod: LocalMongod, server: Server) -> Iterator[Database[dict[str, Any]]]:
    """The database of that server, which notes every operation."""
    store = Store(mongod.uri, _DATABASE)
    with profiled(store.database):
        yield store.database
    store.close()


@pytest.fixture(scope="session")
def as_role(server: Server) -> Callable[[str], Client]:
    """Clients by persona."""
    made: dict[str, Client] = {}

    def client(persona: str) -> Client:
        return made.setdefault(persona, Client(server, server.token(persona)))

    return client
