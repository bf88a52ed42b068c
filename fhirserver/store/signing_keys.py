"""Which keys have signed receipts of a database, so that a machine that lacks one of them can be told.

`signing_keys`: `{_id: id of the key, at}`. The keys themselves lie with the machines.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo import UpdateOne

from fhirserver.store.connection import translated

if TYPE_CHECKING:
    from fhirserver.store.store import Store


def missing(store: Store, published: Iterable[str]) -> list[str]:
    """Note the keys of a machine, and return those that others noted and it lacks.

    Args:
        store: whose receipts they sign.
        published: ids of all keys that the machine has, the one that signs first.
    """
    own = list(published)
    known = store.database["signing_keys"]
    with translated():
        known.bulk_write(
            [UpdateOne({"_id": key}, {"$setOnInsert": {"at": datetime.now(UTC)}}, upsert=True) for key in own],
            ordered=False,
        )
        return [document["_id"] for document in known.find({"_id": {"$nin": own}}).sort("_id", 1).hint("_id_")]
