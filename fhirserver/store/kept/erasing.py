"""Erasing for good what the law no longer lets us keep: all versions, and nothing left in their place.

Content that they used is removed by `fhirserver collect`; the audit trail stays, which says who saw what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern

from fhirserver.store.connection import DURABLE, translated
from fhirserver.store.kept.ids import key

if TYPE_CHECKING:
    from fhirserver.store.store import Store


def erase(store: Store, references: Sequence[tuple[str, str]], claims: Sequence[str] = ()) -> int:
    """Erase every version of these resources (type and id), and claims; all or nothing.

    Returns:
        How many versions were erased.
    """
    names = [key(kind, identity) for kind, identity in references]

    def remove(session: ClientSession) -> int:
        current = store.resources.delete_many({"_id": {"$in": names}}, session=session).deleted_count
        before = sum(
            store.history_collection.delete_many(
                {"_id": {"$gt": f"{name}#", "$lt": f"{name}$"}}, session=session
            ).deleted_count
            for name in names
        )
        if claims:
            store.database["claims"].delete_many({"_id": {"$in": list(claims)}}, session=session)
        return current + before

    with translated(), store.client.start_session() as session:
        return int(session.with_transaction(remove, read_concern=ReadConcern("snapshot"), write_concern=DURABLE))
