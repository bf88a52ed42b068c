"""MongoDB, and the only room that knows it: commit, read, history, indexes, files, the managed local mongod."""

from fhirserver.store.ids import bucket, key, new_id
from fhirserver.store.indexes import Index
from fhirserver.store.store import Store
from fhirserver.store.transaction import Planned, Transaction
from fhirserver.store.values import Draft, FileRef, HistoryPage, Stored, Task
from fhirserver.store.versions import HistoryQuery

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
