"""An ITI-65 Bundle read into what it submits; nothing is judged here, and nothing malformed makes reading fail.

IHE MHD 4.2.3, 3.65.4.1 (Provide Document Bundle); PDSm 3.1.1, flux 1; PDSm4DMP 0.1.0, TD2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhirserver.dmp.names import LIST_TYPES
from fhirserver.dmp.submissions.flavours import BY_PROFILE, Flavour


@dataclass(slots=True)
class Part:
    """One entry of the Bundle.

    Attributes:
        position: its index.
        full_url: its fullUrl; None where it has none.
        resource: empty where the entry has none.
        method, url: of its request.
    """

    position: int
    full_url: str | None
    resource: Mapping[str, Any]
    method: str
    url: str

    @property
    def entry(self) -> str:
        """FHIRPath of the entry."""
        return f"Bundle.entry[{self.position}]"

    @property
    def path(self) -> str:
        """FHIRPath of the entry's resource."""
        return f"Bundle.entry[{self.position}].resource"

    @property
    def kind(self) -> str:
        """The type of the entry's resource."""
        return str(self.resource.get("resourceType", ""))


@dataclass
class Submission:
    """What a Bundle submits. What is looked up in it is worked out once, when reading is over.

    Attributes:
        flavour: which profiles its resources must meet.
        lists: all List entries, whatever their code.
        documents, patches, patients: DocumentReferences to be created; changes of existing ones; Patient entries.
        contents: Binary and document Bundle entries, by fullUrl.
        others: entries of no kind that a submission has.
    """

    flavour: Flavour
    lists: list[Part] = field(default_factory=list)
    documents: list[Part] = field(default_factory=list)
    patches: list[Part] = field(default_factory=list)
    patients: list[Part] = field(default_factory=list)
    contents: list[Part] = field(default_factory=list)
    others: list[Part] = field(default_factory=list)

    @cached_property
    def sets(self) -> list[Part]:
        """The submission sets: Lists of that code."""
        return [part for part in self.lists if list_code(part.resource) == "submissionset"]

    @cached_property
    def folders(self) -> list[Part]:
        """The folders: Lists of that code."""
        return [part for part in self.lists if list_code(part.resource) == "folder"]

    def content(self, document: Part) -> Part | None:
        """Return the entry that a document's attachment names."""
        url = attachment(document.resource).get("url")
        return self._by_url.get(url) if isinstance(url, str) else None

    @cached_property
    def _by_url(self) -> dict[str, Part]:
        # of several with one fullUrl, the first
        return {part.full_url: part for part in reversed(self.contents) if part.full_url}

    def parts(self) -> Iterator[Part]:
        """Give all entries that are resources to be stored, in no particular order."""
        yield from self.lists
        yield from self.documents
        yield from self.contents
        yield from self.patients


def of_parts(profiles: Sequence[str], parts: Sequence[Part]) -> Submission:
    """Read a submission; without a profile of MHD or PDSm it is held to PDSm comprehensive.

    Args:
        profiles: that the Bundle names, without their versions.
        parts: its entries.
    """
    named = [BY_PROFILE[profile] for profile in profiles if profile in BY_PROFILE]
    submission = Submission(named[0] if named else Flavour.PDSM)
    for part in parts:
        _place(submission, part)
    return submission


def _place(submission: Submission, part: Part) -> None:
    kind = part.kind
    if part.method == "PATCH":
        submission.patches.append(part)
    elif kind == "List":
        submission.lists.append(part)
    elif kind == "DocumentReference":
        submission.documents.append(part)
    elif kind == "Binary" or (kind == "Bundle" and part.resource.get("type") == "document"):
        submission.contents.append(part)
    elif kind == "Patient":
        submission.patients.append(part)
    else:
        submission.others.append(part)


def list_code(resource: Mapping[str, Any]) -> str | None:
    """Return the kind of a List: its code in MHD's code system."""
    for coding in codings(resource.get("code")):
        if coding.get("system") == LIST_TYPES:
            code = coding.get("code")
            return code if isinstance(code, str) else None
    return None


def codings(concept: Any) -> list[Mapping[str, Any]]:
    """Return the codings of a CodeableConcept, or of a list of them."""
    if isinstance(concept, list):
        return [coding for item in concept for coding in codings(item)]
    found = concept.get("coding") if isinstance(concept, dict) else None
    return [coding for coding in found if isinstance(coding, dict)] if isinstance(found, list) else []


def attachment(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attachment of a document's one content; empty where there is none."""
    contents = document.get("content")
    first = contents[0] if isinstance(contents, list) and contents else None
    found = first.get("attachment") if isinstance(first, dict) else None
    return found if isinstance(found, dict) else {}


def format_code(document: Mapping[str, Any]) -> str | None:
    """Return the format code of a document's content."""
    return _of_format(document, "code")


def format_system(document: Mapping[str, Any]) -> str | None:
    """Return the code system of a document's format."""
    return _of_format(document, "system")


def _of_format(document: Mapping[str, Any], element: str) -> str | None:
    contents = document.get("content")
    first = contents[0] if isinstance(contents, list) and contents else None
    found = first.get("format") if isinstance(first, dict) else None
    value = found.get(element) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def reference(value: Any) -> str | None:
    """Return the text of a reference; None where there is none."""
    text = value.get("reference") if isinstance(value, dict) else None
    return text if isinstance(text, str) and text else None


def criteria(value: Any, kind: str) -> str | None:
    """Return the text by which a Reference names a resource: literal, or criteria made of its identifier."""
    text = reference(value)
    if text is not None or not isinstance(value, dict):
        return text
    identifier = value.get("identifier")
    if not isinstance(identifier, dict) or not identifier.get("value"):
        return None
    return f"{kind}?identifier={identifier.get('system', '')}|{identifier['value']}"


def contained(resource: Mapping[str, Any], text: str | None) -> tuple[int, Mapping[str, Any]] | None:
    """Return the contained resource that `#id` names, with its index."""
    if not text or not text.startswith("#"):
        return None
    items = resource.get("contained")
    for position, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict) and item.get("id") == text[1:]:
            return position, item
    return None


def unique_id(document: Mapping[str, Any]) -> str | None:
    """Return a document's masterIdentifier as one text, system and value."""
    identifier = document.get("masterIdentifier")
    if not isinstance(identifier, dict):
        return None
    value = identifier.get("value")
    if not isinstance(value, str) or not value:
        return None
    system = str(identifier.get("system", ""))
    return f"{system}|{value.lower() if value.lower().startswith('urn:') else value}"
