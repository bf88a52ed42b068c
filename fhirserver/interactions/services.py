"""What interactions work with: wired once, in app.py, and handed to every interaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine
from fhirserver.interactions.capabilities import Capabilities
from fhirserver.interactions.guards import Guards
from fhirserver.interactions.writes.checking import Checker
from fhirserver.issues import Issue
from fhirserver.operations.registry import Operations
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing.extract import Indexer
from fhirserver.search.mongo.searching import Searcher
from fhirserver.settings import Settings
from fhirserver.store import Store
from fhirserver.terminology import Terminology

if TYPE_CHECKING:
    from fhirserver.interactions.router import Router


class Codec(Protocol):
    """Another representation of resources than JSON."""

    def read(self, data: bytes) -> tuple[dict[str, Any], list[Issue]]:
        """Return a resource, and warnings."""

    def write(self, resource: Mapping[str, Any], *, pretty: bool = False) -> bytes:
        """Return a resource in this representation."""


@dataclass(slots=True)
class Services:
    """The parts of one server process.

    Attributes:
        types: the resource types that are offered.
        guards: the rules of other rooms that take part in interactions.
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
    engine: Engine
    terminology: Terminology
    xml: Codec
    types: frozenset[str]
    guards: Guards = field(default_factory=Guards)
    router: Router = field(init=False)
