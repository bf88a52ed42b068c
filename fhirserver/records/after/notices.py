"""What a patient is told of, noted with the commit in which it happens; `notifying.py` tells him."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from fhirserver.dmp.records.record import EVENT_OF_ACT
from fhirserver.store import Task, Transaction

NOTIFY: Final = "dmp-notify"
"""Kind of the outbox task that writes a notification."""
_ID_LENGTH: Final = 40


class Access(NamedTuple):
    """Somebody's access without authorisation.

    Attributes:
        mode: `emergency` or `regulation`.
        reader: by which he is told from others.
        name: for display; empty where unknown.
        day: ISO date.
        secret: whether this is a minor's secret connection.
    """

    mode: str
    reader: str
    name: str
    day: str
    secret: bool

    def identity(self, key: str) -> str:
        """Return the id of the notification of such accesses to a record."""
        return identity(key, self.mode, self.reader, self.day)


def identity(*parts: str) -> str:
    """Return the id of the one notification of an event."""
    return f"notice-{sha256('|'.join(parts).encode()).hexdigest()[:_ID_LENGTH]}"


def of_document(transaction: Transaction, key: str, document: str, who: str) -> None:
    """Note that a document is new to the patient, once for each document.

    Args:
        transaction: that brings it.
        key: of the record.
        document: id of the DocumentReference.
        who: name of its author or sender; empty where unknown.
    """
    body = {"id": identity(key, "document", document), "event": "document", "what": "document", "document": document}
    _note(transaction, key, {**body, "who": who})


def of_access(transaction: Transaction, key: str, access: Access) -> None:
    """Note an access without authorisation, once a day for each reader and mode."""
    body: dict[str, str | bool] = {"id": access.identity(key), "event": "access", "what": access.mode}
    _note(transaction, key, {**body, "who": access.name, "secret": access.secret})


def of_act(transaction: Transaction, key: str, act: str, who: str, *, secret: bool = False) -> None:
    """Note that somebody else than the patient changed the record by an act."""
    event = EVENT_OF_ACT.get(act)
    if event is not None:
        notice = identity(key, act, transaction.moment.isoformat())
        _note(transaction, key, {"id": notice, "event": event, "what": act, "who": who, "secret": secret})


def _note(transaction: Transaction, key: str, body: dict[str, str | bool]) -> None:
    transaction.enqueue(Task(NOTIFY, {**body, "record": key}))
