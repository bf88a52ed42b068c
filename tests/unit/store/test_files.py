from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Draft, FileRef, Store, Transaction
from fhirserver.store.kept.files import INLINE

SMALL = b"%PDF-1.7 small"
LARGE = os.urandom(INLINE * 3 + 17)
LATER = timedelta(hours=30)


def keep(store: Store, content: bytes, identity: str) -> FileRef:
    def work(tx: Transaction) -> FileRef:
        ref = tx.put_file(content)
        tx.update(Draft({"resourceType": "Binary"}, id=identity, files=(ref,)))
        return ref

    return store.transact(work)


@pytest.mark.parametrize("content", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_content_is_read_back_whole_and_in_ranges(store: Store, content: bytes) -> None:
    ref = keep(store, content, "1")
    assert ref == FileRef(hashlib.sha256(content).hexdigest(), len(content))
    opened = store.files.open(ref.hash)
    assert opened is not None
    assert opened.size == len(content)
    assert opened.read() == content
    for start, end in ((0, 1), (5, 10), (len(content) // 2, None), (len(content) - 3, len(content) + 100)):
        assert b"".join(opened.pieces(max(start, 0), end)) == content[max(start, 0) : end]


def test_content_is_streamed_in_and_out_in_pieces_of_bounded_size(store: Store) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(LARGE), 1000):
            yield LARGE[start : start + 1000]

    upload = store.files.upload(pieces())
    assert upload.data is None
    store.transact(lambda tx: tx.keep_file(upload))
    opened = store.files.open(upload.ref.hash)
    assert opened is not None
    out = list(opened.pieces())
    assert b"".join(out) == LARGE
    assert max(map(len, out)) <= 256 * 1024


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_equal_content_is_kept_once(store: Store, content: bytes) -> None:
    keep(store, content, "1")
    keep(store, content, "2")
    assert store.database["files"].estimated_document_count() == 1
    assert store.database["content.files"].estimated_document_count() == (content is LARGE)


def test_content_of_a_refused_commit_is_not_there(store: Store) -> None:
    def work(tx: Transaction) -> None:
        tx.put_file(LARGE)
        tx.put_file(SMALL)
        tx.flush()
        raise KeyError

    with pytest.raises(KeyError):
        store.transact(work)
    assert store.files.open(hashlib.sha256(LARGE).hexdigest()) is None
    assert store.files.open(hashlib.sha256(SMALL).hexdigest()) is None
    assert store.files.collect(datetime.now(UTC) + LATER) == 1
    assert store.database["content.chunks"].estimated_document_count() == 0


def test_an_upload_that_breaks_off_leaves_nothing(store: Store) -> None:
    def pieces() -> Iterator[bytes]:
        yield LARGE
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store.files.upload(pieces())
    assert store.database["content.chunks"].estimated_document_count() == 0


def test_collecting_keeps_what_any_version_uses_and_removes_the_rest_after_a_day(store: Store) -> None:
    used_before, used_now = keep(store, LARGE, "1"), keep(store, SMALL, "2")
    keep(store, b"replaced", "1")
    unused = store.transact(lambda tx: tx.put_file(LARGE + b"unused"))
    assert store.files.collect() == 0
    assert store.files.collect(datetime.now(UTC) + LATER) == 1
    assert store.files.open(unused.hash) is None
    assert store.files.read(used_before.hash) == LARGE
    assert store.files.read(used_now.hash) == SMALL
    assert store.database["uploads"].estimated_document_count() == 0
    assert store.files.collect(datetime.now(UTC) + LATER) == 0


def test_two_uploads_of_the_same_content_at_once_keep_one_and_the_other_is_collected(store: Store) -> None:
    first, second = store.files.upload([LARGE]), store.files.upload([LARGE])
    store.transact(lambda tx: tx.update(Draft({"resourceType": "Binary"}, id="1", files=(tx.keep_file(first),))))
    store.transact(lambda tx: tx.update(Draft({"resourceType": "Binary"}, id="2", files=(tx.keep_file(second),))))
    assert store.files.collect(datetime.now(UTC) + LATER) == 1
    assert store.files.read(first.ref.hash) == LARGE
    assert store.database["content.files"].estimated_document_count() == 1
