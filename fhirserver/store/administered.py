"""Small collections that people or long-running requests administer, as mongoengine documents.

None of them is on the way of an ordinary request. `connect` gives mongoengine the database once for each process.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import mongoengine
from mongoengine import BooleanField, DateTimeField, DictField, Document, IntField, ListField, StringField

from fhirserver.store.connection import DURABLE, options

if TYPE_CHECKING:
    from fhirserver.store.store import Store

_ALIAS: Final = "fhirserver"
JOB_STATES: Final = ("waiting", "running", "done")


def _now() -> datetime:
    return datetime.now(UTC)


class Client(Document):  # type: ignore[misc] # mongoengine publishes no types
    """A software that may ask for tokens or sign its own, and whose tokens may be withdrawn.

    Attributes:
        id: `client_id` of its tokens.
        name: what people call it.
        structure: identifier of the organisation that runs it.
        scopes: SMART scopes beyond which it gets nothing.
        keys: its public keys as JWK.
        active: False: its tokens are refused.
    """

    id = StringField(primary_key=True)
    name = StringField(required=True, max_length=200)
    structure = StringField()
    scopes = ListField(StringField())
    keys = ListField(DictField())
    active = BooleanField(default=True)
    created = DateTimeField(default=_now)

    meta = {"collection": "clients", "db_alias": _ALIAS, "auto_create_index": False}  # noqa: RUF012 - mongoengine's way


class Job(Document):  # type: ignore[misc] # mongoengine publishes no types
    """A request that is answered later (https://hl7.org/fhir/R4/async.html); it survives a restart.

    Attributes:
        id: what the status address names.
        owner: who asked, and alone may know of it.
        request: what was asked and by whom, never the token; its body is content (`body`: hash).
        state: one of JOB_STATES.
        progress: for `X-Progress`.
        status: HTTP status of the result.
        media: media type of the result; None: FHIR JSON.
        result: hash of the content that holds the result.
        files: both hashes: content stays while a job names it.
        moment: what was written until then, the result knows of.
        expires: when the job and its result are forgotten; None while it is not done.
    """

    id = StringField(primary_key=True)
    owner = StringField(required=True)
    request = DictField(required=True)
    body = StringField()
    state = StringField(choices=JOB_STATES, default="waiting")
    progress = StringField()
    status = IntField()
    media = StringField()
    result = StringField()
    files = ListField(StringField())
    created = DateTimeField(default=_now)
    moment = DateTimeField()
    expires = DateTimeField()

    meta = {"collection": "jobs", "db_alias": _ALIAS, "auto_create_index": False}  # noqa: RUF012 - mongoengine's way


def connect(store: Store, uri: str) -> None:
    """Let the documents of this module live in a store's database; their indexes are among the store's own.

    To be called once in each process, after it was forked; it asks MongoDB nothing yet.
    """
    mongoengine.connect(
        store.database.name,
        alias=_ALIAS,
        host=uri,
        connect=False,
        tz_aware=True,
        uuidRepresentation="standard",
        w=DURABLE.document["w"],
        journal=DURABLE.document["j"],
        wTimeoutMS=DURABLE.document["wtimeout"],
        **options(uri),
    )


def disconnect() -> None:
    """Let go of the connection."""
    mongoengine.disconnect(alias=_ALIAS)
