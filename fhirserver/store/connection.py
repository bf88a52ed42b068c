"""How MongoDB is spoken to, and what its errors mean to a client."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from bson.errors import InvalidDocument
from mongoengine.errors import OperationError
from pymongo import MongoClient, ReadPreference
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
)
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from fhirserver.errors import Failure, TooLarge, Unavailable
from fhirserver.issues import Text
from fhirserver.settings import SettingError

DURABLE: Final = WriteConcern(w="majority", j=True, wtimeout=15_000)
"""Acknowledged once a majority of the replica set has it on disk; beyond 15 s the client hears 503."""

APPLICATION: Final = "fhirserver"
"""How MongoDB's logs and profiles name us."""

_log: Final = logging.getLogger("fhirserver")

_OPTIONS: Final[dict[str, Any]] = {
    "appname": APPLICATION,
    "serverSelectionTimeoutMS": 10_000,  # an election takes less
    "connectTimeoutMS": 3_000,
}

LONGEST: Final = 85.0
"""Seconds that one query may take, unless said otherwise."""
_MORE: Final = 35.0
"""Seconds beyond these after which a connection that says nothing is given up, as one that is cut off alone."""

_BEYOND_CACHE: Final = 388  # TransactionTooLargeForCache
_TOO_LARGE: Final = frozenset({10334, 17419, 17420})  # BSONObjectTooLarge, and an update's result beyond 16 MB


def options(uri: str, longest: float | None = LONGEST) -> dict[str, Any]:
    """Return the driver's options that an address does not state itself; `longest` is as for `connect`."""
    silent = {} if longest is None else {"socketTimeoutMS": int(1000 * (longest + _MORE))}
    return {name: value for name, value in (_OPTIONS | silent).items() if f"{name.lower()}=" not in uri.lower()}


def connect(uri: str, longest: float | None = LONGEST) -> MongoClient[dict[str, Any]]:
    """Return a client of a replica set; connects when first used, so make it after forking.

    Args:
        uri: its options win over ours.
        longest: seconds that one query may take; None: any.

    Raises:
        SettingError: it is no address of MongoDB, or asks for reads from secondaries.
    """
    try:
        parse_uri(uri, warn=False)  # a client only warns of an option that it does not know
        client: MongoClient[dict[str, Any]] = MongoClient(uri, tz_aware=True, **options(uri, longest))
    except (ConfigurationError, ValueError) as error:
        raise SettingError(f"MONGODB_URI: {error}") from error
    if client.read_preference != ReadPreference.PRIMARY:
        client.close()
        raise SettingError(
            "MONGODB_URI: readPreference: only the primary knows all that was acknowledged; leave it out"
        )
    return client


def unavailable() -> Unavailable:
    """The store cannot answer now; what was being written may or may not be there."""
    return Unavailable(
        Text(
            "La base de données ne répond pas pour le moment ; réessayez dans quelques secondes.",
            "The database does not answer at the moment; try again in a few seconds.",
        ),
        headers={"Retry-After": "2"},
    )


def refused() -> Unavailable:
    """MongoDB does not let the server's user do what it must: an operator has to see to it."""
    return Unavailable(
        Text(
            "La base de données refuse le compte du serveur ; prévenez son exploitant.",
            "The database refuses the server's account; tell its operator.",
        ),
        headers={"Retry-After": "60"},
    )


def too_large() -> TooLarge:
    """A resource whose index values, or whose parts together, exceed what one document holds."""
    return TooLarge(
        Text(
            "La ressource est trop grande pour être enregistrée et indexée (16 Mo de valeurs d'index, au plus) ; "
            "partagez-la en plusieurs ressources.",
            "The resource is too large to be stored and indexed (16 MB of index values at most); "
            "split it into several resources.",
        )
    )


def beyond_cache() -> TooLarge:
    """A commit that writes more at once than MongoDB's cache takes."""
    return TooLarge(
        Text(
            "Cette transaction écrit plus à la fois que le cache de la base de données n'en prend ; "
            "partagez-la en plusieurs, ou donnez plus de cache à MongoDB.",
            "This transaction writes more at once than the database's cache takes; "
            "split it into several, or give MongoDB more cache.",
        )
    )


