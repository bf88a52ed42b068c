"""What the bytes of a document say of their type, and which types go with a format code.

Format codes: JDV_J10 (TRE_A11-IheFormatCode, TRE_A06-FormatCodeComplementaire).
"""

from __future__ import annotations

from typing import Final

XML: Final = frozenset({"text/xml", "application/xml", "application/hl7-sda+xml", "application/cda+xml"})
ZIP: Final = frozenset({"application/zip", "application/x-zip-compressed"})
FHIR_JSON: Final = frozenset({"application/fhir+json", "application/json"})
FHIR_XML: Final = frozenset({"application/fhir+xml"})
_RTF: Final = frozenset({"text/rtf", "application/rtf"})

HEAD: Final = 1024
"""How many bytes are looked at."""

_MAGIC: Final[tuple[tuple[frozenset[str], tuple[bytes, ...]], ...]] = (
    (frozenset({"application/pdf"}), (b"%PDF-",)),
    (frozenset({"image/jpeg", "image/jpg"}), (b"\xff\xd8\xff",)),
    (frozenset({"image/png"}), (b"\x89PNG\r\n\x1a\n",)),
    (frozenset({"image/gif"}), (b"GIF87a", b"GIF89a")),
    (frozenset({"image/tiff"}), (b"II*\x00", b"MM\x00*")),
    (_RTF, (b"{\\rtf",)),
    (ZIP, (b"PK\x03\x04",)),
)
_PROGRAMS: Final = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

_FORMATS: Final[dict[str, frozenset[str]]] = {
    "urn:ihe:iti:xds-sd:pdf:2008": XML | {"application/pdf"},
    "urn:ihe:iti:xds-sd:text:2008": XML | {"text/plain"},
    "urn:ihe:iti-fr:xds-sd:jpeg:2010": XML | {"image/jpeg", "image/jpg"},
    "urn:ihe:iti-fr:xds-sd:rtf:2010": XML | _RTF,
    "urn:ihe:iti-fr:xds-sd:tiff:2010": XML | {"image/tiff"},
    "1.2.840.10008.5.1.4.1.1.88.59": frozenset({"application/dicom"}),
    "urn:ans:ci-sis:feuille-de-style:2023": XML | {"text/xsl", "application/xslt+xml"},
    "urn:ihe:pcc:ips:2020": XML | ZIP | FHIR_JSON | FHIR_XML,
}
_STRUCTURED: Final = ("urn:asip:ci-sis:", "urn:ans:ci-sis:", "urn:asipSante:", "urn:ihe:")
"""Every other format code that begins so is one of CDA documents, alone or in an XDM archive."""


def bare(content_type: object) -> str:
    """Return a media type in lower case, without its parameters."""
    return str(content_type or "").partition(";")[0].strip().lower()


def is_program(head: bytes) -> bool:
    """Tell whether the bytes begin as those of something that a machine would run."""
    return head.startswith(_PROGRAMS)


def agrees(media: str, head: bytes) -> bool:
    """Tell whether bytes may be of a media type; types without a mark of their own agree with anything."""
    for types, marks in _MAGIC:
        if media in types:
            return head.startswith(marks)
    if media in XML | FHIR_XML:
        return _begins(head, b"<")
    if media in FHIR_JSON:
        return _begins(head, b"{")
    if media == "application/dicom":
        return head[128:132] == b"DICM"
    if media == "text/plain":
        return recognised(head) is None
    return True


def recognised(head: bytes) -> str | None:
    """Return the media type that bytes show by their mark; None if they have none."""
    for types, marks in _MAGIC:
        if head.startswith(marks):
            return min(types)
    if head[128:132] == b"DICM":
        return "application/dicom"
    if _begins(head, b"<?xml") or _begins(head, b"<ClinicalDocument"):
        return "text/xml"
    return None


def goes_with(format_code: str, media: str) -> bool:
    """Tell whether a media type may carry documents of a format; unknown formats go with anything."""
    if format_code in _FORMATS:
        return media in _FORMATS[format_code]
    if format_code.endswith("mimeTypeSufficient"):
        return True
    if format_code.startswith(_STRUCTURED):
        return media in XML | ZIP
    return True


def expected(format_code: str) -> str:
    """Return the media types of a format, for a message."""
    return ", ".join(sorted(_FORMATS.get(format_code, XML | ZIP)))


def _begins(head: bytes, mark: bytes) -> bool:
    for order in _MARKS:
        head = head.removeprefix(order)
    return head.replace(b"\x00", b"").lstrip().startswith(mark)
