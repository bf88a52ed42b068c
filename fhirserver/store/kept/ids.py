"""Ids made by the server, and the key under which a resource is kept.

An id made here reads `b7k-01jd3x2q8v5m0t9r4w6`: three characters of bucket, a dash, seven of time (seconds), twelve
of chance. The bucket comes from a partition hint (the patient's INS), so that all that concerns one patient
lies together; the time keeps new entries of a bucket side by side in the index; 60 bits of chance make ids that
nobody guesses. Any other id (a client's own) has the bucket that its hash gives. So the bucket is a function of the id
alone, and a read by id goes to one shard.

`_id` of a resource is `bucket/Type/id`: a text that begins with the bucket, so that `{_id: 1}` is the shard key and
no further index is needed (docs/decisions/storage-layout.md).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from functools import lru_cache
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_FIVE_BITS: Final = bytes(ord(_DIGITS[byte % 32]) for byte in range(256))
"""The digit that the lower five bits of each byte make."""
_BUCKET_LENGTH: Final = 3
_TIME_LENGTH: Final = 7
_CHANCE_LENGTH: Final = 12
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
BUCKETS: Final = 32**_BUCKET_LENGTH
"""How many buckets there are: of 231 million documents, about 7,000 fall into each."""

_MADE_HERE: Final = re.compile(rf"[{_DIGITS}]{{{_BUCKET_LENGTH}}}-[{_DIGITS}]{{{_TIME_LENGTH + _CHANCE_LENGTH}}}")


def new_id(partition: str | None = None) -> str:
    """Make an id.

    Args:
        partition: what the resource belongs to, such as the patient's INS; equal hints share a bucket.
            None: any bucket.
    """
    begin = secrets.randbelow(BUCKETS) if partition is None else _hash(partition)
    return _write(begin, _BUCKET_LENGTH) + _rest()


def id_beside(other: str) -> str:
    """Make an id in the bucket of another id: what belongs to that patient lies beside it."""
    return bucket(other) + _rest()


@lru_cache(maxsize=8192)
def bucket(identity: str) -> str:
    """Return the bucket of an id: three characters."""
    if _MADE_HERE.fullmatch(identity):
        return identity[:_BUCKET_LENGTH]
    return _write(_hash(identity), _BUCKET_LENGTH)


def key(resource_type: str, identity: str) -> str:
    """Return the `_id` of a resource's current version."""
    return f"{bucket(identity)}/{resource_type}/{identity}"


def version_key(resource_type: str, identity: str, version: int) -> str:
    """Return the `_id` of a superseded version.

    Versions of one resource sort by number, and those of several resources as the resources' keys do: `#` comes before
    any character of an id.
    """
    return f"{key(resource_type, identity)}#{version:010d}"


def _rest() -> str:
    """Make what follows the bucket: time and chance."""
    return f"-{_second(int(time.time()))}{secrets.token_bytes(_CHANCE_LENGTH).translate(_FIVE_BITS).decode()}"


@lru_cache(maxsize=2)
def _second(moment: int) -> str:
    return _write(moment, _TIME_LENGTH)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % BUCKETS


def _write(number: int, length: int) -> str:
    pairs = []
    for _ in range((length + 1) // 2):
        number, rest = divmod(number, 1024)
        pairs.append(_PAIRS[rest])
    return "".join(reversed(pairs))[-length:]
