"""Content kept as bytes, addressed by its SHA-256 hash; equal content is kept once.

`files`: `{_id: hash, size, touched, data}`, or `grid` in place of `data` beyond `INLINE`: the id in GridFS
(`content.files`, `content.chunks`). A document of `files` is written in the commit of the version that uses it, so
content is there exactly if its resource is. GridFS is written before the commit and noted in `uploads`; a day later
`collect` removes what no commit took over, and what no version (or job) uses any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from bson import Int64, ObjectId
from gridfs import GridFSBucket
from gridfs.errors import NoFile
from pymongo import UpdateOne
from pymongo.database import Database

from fhirserver.store.connection import DURABLE, translated
from fhirserver.store.kept.values import FileRef

INLINE: Final = 1024 * 1024
"""Content up to this many bytes lies in its document of `files`; beyond, in GridFS."""
_PIECE: Final = 255 * 1024
_TOGETHER: Final = 8
"""Chunks of GridFS that are written together: what an upload holds in memory."""
_GRACE: Final = timedelta(hours=24)
"""How long content without a version that uses it is kept: a commit may be about to use it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Content that waits for the commit that keeps it.

    Attributes:
        ref: hash and size.
        data: the bytes, when they fit into a document.
        grid: the id in GridFS, when they do not; None with no data: the content is there already.
    """

    ref: FileRef
    data: bytes | None = None
    grid: ObjectId | None = None


class Content:
    """Content that is there.

    Attributes:
        size: in bytes.
    """

    def __init__(self, bucket: GridFSBucket, document: Mapping[str, Any]) -> None:
        self.size: int = document["size"]
        self._bucket = bucket
        self._document = document

    def pieces(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Give the bytes from `start` up to, not including, `end`, in pieces of bounded size.

        Raises:
            Unavailable: MongoDB does not answer.
        """
        end = self.size if end is None else min(end, self.size)
        if "data" in self._document:
            yield bytes(self._document["data"][start:end])
            return
        with translated(), self._bucket.open_download_stream(self._document["grid"]) as stream:
            stream.seek(start)
            rest = end - start
            while rest > 0 and (piece := stream.read(min(rest, _PIECE))):
                rest -= len(piece)
                yield piece

    def read(self) -> bytes:
        """Return all bytes."""
        return b"".join(self.pieces())


