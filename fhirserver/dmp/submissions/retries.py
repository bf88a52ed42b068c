"""Is this the same submission again: what a retry must share with the first one.

A client that got no answer sends again, often with new fullUrls, a new time stamp and a new uniqueId of the List. The
documents are the same when their uniqueIds, contents and metadata are; the List's identifiers and date may differ.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.dmp.submissions.submission import Submission, unique_id

_NOT_COMPARED: Final = frozenset({"id", "text", "meta", "implicitRules"})
_OF_THE_MOMENT: Final = frozenset({"identifier", "date"})
"""Elements of a List that a client makes anew for each attempt."""
_URL: Final = re.compile(r'"([A-Za-z][A-Za-z0-9+.\-]*:[^"\\]*)"')
"""A string of a JSON text that may be a fullUrl: whatever begins with a scheme."""


def unique_ids(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the uniqueIds of documents, each once."""
    return list(dict.fromkeys(name for document in documents if (name := unique_id(document))))


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
    lists = sorted(_told(part.resource, names, _NOT_COMPARED | _OF_THE_MOMENT) for part in submission.lists)
    return hashlib.sha256(jsontext.canonical([documents, lists, sorted(hashes.items())])).hexdigest()


def order(submission: Submission) -> list[int]:
    """Return the positions of the entries in an order that does not depend on how they were sent."""
    owners = {
        content.position: unique_id(part.resource) or ""
        for part in submission.documents
        if (content := submission.content(part)) is not None
    }
    ranked = [
        sorted(submission.documents, key=lambda part: unique_id(part.resource) or ""),
        sorted(submission.contents, key=lambda part: owners.get(part.position, "")),
        [*submission.sets, *submission.folders],
        sorted(submission.patches, key=lambda part: part.url),
    ]
    found = [part.position for parts in ranked for part in parts]
    rest = [part.position for part in (*submission.lists, *submission.patients, *submission.others)]
    return list(dict.fromkeys([*found, *rest]))


def fingerprint_of_document(document: Mapping[str, Any], content: str) -> str:
    """Return the same for a document of the simplified publish.

    Args:
        document: as it was sent.
        content: hash of its content, which is not compared as text.
    """
    told = _compared(document, _NOT_COMPARED)
    told["content"] = [
        {**item, "attachment": {name: value for name, value in item["attachment"].items() if name != "data"}}
        for item in told["content"]
        if isinstance(item, dict) and isinstance(item.get("attachment"), dict)
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
    for rank, part in enumerate((*submission.sets, *submission.folders)):
        if part.full_url:
            names[part.full_url] = f"list {rank}"
    for position, part in enumerate(submission.patients):
        if part.full_url:
            names[part.full_url] = f"patient {position}"
    return names


def _told(resource: Mapping[str, Any], names: Mapping[str, str], left_out: frozenset[str]) -> str:
    """Return the text of what counts in a resource, its fullUrls by lasting names."""
    text = jsontext.canonical(_compared(resource, left_out)).decode()
    return _URL.sub(lambda found: _renamed(found, names), text)


def _renamed(found: re.Match[str], names: Mapping[str, str]) -> str:
    name = names.get(found[1])
    return found[0] if name is None else jsontext.write(name).decode()


def _compared(resource: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    return {
        key: item
        for key, item in resource.items()
        if key not in left_out and not (key == "identifier" and _only_made_up(item))
    }


def _only_made_up(identifiers: Any) -> bool:
    """Tell whether identifiers are all entryUUIDs, which a client makes up for each attempt."""
    return isinstance(identifiers, list) and all(
        isinstance(item, dict) and item.get("use") == "official" and str(item.get("value")).startswith("urn:uuid:")
        for item in identifiers
    )
