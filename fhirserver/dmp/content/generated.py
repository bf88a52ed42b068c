"""ITI-106 (Generate Metadata): a submission made from a document that describes itself.

IHE MHD 4.2.3, 3.106: the document is a CDA R2 in a Binary, or a FHIR document Bundle. What neither states (format,
facility, practice setting) is left out: the metadata meet MHD's minimal profile.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhirserver.dmp import identity
from fhirserver.dmp.cda.header import Code, Header, Identifier, Person
from fhirserver.dmp.document_types import CLASSES_OF_TYPE
from fhirserver.dmp.names import (
    CLASSES,
    LIST_TYPES,
    MIME_TYPE_SUFFICIENT,
    NATIONAL_PROFESSIONAL,
    NATIONAL_STRUCTURE,
    NOS,
    SOURCE_ID,
    URI,
)
from fhirserver.dmp.submissions.flavours import PROFILES, Flavour
from fhirserver.dmp.submissions.submission import codings, reference

_SYSTEMS: Final = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.5.25": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "1.2.250.1.213.1.1.4.12": f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire",
}
_CONFIDENTIALITY: Final = _SYSTEMS["2.16.840.1.113883.5.25"]
_FORMATS: Final = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
_PROFILES: Final = PROFILES[Flavour.MINIMAL]
_PEOPLE: Final = ("Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson", "Device")


def of_cda(header: Header, content: bytes, media: str) -> dict[str, Any]:
    """Return the DocumentReference of a CDA.

    Args:
        header: of the CDA.
        content: its bytes.
        media: its media type.
    """
    contained: list[dict[str, Any]] = []
    authors = [_author(person, position, contained) for position, person in enumerate(header.authors)]
    period = {key: value for key, value in (("start", header.start), ("end", header.end)) if value}
    return _document(
        contained=contained,
        masterIdentifier=_identifier(header.identifier, use="usual") if header.identifier else None,
        type=_concept(header.type),
        category=_category([header.type.code] if header.type else []),
        subject=_subject(header.patient.identifiers),
        date=header.effective,
        author=authors,
        custodian=_custodian(header.custodian),
        relatesTo=[
            {"code": code, "target": {"reference": f"DocumentReference?identifier={_query(old)}"}}
            for code, old in header.related
        ],
        securityLabel=[_concept(header.confidentiality)] if header.confidentiality else [],
        attachment={
            "contentType": media,
            "language": header.language,
            "size": len(content),
            "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii"),
            "title": header.title,
            "creation": header.effective,
        },
        context={"event": [_concept(code) for code in header.events], "period": period},
    )


def of_bundle(bundle: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the DocumentReference of a FHIR document; None if it does not begin with a Composition."""
    entries = [entry for entry in bundle.get("entry", []) if isinstance(entry, dict)]
    composition = entries[0].get("resource") if entries else None
    if not isinstance(composition, dict) or composition.get("resourceType") != "Composition":
        return None
    places = {str(entry.get("fullUrl")): entry.get("resource") for entry in entries}
    contained: list[dict[str, Any]] = []
    authors = [_carried(places, item, position, contained) for position, item in enumerate(_all(composition, "author"))]
    event = next(iter(_all(composition, "event")), {})
    label = composition.get("confidentiality")
    master = bundle.get("identifier") or composition.get("identifier")
    patient = places.get(reference(composition.get("subject")) or "")
    return _document(
        contained=contained,
        masterIdentifier={"use": "usual", **master} if isinstance(master, dict) else None,
        type=composition.get("type"),
        category=_category([str(coding.get("code")) for coding in codings(composition.get("type"))]),
        subject=_patient(patient) or composition.get("subject"),
        date=composition.get("date"),
        author=authors,
        custodian=_outside(places, composition.get("custodian")),
        relatesTo=[],
        securityLabel=[{"coding": [{"system": _CONFIDENTIALITY, "code": label}]}] if label else [],
        attachment={
            "contentType": "application/fhir+json",
            "language": composition.get("language") or bundle.get("language") or "fr-FR",
            "title": composition.get("title"),
            "creation": composition.get("date"),
        },
        context={"event": event.get("code", []), "period": event.get("period", {})},
    )


def submission(document: dict[str, Any], content: Mapping[str, Any], client: str) -> dict[str, Any]:
    """Return the ITI-65 Bundle that submits a document with generated metadata.

    Args:
        document: of `of_cda` or `of_bundle`.
        content: the Binary, or the document Bundle.
        client: who sends it: its name becomes the source's identifier.
    """
    listed, described, held = (f"urn:uuid:{uuid.uuid4()}" for _ in range(3))
    document["content"][0]["attachment"]["url"] = held
    source = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, client)}"
    submission_set: dict[str, Any] = {
        "resourceType": "List",
        "meta": {"profile": [_PROFILES.submission_set]},
        "extension": [{"url": SOURCE_ID, "valueIdentifier": {"system": URI, "value": source}}],
        "status": "current",
        "mode": "working",
        "code": {"coding": [{"system": LIST_TYPES, "code": "submissionset"}]},
        "date": document.get("date"),
        "entry": [{"item": {"reference": described}}],
    }
    if "subject" in document:
        submission_set["subject"] = document["subject"]
    entries = [_entry(listed, submission_set), _entry(described, document), _entry(held, content)]
    replaced = [item["target"] for item in document.get("relatesTo", []) if item["code"] == "replaces"]
    entries += [_superseding(target["reference"]) for target in replaced]
    bundle = {"resourceType": "Bundle", "meta": {"profile": [_PROFILES.bundle]}, "type": "transaction"}
    return {**bundle, "entry": entries}


