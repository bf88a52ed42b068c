"""Strangers' XML and archives: what is read of them, and what is refused."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import pytest

from fhirserver.dmp.cda import archive, header
from fhirserver.dmp.cda.archive import UnusableArchive
from fhirserver.dmp.cda.header import Identifier
from fhirserver.dmp.cda.reading import UnsafeXml
from fhirserver.dmp.identity import Traits
from tests.unit.dmp.cda import cda, enclosed

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
MOST = 20 * 1024 * 1024


def test_a_header_says_who_what_when_and_about_whom() -> None:
    related = (
        '<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.250.1.999.7.0"/></parentDocument>'
        "</relatedDocument>"
    )
    found = header.read(cda(related=related))
    assert found is not None
    assert found.identifier == Identifier("1.2.250.1.999.7.1")
    assert (found.type and found.type.code, found.language) == ("11488-4", "fr-FR")
    assert found.title == "Compte rendu de consultation de cardiologie"
    assert found.effective == "2026-03-02T09:15:00+01:00"
    assert (found.start, found.end) == ("2026-03-02T08:30:00+01:00", "2026-03-02T09:00:00+01:00")
    assert found.patient.identifiers == (Identifier("1.2.250.1.213.1.4.10", "284058832102532"),)
    assert found.traits == Traits("MOREL-DÉMO", "Camille", "F", "1984-05-17", None)
    assert found.authors[0].identifiers == (Identifier("1.2.250.1.71.4.2.1", "810000693076"),)
    assert found.custodian.organization_name == "Centre hospitalier"
    assert found.related == (("replaces", Identifier("1.2.250.1.999.7.0")),)
    assert found.structured
    assert header.missing(found) == []


def test_a_level_1_document_is_read_without_its_body() -> None:
    found = header.read(cda(enclosed(b"%PDF-1.4" * 500_000)))
    assert found is not None
    assert not found.structured


def test_a_bare_document_lacks_all_that_a_header_must_state() -> None:
    found = header.read(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>')
    assert found is not None
    assert len(header.missing(found)) == 7


def test_other_xml_is_no_cda() -> None:
    assert header.read(b"<note/>") is None


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        "<!DOCTYPE x><x/>".encode("utf-16"),
        b"<x>&undeclared;</x>",
        b"<x>" * 300 + b"</x>" * 300,
        b"<x><y></x>",
        b"",
        b"\x00\x01\x02",
        b"<x>",
    ],
    ids=[
        "entity bomb", "external DTD", "external entity", "DTD in UTF-16", "undeclared entity", "deep", "crossed",
        "empty", "noise", "cut off",
    ],
)  # fmt: skip
def test_unsafe_or_broken_xml_is_refused(text: bytes) -> None:
    with pytest.raises(UnsafeXml):
        header.read(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "DTD"),
        (b"<x>" * 300 + b"</x>" * 300, "deeper than 200"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3">' + b"<id/>" * 20_001 + b"</ClinicalDocument>", "header"),
    ],
    ids=["DTD", "deep", "long header"],
)
def test_a_refusal_names_its_own_reason_and_not_the_parsers(text: bytes, why: str) -> None:
    with pytest.raises(UnsafeXml, match=why):
        header.read(text)


def test_a_document_of_level_1_tells_how_what_it_encloses_begins() -> None:
    told = header.read(cda(enclosed(b"%PDF-1.7 " + bytes(10_000))))
    assert told is not None
    assert told.enclosed is not None
    assert told.enclosed.media == "application/pdf"
    assert told.enclosed.head is not None
    assert told.enclosed.head.startswith(b"%PDF-1.7 ")
    structured = header.read(cda())
    assert structured is not None
    assert structured.enclosed is None


def test_what_comes_after_the_header_must_be_well_formed_too() -> None:
    with pytest.raises(UnsafeXml):
        header.read(cda("<component><structuredBody><section></structuredBody></component>"))


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("2026", "2026"),
        ("202603", "2026-03"),
        ("20260302", "2026-03-02"),
        ("20260302091500+0100", "2026-03-02T09:15:00+01:00"),
        ("202603020915+0100", "2026-03-02T09:15:00+01:00"),
        ("20260302091500", "2026-03-02"),
        ("yesterday", None),
        (None, None),
    ],
)
def test_a_time_stamp_becomes_a_fhir_time_of_its_precision(stamp: str | None, told: str | None) -> None:
    assert header.moment(stamp) == told


def xdm(content: bytes, **changes: Any) -> bytes:
    """Build an XDM archive of one CDA; `changes`: hash, size, uri, and further members by name."""
    told = {
        "hash": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "size": len(content),
        "uri": "DOC001.XML",
        "members": {},
        **changes,
    }
    slots = "".join(
        f'<Slot name="{name}"><ValueList><Value>{told[name.lower()]}</Value></ValueList></Slot>'
        for name in ("hash", "size", "URI")
    )
    metadata = f'<x xmlns="{RIM}"><ExtrinsicObject mimeType="text/xml">{slots}</ExtrinsicObject></x>'
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("INDEX.HTM", "<html/>")
        made.writestr("IHE_XDM/SUBSET01/METADATA.XML", metadata)
        made.writestr("IHE_XDM/SUBSET01/DOC001.XML", content)
        for name, data in told["members"].items():
            made.writestr(name, data)
    return output.getvalue()


def test_an_archive_gives_the_documents_that_its_metadata_describe() -> None:
    content = cda()
    data = xdm(content)
    (found,) = archive.read(data, MOST)
    assert found.header is not None
    assert found.header.identifier == Identifier("1.2.250.1.999.7.1")
    assert archive.member(data, found.path, MOST) == content


@pytest.mark.parametrize(
    "data",
    [
        xdm(cda(), hash="0" * 40),
        xdm(cda(), size=3),
        xdm(cda(), uri="../../etc/passwd"),
        xdm(cda(), uri="DOC009.XML"),
        xdm(b"<!DOCTYPE x><x/>"),
        xdm(cda(), members={"IHE_XDM/SUBSET01/TOOL.EXE": b"MZ" + bytes(100)}),
        xdm(cda(), members={"BOMB": b"\0" * (4 * 1024 * 1024)}),
        xdm(cda(), members={f"F{number}": b"" for number in range(1_100)}),
        xdm(cda())[:-40],
        b"PK\x03\x04 and then nothing",
    ],
    ids=["hash", "size", "path", "missing", "DTD inside", "program", "bomb", "many", "cut off", "no zip"],
)
def test_a_bad_archive_is_refused(data: bytes) -> None:
    with pytest.raises(UnusableArchive):
        archive.read(data, MOST)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../../etc/x.txt", "leaves"),
        ("/etc/x.txt", "leaves"),
        ("..\\x.txt", "leaves"),
        ("C:\\x.txt", "leaves"),
        ("IHE_XDM/SUBSET01/doc001.xml", "same name"),
    ],
)
def test_an_archive_whose_names_leave_it_or_stand_twice_is_refused(name: str, told: str) -> None:
    with pytest.raises(archive.UnusableArchive, match=told):
        archive.read(xdm(cda(), members={name: b"x"}), MOST)


def test_an_archive_may_have_folders_and_dots_in_its_names() -> None:
    assert archive.read(xdm(cda(), members={"IHE_XDM/": b"", "IHE_XDM/SUBSET01/a..b.txt": b"x"}), MOST)
