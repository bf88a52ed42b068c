"""What the store keeps of a document beside it, so that a search finds only what its reader may see.

The marks stand under `dmp` in the audit data of a version (`w`), where no client can write. They are made anew with
each version of a DocumentReference:

| mark | of | holds |
|---|---|---|
| `record` | all | the record: system and value of the patient's INS, joined by a bar |
| `labels` | document | its visibility labels in one text (`labels.text`) |
| `status`, `type`, `archived` | document | as the DocumentReference says |
| `authors` | document | `rpps:…`, `structure:…`, `ins:…` of its authors |
| `document` | content | id of the DocumentReference whose content this is |
| `documents` | list | ids of the DocumentReferences that it lists |
| `notice` | notification | the event; `about`: id of the DocumentReference that it tells of; `secret` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fhirserver.dmp import labels
from fhirserver.dmp.identity import SYSTEMS
from fhirserver.dmp.names import IS_ARCHIVED, NATIONAL_PROFESSIONAL, NATIONAL_STRUCTURE, RPPS
from fhirserver.dmp.visibility import Document

_RPPS_DIGITS: Final = 11


def of_document(document: Mapping[str, Any], record: str, authors: Sequence[str] = ()) -> dict[str, Any]:
    """Return the marks of a DocumentReference.

    Args:
        document: the resource.
        record: the patient's record.
        authors: more names of authors than the document shows by itself (of resources that it refers to).
    """
    coding: Mapping[str, Any] = next(iter(document.get("type", {}).get("coding", ())), {})
    return {
        "record": record,
        "labels": labels.text(labels.of(document)),
        "status": str(document.get("status", "")),
        "type": str(coding.get("code", "")),
        "archived": archived(document),
        "authors": sorted({*named_authors(document), *authors}),
    }


def of_content(record: str, document: str) -> dict[str, Any]:
    """Return the marks of what a document's attachment refers to."""
    return {"record": record, "document": document}


def of_list(record: str, documents: Sequence[str]) -> dict[str, Any]:
    """Return the marks of a submission set or folder."""
    return {"record": record, "documents": list(documents)}


def of_notice(record: str, event: str, document: str | None, *, secret: bool) -> dict[str, Any]:
    """Return the marks of a notification to the patient.

    Args:
        record: the patient's record.
        event: of which it tells.
        document: id of the DocumentReference that it is about.
        secret: whether it tells of a minor's secret, which representatives must not know of.
    """
    told = {"record": record, "notice": event}
    return told | ({"about": document} if document else {}) | ({"secret": "1"} if secret else {})


def judged(marks: Mapping[str, Any], names: Sequence[str]) -> Document:
    """Return what the visibility function asks of a document, for a reader of these names."""
    return Document(
        labels=frozenset(str(marks["labels"]).split()),
        status=str(marks["status"]),
        type=str(marks["type"]) or None,
        archived=bool(marks["archived"]),
        own=bool(set(names) & set(marks["authors"])),
    )


def archived(document: Mapping[str, Any]) -> bool:
    """Tell whether a DocumentReference is archived (absent: it is not)."""
    return any(
        extension.get("url") == IS_ARCHIVED and extension.get("valueBoolean") is True
        for extension in document.get("extension", ())
    )


def named_authors(document: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of authors that a DocumentReference shows: identifiers, its own or of contained resources."""
    contained = {f"#{item.get('id')}": item for item in document.get("contained", ()) if isinstance(item, dict)}
    for reference in document.get("author", ()):
        yield from of_reference(reference, contained)


def of_reference(reference: Mapping[str, Any], contained: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give the names of whom a reference means, by its identifier or by the contained resource that it names."""
    yield from _named(reference.get("identifier"))
    resource = contained.get(str(reference.get("reference", "")))
    if resource is not None:
        yield from of_resource(resource, {key: item for key, item in contained.items() if item is not resource})


def of_resource(resource: Mapping[str, Any], contained: Mapping[str, Mapping[str, Any]] | None = None) -> Iterator[str]:
    """Give the names of a person or structure: its identifiers, and those of whom a role is."""
    for identifier in resource.get("identifier", ()):
        yield from _named(identifier)
    for element in ("practitioner", "organization"):
        inner = resource.get(element)
        if isinstance(inner, Mapping):
            yield from of_reference(inner, contained or {})


def _named(identifier: Any) -> Iterator[str]:
    if not isinstance(identifier, Mapping):
        return
    system, value = identifier.get("system"), str(identifier.get("value", ""))
    if not value:
        return
    if system in (NATIONAL_PROFESSIONAL, RPPS):
        # "8" precedes an RPPS number where the national form of the id is asked for
        yield f"rpps:{value[-_RPPS_DIGITS:]}"
    elif system == NATIONAL_STRUCTURE:
        yield f"structure:{value}"
    elif system in SYSTEMS:
        yield f"ins:{value}"
