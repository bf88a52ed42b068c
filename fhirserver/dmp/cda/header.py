"""The header of a CDA R2 document: what it says of itself, in the terms of a document's metadata.

HL7 CDA R2 (ISO/HL7 27932), 4.2; French constraints in CI-SIS, volet Structuration minimale.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from lxml import etree

from fhirserver.dmp.cda.reading import CDA, ROOT, Body, UnsafeXml, in_pieces, parse
from fhirserver.dmp.identity import Traits

_NS: Final = {"c": CDA}
_TIME: Final = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?([+-]\d{4})?", re.ASCII)
_RELATIONS: Final = {"RPLC": "replaces", "APND": "appends", "XFRM": "transforms"}


class Identifier(NamedTuple):
    """An instance identifier (II): an OID and, within it, an extension."""

    root: str
    extension: str | None = None

    @property
    def text(self) -> str:
        """The identifier as an XDS uniqueId: OID, or OID^extension."""
        return f"{self.root}^{self.extension}" if self.extension else self.root


class Code(NamedTuple):
    """A coded value (CE): code, OID of its system, display name."""

    code: str
    system: str | None = None
    display: str | None = None


class Person(NamedTuple):
    """A patient or author: identifiers, and the name as it is shown."""

    identifiers: tuple[Identifier, ...] = ()
    family: str | None = None
    given: str | None = None
    organization: tuple[Identifier, ...] = ()
    organization_name: str | None = None


class Enclosed(NamedTuple):
    """The one document that a CDA of level 1 encloses: the media type stated, and its first bytes (None: no base64)."""

    media: str
    head: bytes | None


@dataclass(frozen=True, slots=True)
class Header:
    """What a CDA says of itself; None or empty where it does not.

    Attributes:
        identifier, type, title, language, confidentiality: of the document.
        effective: when it was made, as a FHIR dateTime.
        patient, traits: whom it is about.
        patients: how many it is about.
        authors: who wrote it.
        custodian: who keeps it.
        related: (relation as in DocumentReference.relatesTo.code, identifier of the other document).
        start, end: of what it documents (documentationOf/serviceEvent/effectiveTime).
        events: codes of the acts that it documents.
        structured: whether its body is made of sections (level 3 or 2) or one enclosed document (level 1).
        enclosed: that document.
    """

    identifier: Identifier | None
    type: Code | None
    title: str | None
    language: str | None
    confidentiality: Code | None
    effective: str | None
    patient: Person
    traits: Traits
    patients: int
    authors: tuple[Person, ...]
    custodian: Person
    related: tuple[tuple[str, Identifier], ...]
    start: str | None
    end: str | None
    events: tuple[Code, ...]
    structured: bool
    enclosed: Enclosed | None


def read(data: bytes | Iterable[bytes]) -> Header | None:
    """Read a document's header; None if it is XML, but no CDA.

    Raises:
        UnsafeXml: it has a DTD, is not well-formed, or out of all proportion.
    """
    root, body = parse(in_pieces(data) if isinstance(data, bytes | memoryview) else data)
    if root.tag != ROOT:
        return None
    return _header(root, body)


def missing(header: Header) -> list[str]:
    """Return the paths of what every CDA header must state and this one does not."""
    stated = {
        "id": header.identifier,
        "code": header.type,
        "title": header.title,
        "effectiveTime": header.effective,
        "recordTarget/patientRole/id": header.patient.identifiers,
        "author": header.authors,
        "custodian": header.custodian.identifiers or header.custodian.organization_name,
    }
    return [path for path, value in stated.items() if not value]


def _header(root: etree._Element, body: Body) -> Header:
    roles = root.findall("c:recordTarget/c:patientRole", _NS)
    role = roles[0] if roles else None
    services = root.findall("c:documentationOf/c:serviceEvent", _NS)
    times = [service.find("c:effectiveTime", _NS) for service in services]
    return Header(
        identifier=_identifier(root.find("c:id", _NS)),
        type=_code(root.find("c:code", _NS)),
        title=_text(root.find("c:title", _NS)),
        language=_attribute(root.find("c:languageCode", _NS), "code"),
        confidentiality=_code(root.find("c:confidentialityCode", _NS)),
        effective=moment(_attribute(root.find("c:effectiveTime", _NS), "value")),
        patient=_patient(role),
        traits=_traits(role),
        patients=len(roles),
        authors=tuple(_author(author) for author in root.findall("c:author/c:assignedAuthor", _NS)),
        custodian=_custodian(root),
        related=tuple(_related(root)),
        start=_first(times, "low") or _first(times, None),
        end=_first(times, "high"),
        events=tuple(code for service in services if (code := _code(service.find("c:code", _NS)))),
        structured=body.tag is not None and body.tag.endswith("}structuredBody"),
        enclosed=_enclosed(body),
    )


def _enclosed(body: Body) -> Enclosed | None:
    if body.tag is not None and body.tag.endswith("}nonXMLBody") and not body.filled:
        return Enclosed(body.media, b"")
    if not body.beginning:
        return None
    try:
        whole = body.beginning[: len(body.beginning) // 4 * 4]  # four characters are three bytes
        return Enclosed(body.media, base64.b64decode(whole, validate=True))
    except ValueError:
        return Enclosed(body.media, None)


def _patient(role: etree._Element | None) -> Person:
    if role is None:
        return Person()
    name = role.find("c:patient/c:name", _NS)
    return Person(
        tuple(_identifiers(role)),
        _text(name.find("c:family", _NS)) if name is not None else None,
        _text(name.find("c:given", _NS)) if name is not None else None,
    )


def _traits(role: etree._Element | None) -> Traits:
    patient = role.find("c:patient", _NS) if role is not None else None
    if patient is None:
        return Traits()
    families = patient.findall("c:name/c:family", _NS)
    births = [name for name in families if name.get("qualifier") == "BR"] or families
    given = patient.findall("c:name/c:given", _NS)
    first = [name for name in given if name.get("qualifier") == "BR"] or given
    born = moment(_attribute(patient.find("c:birthTime", _NS), "value"))
    place = _text(patient.find("c:birthplace/c:place/c:addr/c:county", _NS))
    return Traits(
        _text(births[0]) if births else None,
        (_text(first[0]) or "").split(" ")[0] or None if first else None,
        _attribute(patient.find("c:administrativeGenderCode", _NS), "code"),
        born[:10] if born else None,
        place,
    )


def _author(assigned: etree._Element) -> Person:
    name = assigned.find("c:assignedPerson/c:name", _NS)
    organization = assigned.find("c:representedOrganization", _NS)
    return Person(
        tuple(_identifiers(assigned)),
        _text(name.find("c:family", _NS)) if name is not None else None,
        _text(name.find("c:given", _NS)) if name is not None else None,
        tuple(_identifiers(organization)) if organization is not None else (),
        _text(organization.find("c:name", _NS)) if organization is not None else None,
    )


def _custodian(root: etree._Element) -> Person:
    found = root.find("c:custodian/c:assignedCustodian/c:representedCustodianOrganization", _NS)
    if found is None:
        return Person()
    return Person(tuple(_identifiers(found)), organization_name=_text(found.find("c:name", _NS)))


def _related(root: etree._Element) -> Iterable[tuple[str, Identifier]]:
    for related in root.findall("c:relatedDocument", _NS):
        relation = _RELATIONS.get(related.get("typeCode", ""))
        for parent in related.findall("c:parentDocument", _NS):
            for identifier in _identifiers(parent):
                if relation:
                    yield relation, identifier


def _identifiers(element: etree._Element) -> Iterable[Identifier]:
    for item in element.findall("c:id", _NS):
        identifier = _identifier(item)
        if identifier:
            yield identifier


def _identifier(element: etree._Element | None) -> Identifier | None:
    root = _attribute(element, "root")
    return Identifier(root, _attribute(element, "extension")) if root else None


def _code(element: etree._Element | None) -> Code | None:
    code = _attribute(element, "code")
    return Code(code, _attribute(element, "codeSystem"), _attribute(element, "displayName")) if code else None


def _attribute(element: etree._Element | None, name: str) -> str | None:
    value = element.get(name) if element is not None else None
    return value.strip() or None if isinstance(value, str) else None


def _text(element: etree._Element | None) -> str | None:
    if element is None:
        return None
    return " ".join("".join(map(str, element.itertext())).split()) or None


def _first(times: Iterable[etree._Element | None], part: str | None) -> str | None:
    for time in times:
        if time is None:
            continue
        found = time.find(f"c:{part}", _NS) if part else time
        value = moment(_attribute(found, "value"))
        if value:
            return value
    return None


def moment(stamp: str | None) -> str | None:
    """Write an HL7 time stamp (`20240520103000+0200`) as a FHIR date or dateTime of the same precision."""
    match = _TIME.fullmatch(stamp or "")
    if not match:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not hour or not minute or not offset:
        # FHIR has no time without a time zone
        return date
    return f"{date}T{hour}:{minute}:{second or '00'}{offset[:3]}:{offset[3:]}"


__all__ = ["Code", "Header", "Identifier", "Person", "UnsafeXml", "missing", "moment", "read"]
