"""Search: a query string becomes a Mongo query, a resource its index values (https://hl7.org/fhir/R4/search.html)."""

from fhirserver.search.asked.cursors import Cursors
from fhirserver.search.asked.parse import Rules, parse
from fhirserver.search.asked.query import Query
from fhirserver.search.declared.registry import Registry
from fhirserver.search.indexing.extract import Indexer, IndexValues
from fhirserver.search.indexing.indexes import INDEXES
from fhirserver.search.mongo.conditions import Narrowing
from fhirserver.search.mongo.searching import ResultPage, Searcher
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
