"""What interactions work with: wired once, in app.py, and handed to every interaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fhirserver.definitions import Definitions
from fhirserver.interactions.capabilities import Capabilities
from fhirserver.interactions.checking import Checker
from fhirserver.operations.registry import Operations
from fhirserver.search.extract import Indexer
from fhirserver.search.registry import Registry
from fhirserver.search.mongo_search import Searcher
from fhirserver.settings import Settings
from fhirserver.store import Store

if TYPE_CHECKING:
    from fhirserver.interactions.router import Router


@dataclass(slots=True)
class Services:
    """The parts of one server process.

    Attributes:
        types: the resource types that are offered.
        router: set when the router is made; a batch enters it again.
    """

    settings: Settings
    definitions: Definitions
    store: Store
    checker: Checker
    registry: Registry
    indexer: Indexer
    searcher: Searcher
    operations: Operations
    capabilities: Capabilities
    types: frozenset[str]
    router: Router = field(init=False)
