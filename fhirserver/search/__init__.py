"""Search: a query string becomes a Mongo query, a resource its index values (https://hl7.org/fhir/R4/search.html)."""

from fhirserver.search.cursors import Cursors
from fhirserver.search.extract import Indexer, IndexValues
from fhirserver.search.indexes import INDEXES
from fhirserver.search.mongo_conditions import Narrowing
from fhirserver.search.mongo_search import ResultPage, Searcher
from fhirserver.search.parse import Rules, parse
from fhirserver.search.query import Query
from fhirserver.search.registry import Registry
from fhirserver.search.types.values import Setting

__all__ = [
    "INDEXES",
    "Cursors",
    "IndexValues",
    "Indexer",
    "Narrowing",
    "Query",
    "Registry",
    "ResultPage",
    "Rules",
    "Searcher",
    "Setting",
    "parse",
]
