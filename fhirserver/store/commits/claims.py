"""Business keys that exist once: a prescription's number, an editor's own key of a push, a dispenser's identifier.

`claims`: `{_id, at, content}`. A claim is inserted in the commit that it belongs to; of two commits that claim the same
name, one wins and the other runs again, and finds what the first one left under it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any


def name(kind: str, *parts: str) -> str:
    """Return the `_id` of a claim: hashed, since a key may be a secret or hold a patient's identity."""
    text = "\0".join((kind, *parts))
    return f"{kind}:{blake2b(text.encode(), digest_size=20).hexdigest()}"


def planned(claim: str, content: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """Return what a commit writes for a claim."""
    return {"_id": claim, "at": moment, "content": dict(content)}
