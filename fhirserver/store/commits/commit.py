"""Commit, and try again when another commit came first, before the client hears of it.

https://www.mongodb.com/docs/manual/core/transactions-in-applications/ names the two labels that ask for a repetition:
of the whole transaction (TransientTransactionError) or of the commit alone (UnknownTransactionCommitResult).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from bson.errors import InvalidDocument
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern

from fhirserver.store.commits.transaction import Overtaken, Transaction
from fhirserver.store.connection import DURABLE, failure_of, unavailable

if TYPE_CHECKING:
    from fhirserver.store.store import Store

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds during which a commit that meets others is tried again; then the client hears 503."""
_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.3
_DUPLICATE_TRIES: Final = 20
_DUPLICATE_KEY: Final = 11000
_WRITE_CONFLICT: Final = 112
_SNAPSHOT: Final = ReadConcern("snapshot")


def run(store: Store, work: Callable[[Transaction], T]) -> T:
    """Run a transaction's work until it commits.

    Args:
        store: where to commit.
        work: plans the writes; is called again on a fresh view after a conflict, so it must have no other effects.

    Returns:
        What the work returned in the attempt that was committed.

    Raises:
        Unavailable: too many others write the same, or MongoDB does not answer.
        Failure: whatever the work raises; nothing is written then.
    """
    deadline = time.monotonic() + PATIENCE
    pause = _FIRST_PAUSE
    duplicates = 0
    keys: set[str] = set()
    while True:
        try:
            with store.turns.hold(keys, deadline) as held:
                if not held:
                    raise unavailable()
                return _attempt(store, work, keys, deadline)
        except (PyMongoError, Overtaken, InvalidDocument, OverflowError) as error:
            duplicates += _is_duplicate(error)
            if not _may_pass(error) or duplicates > _DUPLICATE_TRIES:
                failure = failure_of(error)
                if failure is None:
                    raise
                raise failure from error
            if time.monotonic() + pause > deadline:
                raise unavailable() from error
            if isinstance(error, Overtaken):
                continue  # it waits for its turn in place of a pause
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads the attempts, keeps no secret
        pause = min(pause * 2, _LONGEST_PAUSE)


def _attempt(store: Store, work: Callable[[Transaction], T], keys: set[str], deadline: float) -> T:
    """Try once; `keys` are those whose turn it is, and learn what the attempt wanted to write."""
    with store.client.start_session() as session:
        session.start_transaction(read_concern=_SNAPSHOT, write_concern=DURABLE)
        transaction = Transaction(store, session, frozenset(keys))
        try:
            result = work(transaction)
            transaction.flush()
            _commit(session, deadline)
        except BaseException:
            keys |= transaction.keys
            if session.in_transaction:
                session.abort_transaction()
            raise
        finally:
            transaction.finish()
        return result


def _commit(session: ClientSession, deadline: float) -> None:
    """Commit, and ask again while it is unknown whether the commit took place: MongoDB answers each time the same."""
    pause = _FIRST_PAUSE
    while True:
        try:
            session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _may_pass(error: Exception) -> bool:
    """Whether the next attempt may meet another state."""
    if isinstance(error, Overtaken) or _is_duplicate(error):
        return True
    if not isinstance(error, PyMongoError):
        return False
    return error.has_error_label("TransientTransactionError") or getattr(error, "code", None) == _WRITE_CONFLICT


def _is_duplicate(error: Exception) -> bool:
    """Whether another commit inserted the same key first."""
    if isinstance(error, BulkWriteError):
        return any(entry.get("code") == _DUPLICATE_KEY for entry in error.details.get("writeErrors", ()))
    return isinstance(error, DuplicateKeyError)
