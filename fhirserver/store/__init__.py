"""MongoDB, and the only room that knows it: commit, read, history, indexes, files, the managed local mongod."""

from fhirserver.store.commits.transaction import Planned, Transaction
from fhirserver.store.indexes import Index
from fhirserver.store.kept.ids import bucket, key, new_id
from fhirserver.store.kept.values import Draft, FileRef, HistoryPage, Stored, Task
from fhirserver.store.kept.versions import HistoryQuery
from fhirserver.store.store import Store

__all__ = [
    "Draft",
    "FileRef",
    "HistoryPage",
    "HistoryQuery",
    "Index",
    "Planned",
    "Store",
    "Stored",
    "Task",
    "Transaction",
    "bucket",
    "key",
    "new_id",
]
