"""What of a load of files is in the database already, so that a load that was cut off goes on there.

`loads`: `{_id: name, done: [numbers of batches]}`. It lies beside what it tells of: another database, or the same one
emptied or restored, has its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fhirserver.store.connection import translated

if TYPE_CHECKING:
    from fhirserver.store.store import Store


class Journal:
    """Which batches of one load are done.

    Args:
        store: where they are loaded.
        name: what is loaded, and how.
        again: forget what earlier runs did.
    """

    def __init__(self, store: Store, name: str, *, again: bool) -> None:
        self._loads = store.database["loads"]
        self._of = {"_id": name}
        if again:
            self.close()
        with translated():
            self._done = frozenset((self._loads.find_one(self._of) or {}).get("done", ()))

    def has(self, number: int) -> bool:
        """Tell whether a batch was done before."""
        return number in self._done

    def done(self, number: int) -> None:
        """Remember a batch."""
        with translated():
            self._loads.update_one(self._of, {"$push": {"done": number}}, upsert=True)

    def close(self) -> None:
        """Forget all: the load is complete."""
        with translated():
            self._loads.delete_one(self._of)
