"""Fixtures of all tests: a real MongoDB, and a watch on what is asked of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirserver.store import Store
from fhirserver.store.local import LocalMongod, LocalMongodError
from fhirserver.store.profile import profiled, wasteful


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-exchanges", action="store_true", help="write docs/exchanges from the exchanges as they are"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "wasteful(reason): queries of this test may scan or examine much")
    config.addinivalue_line("markers", "long(reason): takes so long that scripts/test runs it, and .ci/run does not")


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMongod]:
    """A mongod of this test process alone."""
    try:
        running = LocalMongod(tmp_path_factory.mktemp("mongod"))
    except LocalMongodError as error:
        pytest.fail(str(error))
    with running:
        yield running


@pytest.fixture
def database_name() -> str:
    """A name that no other test uses."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def watched(request: pytest.FixtureRequest, mongod: LocalMongod, database_name: str) -> Iterator[str]:
    """The name of a database that is dropped after the test; the test fails if a query scans a collection or
    examines more than 3 keys for each result and 100 more (unless marked `wasteful` with the reason).
    """
    watcher = Store(mongod.uri, database_name)
    try:
        with profiled(watcher.database):
            yield database_name
        faults = [] if request.node.get_closest_marker("wasteful") else wasteful(watcher.database)
        assert not faults, "\n".join(faults)
    finally:
        watcher.client.drop_database(database_name)
        watcher.close()


@pytest.fixture
def store(mongod: LocalMongod, watched: str) -> Iterator[Store]:
    """A store with a fresh database, its own indexes made."""
    opened = Store(mongod.uri, watched)
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of material that tests compare with, beside the repository; the test is skipped without it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder `shared` beside the repository")
    return folder