class Files:
    """The content of a database."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        durable = database.with_options(write_concern=DURABLE)
        self._files = durable["files"]
        self._uploads = durable["uploads"]
        self._bucket = GridFSBucket(durable, "content")
        self._described, self._chunks = durable["content.files"], durable["content.chunks"]
        self._users = tuple(database[name] for name in ("resources", "history", "jobs"))

    def upload(self, pieces: Iterable[bytes]) -> Upload:
        """Take content in; in constant memory, whatever its size. `Transaction.keep_file` makes it stay.

        Raises:
            Unavailable: MongoDB does not answer.
            Exception: whatever the pieces raise; nothing stays then.
        """
        source = iter(pieces)
        digest = hashlib.sha256()
        head = bytearray()
        for piece in source:
            digest.update(piece)
            head += piece
            if len(head) > INLINE:
                break
        else:
            return Upload(FileRef(digest.hexdigest(), len(head)), bytes(head))
        with translated():
            return self._upload_large(bytes(head), source, digest)

    def _upload_large(self, head: bytes, source: Iterator[bytes], digest: Any) -> Upload:
        grid = ObjectId()
        self._uploads.insert_one({"_id": grid, "at": datetime.now(UTC)})
        try:
            size = self._write(grid, head, source, digest)
        except BaseException:
            self._remove(grid)
            raise
        upload = Upload(FileRef(digest.hexdigest(), size), grid=grid)
        # content that is there already gets 24 hours from now on, in which the commit comes
        if self._files.update_one({"_id": upload.ref.hash}, {"$set": {"touched": _this_hour()}}).matched_count:
            self.discard(upload)
            return Upload(upload.ref)
        self._uploads.update_one({"_id": grid}, {"$set": {"hash": upload.ref.hash}})
        return upload

    def _write(self, grid: ObjectId, head: bytes, source: Iterator[bytes], digest: Any) -> int:
        """Write a GridFS file, a few chunks at a time (the driver's own stream holds 48 MB before it writes).

        https://github.com/mongodb/specifications/blob/master/source/gridfs/gridfs-spec.md
        """
        rest, chunks, number, size = bytearray(head), [], 0, len(head)
        for piece in chain(source, [b""]):
            digest.update(piece)
            size += len(piece)
            rest += piece
            while len(rest) >= _PIECE or (not piece and rest):
                chunks.append({"files_id": grid, "n": number, "data": bytes(rest[:_PIECE])})
                del rest[:_PIECE]
                number += 1
            if chunks and (len(chunks) >= _TOGETHER or not piece):
                self._chunks.insert_many(chunks)
                chunks = []
        told = {"_id": grid, "length": Int64(size), "chunkSize": _PIECE, "uploadDate": datetime.now(UTC)}
        self._described.insert_one(told)
        return size

    def discard(self, upload: Upload) -> None:
        """Remove an upload that no commit will keep."""
        if upload.grid is not None:
            with translated():
                self._remove(upload.grid)
                self._uploads.delete_one({"_id": upload.grid})

    def keeping(self, upload: Upload) -> UpdateOne:
        """Return what the commit writes to `files` to make an upload stay."""
        placed: dict[str, Any] = {"size": upload.ref.size}
        if upload.data is not None:
            placed["data"] = upload.data
        elif upload.grid is not None:
            placed["grid"] = upload.grid
        # the hour, so that commits of one hour that use the same content do not write, and do not meet
        change = {"$set": {"touched": _this_hour()}, "$setOnInsert": placed}
        return UpdateOne({"_id": upload.ref.hash}, change, upsert=True)

    def open(self, content: str) -> Content | None:
        """Return content by its hash; None if it is not here."""
        with translated():
            document = self._files.find_one({"_id": content})
        return None if document is None else Content(self._bucket, document)

    def read(self, content: str) -> bytes:
        """Return all bytes of content that a version refers to."""
        opened = self.open(content)
        assert opened is not None, f"content {content} is missing"
        return opened.read()

    def collect(self, now: datetime | None = None) -> int:
        """Remove content that no version uses, and uploads that no commit kept, after a day of grace.

        Returns:
            How many contents and uploads were removed.
        """
        before = (now or datetime.now(UTC)) - _GRACE
        with translated():
            return self._collect_uploads(before) + self._collect_unused(before)

    def _collect_uploads(self, before: datetime) -> int:
        count = 0
        for waiting in self._uploads.find({"at": {"$lt": before}}):
            kept = self._files.find_one({"_id": waiting.get("hash")}, {"grid": True}) or {}
            if kept.get("grid") != waiting["_id"]:
                self._remove(waiting["_id"])
                count += 1
            self._uploads.delete_one({"_id": waiting["_id"]})
        return count

    def _collect_unused(self, before: datetime) -> int:
        count = 0
        for document in self._files.find({"touched": {"$lt": before}}, {"data": False}):
            if self._used(document["_id"]):
                continue
            if self._forget(document):
                count += 1
        return count

    def _forget(self, document: Mapping[str, Any]) -> bool:
        """Remove content unless a commit has begun to use it: such a commit writes `touched`, so the two meet."""
        with self._files.database.client.start_session() as session, session.start_transaction():
            if self._used(document["_id"], session):
                return False
            removed = self._files.delete_one({"_id": document["_id"], "touched": document["touched"]}, session=session)
            if not removed.deleted_count:
                return False
        if "grid" in document:
            self._remove(document["grid"])
        return True

    def _used(self, content: str, session: Any = None) -> bool:
        return any(users.find_one({"files": content}, {"_id": True}, session=session) for users in self._users)

    def _remove(self, grid: ObjectId) -> None:
        # an upload that was cut off has chunks only: `delete` removes them, then finds no file
        with suppress(NoFile):
            self._bucket.delete(grid)


def _this_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
