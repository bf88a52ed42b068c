"""The indexes that the records of the DMP need, beside the store's and the search's."""

from __future__ import annotations

from typing import Final

from fhirserver.store import Index

OF_RECORD: Final = "dmp_record"
"""What belongs to a record, by type."""

INDEXES: Final = (
    Index(
        "resources",
        OF_RECORD,
        (("w.dmp.record", 1), ("t", 1), ("u", 1)),
        {"partialFilterExpression": {"w.dmp.record": {"$exists": True}}},
    ),
    Index(
        "history",
        OF_RECORD,
        (("w.dmp.record", 1), ("u", 1)),
        {"partialFilterExpression": {"w.dmp.record": {"$exists": True}}},
    ),
    Index(
        "audit", "dmp_record", (("record", 1), ("at", -1)), {"partialFilterExpression": {"record": {"$exists": True}}}
    ),
)