def _document(*, attachment: dict[str, Any], context: dict[str, Any], **elements: Any) -> dict[str, Any]:
    told = {key: value for key, value in attachment.items() if value is not None}
    kept = {key: value for key, value in elements.items() if value}
    inside = {key: value for key, value in context.items() if value}
    kept |= {"context": inside} if inside else {}
    return {
        "resourceType": "DocumentReference",
        "meta": {"profile": [_PROFILES.document]},
        "status": "current",
        **kept,
        "content": [{"attachment": told, "format": {"system": _FORMATS, "code": MIME_TYPE_SUFFICIENT}}],
    }


def _entry(url: str, resource: Mapping[str, Any]) -> dict[str, Any]:
    kind = resource["resourceType"]
    return {"fullUrl": url, "resource": dict(resource), "request": {"method": "POST", "url": kind}}


def _superseding(url: str) -> dict[str, Any]:
    parts = [("type", "valueCode", "replace"), ("path", "valueString", "DocumentReference.status")]
    parts.append(("value", "valueCode", "superseded"))
    operation = {"name": "operation", "part": [{"name": name, key: value} for name, key, value in parts]}
    return {
        "fullUrl": f"urn:uuid:{uuid.uuid4()}",
        "resource": {"resourceType": "Parameters", "parameter": [operation]},
        "request": {"method": "PATCH", "url": url},
    }


def _identifier(identifier: Identifier, use: str | None = None) -> dict[str, Any]:
    head = {"use": use} if use else {}
    if identifier.extension:
        return {**head, "system": f"urn:oid:{identifier.root}", "value": identifier.extension}
    return {**head, "system": URI, "value": f"urn:oid:{identifier.root}"}


def _query(identifier: Identifier) -> str:
    written = _identifier(identifier)
    return f"{written['system']}|{written['value']}"


def _concept(code: Code | None) -> dict[str, Any] | None:
    if code is None:
        return None
    coding = {"system": _SYSTEMS.get(code.system or "", f"urn:oid:{code.system}"), "code": code.code}
    return {"coding": [{**coding, "display": code.display} if code.display else coding]}


def _category(types: Sequence[str]) -> list[dict[str, Any]]:
    classes = sorted({each for name in types for each in CLASSES_OF_TYPE.get(name, ())})
    return [{"coding": [{"system": CLASSES, "code": classes[0]}]}] if classes else []


def _subject(identifiers: Sequence[Identifier]) -> dict[str, Any] | None:
    for identifier in identifiers:
        system = f"urn:oid:{identifier.root}"
        if system in identity.SYSTEMS and identifier.extension:
            return {"reference": f"Patient?identifier={system}|{identifier.extension}"}
    return None


def _patient(patient: Any) -> dict[str, Any] | None:
    numbers = identity.national(patient) if isinstance(patient, dict) else []
    return {"reference": f"Patient?identifier={numbers[0][0]}|{numbers[0][1]}"} if numbers else None


def _author(person: Person, position: int, contained: list[dict[str, Any]]) -> dict[str, Any]:
    name = " ".join(filter(None, (person.given, person.family)))
    role: dict[str, Any] = {"resourceType": "PractitionerRole", "id": f"author-{position}"}
    for element, identifiers, display, system in (
        ("practitioner", person.identifiers, name, NATIONAL_PROFESSIONAL),
        ("organization", person.organization, person.organization_name, NATIONAL_STRUCTURE),
    ):
        told: dict[str, Any] = {"display": display} if display else {}
        chosen = [each for each in identifiers if f"urn:oid:{each.root}" == system] or list(identifiers)
        if chosen:
            told["identifier"] = _identifier(chosen[0])
        if told:
            role[element] = told
    contained.append(role)
    return {"reference": f"#{role['id']}"}


def _custodian(person: Person) -> dict[str, Any] | None:
    told: dict[str, Any] = {}
    if person.identifiers:
        told["identifier"] = _identifier(person.identifiers[0])
    if person.organization_name:
        told["display"] = person.organization_name
    return told or None


def _carried(places: Mapping[str, Any], item: Any, position: int, contained: list[dict[str, Any]]) -> dict[str, Any]:
    """Contain an author that the document carries: its fullUrl means nothing outside of the document."""
    text = reference(item) or ""
    resource = places.get(text)
    if not isinstance(resource, dict) or str(resource.get("resourceType")) not in _PEOPLE:
        return dict(item) if isinstance(item, dict) else {}
    name = f"author-{position}"
    kept = {key: value for key, value in resource.items() if key not in ("meta", "text", "contained")}
    for element in ("practitioner", "organization"):
        if element in kept:
            kept[element] = _outside(places, kept[element])
    contained.append({**kept, "id": name})
    return {"reference": f"#{name}"}


def _outside(places: Mapping[str, Any], item: Any) -> dict[str, Any] | None:
    """Return a reference by identifier to what a document carries."""
    resource = places.get(reference(item) or "")
    if not isinstance(resource, dict):
        return item if isinstance(item, dict) else None
    identifiers = resource.get("identifier")
    told: dict[str, Any] = {"identifier": identifiers[0]} if isinstance(identifiers, list) and identifiers else {}
    if isinstance(resource.get("name"), str):
        told["display"] = resource["name"]
    return told or None


def _all(resource: Mapping[str, Any], element: str) -> list[dict[str, Any]]:
    found = resource.get(element)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
