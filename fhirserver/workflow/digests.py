"""What tells the content of a push from another's: one digest for each entry, one for the whole.

Entries are told by what they hold and by what they refer to: neither the urns that name them nor their order in the
Bundle count (https://hl7.org/fhir/R4/http.html#trules: a transaction's order has no meaning).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from fhirserver import jsontext
from fhirserver.interactions.bundles.entries import Entry

_URN: Final = re.compile(rb"""urn:[^"\\\s<>'&|,?#]+""")
_NO_CONTENT: Final = ("method", "url", "ifNoneExist")
"""Of an entry's request: its address is told apart, and what is created is the same under any condition."""
_DEPTH: Final = 2
"""How far what an entry refers to is followed: a group names lines, which name a patient."""


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of a push.

    Attributes:
        whole: equal for pushes of the same content.
        entries: of its entries, in their order.
    """

    whole: str
    entries: tuple[str, ...]


def digests(found: Sequence[Entry]) -> Digests:
    """Return the digests of entries as they were sent."""
    named = {
        entry.full_url.encode(): at
        for at, entry in enumerate(found)
        if entry.full_url is not None and entry.full_url.startswith("urn:")
    }
    texts = [_split(_content(entry), named) for entry in found]
    told = [_digest(parts, [""] * len(found)) for parts in texts]
    if any(len(parts) > 1 for parts in texts):
        for _ in range(_DEPTH):
            told = [_digest(parts, told) for parts in texts]
    referring = defaultdict(list)
    for parts, own in zip(texts, told, strict=True):
        for other in parts[1::2]:
            referring[other].append(own)
    whole = sorted((own, sorted(referring[at])) for at, own in enumerate(told))
    return Digests(blake2b(jsontext.canonical(whole), digest_size=16).hexdigest(), tuple(told))


def _content(entry: Entry) -> bytes:
    return jsontext.canonical(
        [
            entry.method,
            list(entry.path),
            entry.query,
            {name: value for name, value in entry.request.items() if name not in _NO_CONTENT},
            entry.resource,
        ]
    )


def _split(text: bytes, named: Mapping[bytes, int]) -> list[bytes | int]:
    """Return a text in pieces, and between them the index of the entry that is named there."""
    parts: list[bytes | int] = []
    after = 0
    for match in _URN.finditer(text) if named else ():
        other = named.get(match[0])
        if other is not None:
            parts += [text[after : match.start()], other]
            after = match.end()
    return [*parts, text[after:]]


def _digest(parts: Sequence[bytes | int], told: Sequence[str]) -> str:
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(b"urn:entry:%b" % told[part].encode() if isinstance(part, int) else part)
    return found.hexdigest()
