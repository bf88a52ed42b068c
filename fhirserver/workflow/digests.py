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
    content = told = [_hash(b"\0urn\0".join(pieces)) for pieces, _ in texts]
    linked = any(others for _, others in texts)
    for _ in range(_DEPTH if linked else 0):
        told = [
            _hash("".join((own, *(told[other] for other in others))).encode()) if others else own
            for own, (_, others) in zip(content, texts, strict=True)
        ]
    referring = defaultdict(list)
    for own, (_, others) in zip(told, texts, strict=True):
        for other in others:
            referring[other].append(own)
    whole = sorted((own, sorted(referring[at])) for at, own in enumerate(told))
    return Digests(_hash(jsontext.canonical(whole)), tuple(told))


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


def _split(text: bytes, named: Mapping[bytes, int]) -> tuple[list[bytes], list[int]]:
    """Return a text in pieces, and the indexes of the entries that are named between them."""
    pieces, others, after = [], [], 0
    for match in _URN.finditer(text) if named else ():
        other = named.get(match[0])
        if other is not None:
            pieces.append(text[after : match.start()])
            others.append(other)
            after = match.end()
    return [*pieces, text[after:]], others


def _hash(text: bytes) -> str:
    return blake2b(text, digest_size=16).hexdigest()
