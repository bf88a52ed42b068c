"""Fixtures of the search tests: definitions, registry, and a store whose resources are indexed for search."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions, development
from fhirserver.search import INDEXES, Indexer, Registry, Rules, Searcher, Setting
from fhirserver.search.asked.codes import TerminologyTokens
from fhirserver.store import Draft, Store
from fhirserver.store.local import LocalMongod
from fhirserver.terminology import Terminology

sys.path.insert(0, str(Path(__file__).parent))  # the oracle and the population stand beside the tests

BASE = "https://fhir.example.fr/fhir/"
PROFILES = Path(__file__).parents[3] / "profiles"


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    return development(PROFILES)


@pytest.fixture(scope="session")
def registry(definitions: Definitions) -> Registry:
    return Registry(definitions)


@pytest.fixture(scope="session")
def setting() -> Setting:
    return Setting("Europe/Paris", (BASE,))


@pytest.fixture(scope="session")
def indexer(registry: Registry, setting: Setting) -> Indexer:
    return Indexer(registry, setting)


@pytest.fixture(scope="session")
def rules(definitions: Definitions, setting: Setting) -> Rules:
    return Rules(setting, expand=TerminologyTokens(Terminology(definitions)))


@pytest.fixture(scope="module")
def indexed(mongod: LocalMongod, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store that the tests of one module share."""
    opened = Store(mongod.uri, f"search-{request.module.__name__.rpartition('.')[2]}")
    opened.client.drop_database(opened.database.name)
    opened.prepare(INDEXES)
    yield opened
    opened.client.drop_database(opened.database.name)
    opened.close()


@pytest.fixture(scope="module")
def searcher(indexed: Store, registry: Registry, rules: Rules) -> Searcher:
    return Searcher(indexed, registry, rules)


@pytest.fixture(scope="module")
def put(indexed: Store, indexer: Indexer) -> Callable[[dict[str, Any]], str]:
    """Store a resource; return its id."""

    def store_one(resource: dict[str, Any]) -> str:
        draft = Draft(resource, id=resource.get("id"), index=indexer.extract(resource))
        return indexed.create(draft).id

    return store_one
