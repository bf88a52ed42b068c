"""What goes into the store and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Method = Literal["POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class FileRef:
    """Content that a resource uses, addressed by its hash.

    Attributes:
        hash: SHA-256, 64 hexadecimal digits.
        size: in bytes.
    """

    hash: str
    size: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A resource to be written.

    Attributes:
        resource: the resource as `jsontext.read` gives it; the store sets `id`, `meta.versionId` and
            `meta.lastUpdated` in a copy of it.
        id: the id under which to write it; None lets the store make one (create only).
        index: index values of the search room, stored verbatim as `s` (deleted versions and history have none).
        origin: who wrote it, when, why and from where: the audit of the write, stored verbatim as `w`.
        method: how it was written, for history entries.
        partition: what a new id's bucket is computed from: the patient's INS.
        beside: an id whose bucket a new id takes: the patient's id. `partition` wins.
        files: content that this version uses; it must be put in the same commit, or be there already.
    """

    resource: Mapping[str, Any]
    id: str | None = None
    index: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    method: Method = "POST"
    partition: str | None = None
    beside: str | None = None
    files: tuple[FileRef, ...] = ()

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])


@dataclass(frozen=True, slots=True)
class Stored:
    """A version of a resource as it is kept.

    Attributes:
        version: 1, 2, 3…: `meta.versionId`.
        updated: `meta.lastUpdated`, aware, in milliseconds; grows strictly from version to version.
        body: the JSON text as it was stored; empty where `deleted`.
        deleted: whether this version says that the resource is deleted.
        origin: the audit data of the write.
        files: hashes of the content that this version uses.
    """

    type: str
    id: str
    version: int
    updated: datetime
    body: bytes
    deleted: bool
    method: Method
    origin: Mapping[str, Any]
    files: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        """The version as an ETag: `W/"3"`."""
        return f'W/"{self.version}"'


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Part of a history, newest first.

    Attributes:
        versions: the versions of this page.
        next: where the next page begins: give it back as `after`; None on the last page.
    """

    versions: tuple[Stored, ...]
    next: tuple[datetime, str] | None


@dataclass(frozen=True, slots=True)
class Task:
    """Something that must happen after a commit (outbox).

    Attributes:
        kind: which worker function does it.
        body: what that function needs; values that BSON knows.
        key: tasks of one key are done in the order of their commits; None: in any order.
        delay: seconds to wait before the first try.
    """

    kind: str
    body: Mapping[str, Any]
    key: str | None = None
    delay: float = 0.0
