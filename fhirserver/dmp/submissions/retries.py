"""Is this the same submission again: what a retry must share with the first one.

A client that got no answer sends again, often with new fullUrls, a new time stamp and a new uniqueId of the List. The
documents are the same when their uniqueIds, contents and metadata are; the List's identifiers and date may differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp.submissions.submission import Part, Submission, unique_id

_NOT_COMPARED: Final = frozenset({"id", "text", "meta", "implicitRules"})
_OF_THE_MOMENT: Final = frozenset({"identifier", "date"})
"""Elements of a List that a client makes anew for each attempt."""


def unique_ids(parts: Sequence[Part]) -> list[str]:
    """Return the uniqueIds of documents."""
    return [name for part in parts if (name := unique_id(part.resource))]


def fingerprint(submission: Submission, hashes: Mapping[str, str]) -> str:
    """Return what two attempts at one submission have in common, and nothing else has.

    Args:
        submission: as it was sent.
        hashes: of each document's content, by uniqueId.
    """
    names = _names(submission)
    documents = sorted(
        [unique_id(part.resource) or "", _told(part.resource, names, _NOT_COMPARED)] for part in submission.documents
    )
    lists = sorted(
        jsontext.canonical(_told(part.resource, names, _NOT_COMPARED | _OF_THE_MOMENT)).decode()
        for part in submission.lists
    )
    told = [[name, jsontext.canonical(document).decode()] for name, document in documents]
    return hashlib.sha256(jsontext.canonical([told, lists, sorted(hashes.items())])).hexdigest()


def fingerprint_of_document(document: Mapping[str, Any], content: str) -> str:
    """Return the same for a document of the simplified publish.

    Args:
        document: as it was sent.
        content: hash of its content, which is not compared as text.
    """
    told = _told(document, {}, _NOT_COMPARED)
    told["content"] = [
        {**item, "attachment": {name: value for name, value in item.get("attachment", {}).items() if name != "data"}}
        for item in told.get("content", [])
        if isinstance(item, dict)
    ]
    return hashlib.sha256(jsontext.canonical([told, content])).hexdigest()


def _names(submission: Submission) -> dict[str, str]:
    """Return names that do not depend on the attempt, for the fullUrls of the entries."""
    names: dict[str, str] = {}
    for part in submission.documents:
        if part.full_url:
            names[part.full_url] = f"document {unique_id(part.resource)}"
        content = submission.content(part)
        if content is not None and content.full_url:
            names[content.full_url] = f"content of {unique_id(part.resource)}"
    for position, part in enumerate(submission.lists):
        if part.full_url:
            names[part.full_url] = f"list {position}"
    for position, part in enumerate(submission.patients):
        if part.full_url:
            names[part.full_url] = f"patient {position}"
    return names


def _told(value: Any, names: Mapping[str, str], left_out: frozenset[str]) -> Any:
    """Return a resource without what does not count, its fullUrls by lasting names."""
    return {
        key: _renamed(item, names)
        for key, item in value.items()
        if key not in left_out and not (key == "identifier" and _only_made_up(item))
    }


def _only_made_up(identifiers: Any) -> bool:
    """Tell whether identifiers are all entryUUIDs, which a client makes up for each attempt."""
    return isinstance(identifiers, list) and all(
        isinstance(item, dict) and item.get("use") == "official" and str(item.get("value")).startswith("urn:uuid:")
        for item in identifiers
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, str):
        return names.get(value, value)
    return value