def out_of_time() -> Unavailable:
    """A query that ran longer than its budget."""
    return Unavailable(
        Text(
            "La requête a dépassé le temps accordé ; ajoutez un critère (patient, identifiant, date).",
            "The query exceeded its time budget; add a criterion (patient, identifier, date).",
        ),
        code="too-costly",
        headers={"Retry-After": "10"},
    )


def require_replica_set(client: MongoClient[dict[str, Any]]) -> None:
    """Make sure that transactions are possible.

    Raises:
        SettingError: a mongod alone has none.
    """
    hello = client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise SettingError("MONGODB_URI: this mongod is no member of a replica set; transactions need one")


@contextmanager
def admitted() -> Iterator[None]:
    """Tell an operator that MongoDB refuses the user of MONGODB_URI."""
    try:
        yield
    except OperationFailure as error:
        if error.code not in _REFUSED:
            raise
        raise SettingError(f"MONGODB_URI: MongoDB does not let this user in: {_said(error)}") from error


def _said(error: Exception) -> str:
    """Return what MongoDB said, without the rest of the command, which may tell of a patient."""
    details = getattr(error, "details", None) or {}
    return str(details.get("errmsg", error)).partition(",")[0]


_REFUSED: Final = frozenset({13, 18, 8000})  # Unauthorized, AuthenticationFailed, AtlasError
_PASSING: Final = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        43,  # CursorNotFound: its primary stepped down
        64,  # WriteConcernFailed
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        100,  # UnsatisfiableWriteConcern: the set is being changed
        112,  # WriteConflict
        134,  # ReadConcernMajorityNotAvailableYet
        175,  # QueryPlanKilled
        189,  # PrimarySteppedDown
        237,  # CursorKilled
        246,  # SnapshotUnavailable
        251,  # NoSuchTransaction
        262,  # ExceededTimeLimit
        290,  # TransactionExceededLifetimeLimitSeconds
        9001,  # SocketException
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11601,  # Interrupted
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        14031,  # OutOfDiskSpace
    }
)
_LABELS: Final = ("TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult")


class Seldom:
    """What is told once in so many seconds, however often it happens."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = float("-inf")

    def due(self) -> bool:
        """Tell whether it is to be told now."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


_refusals: Final = Seldom(10.0)


def failure_of(error: Exception) -> Failure | None:
    """Return what an error of the driver means to a client; None if it is a fault of ours."""
    codes = _codes(error)
    if isinstance(error, ExecutionTimeout):
        return out_of_time()
    if _BEYOND_CACHE in codes:
        return beyond_cache()
    if codes & _REFUSED:
        if _refusals.due():
            _log.error("MongoDB refuses the user of MONGODB_URI: %s", _said(error))
        return refused()
    if isinstance(error, DocumentTooLarge) or codes & _TOO_LARGE:
        return too_large()
    if isinstance(error, OverflowError | InvalidDocument):
        return too_large() if "large" in str(error) else None
    labelled = isinstance(error, PyMongoError) and any(error.has_error_label(label) for label in _LABELS)
    return unavailable() if labelled or isinstance(error, ConnectionFailure) or codes & _PASSING else None


def _codes(error: Exception) -> set[int]:
    codes = {getattr(error, "code", None)}
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        codes |= {
            entry.get("code") for name in ("writeErrors", "writeConcernErrors") for entry in details.get(name, ())
        }
    return {code for code in codes if code is not None}


@contextmanager
def translated() -> Iterator[None]:
    """Raise a failure that a client understands in place of the driver's error."""
    try:
        yield
    except (PyMongoError, OverflowError, InvalidDocument) as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise failure from error
    except OperationError as error:
        # mongoengine's word for what the driver says of an update
        cause = error.__context__
        failure = failure_of(cause) if isinstance(cause, Exception) else None
        if failure is None:
            raise
        raise failure from error
