"""The content of a document compared with what its metadata say of it.

Hash (SHA-1 in base64) and size are those of the document itself, never of its base64 text (IHE MHD 4.2.3, 3.65.4.1.2).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhirserver import base64text, jsontext
from fhirserver.dmp.cda import archive
from fhirserver.dmp.cda.header import Header, UnsafeXml, missing
from fhirserver.dmp.cda.header import read as read_header
from fhirserver.dmp.content import media
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.submission import attachment, format_code
from fhirserver.issues import Issue

UNPACKED: Final = 20
"""An XDM archive may unpack to this many times the largest document."""
HELD: Final = 1 << 20
"""Bytes up to which a content is held once it is decoded: who keeps it need not decode and hash it again."""
_PIECE: Final = 1 << 16
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


@dataclass(slots=True)
class Examined:
    """What a content turned out to be.

    Attributes:
        size: in bytes.
        sha1: SHA-1 of the bytes, in base64.
        sha256: SHA-256 of the bytes, in hexadecimal: the store's name for the content.
        head: the first bytes.
        data: all bytes, where they are few enough to be held.
        sha1_of_text: SHA-1 of the base64 text, in base64, where the hash stated is not that of the bytes.
        headers: of the CDA documents that it is, or carries.
        faults: what is wrong with the content in itself.
    """

    size: int = 0
    sha1: str = ""
    sha256: str = ""
    head: bytes = b""
    data: bytes | None = None
    sha1_of_text: str = ""
    headers: tuple[Header, ...] = ()
    faults: list[Issue] = field(default_factory=list)


def decode(data: Any) -> bytes | None:
    """Return the bytes of a base64 text, white space being allowed; None if it is no base64."""
    try:
        return b"".join(base64text.pieces(data)) if isinstance(data, str) else None
    except ValueError:
        return None


def examine(text: Any, declared: str, path: str, most: int, stated: Any = None) -> Examined:
    """Look at the content of a Binary, or of an attachment with data.

    Args:
        text: its base64.
        declared: the media type that the metadata give.
        path: FHIRPath of the element that holds it.
        most: largest document, in bytes.
        stated: the hash that the metadata give.
    """
    if not isinstance(text, str):
        return _no_base64(path)
    head, size, held = bytearray(), 0, list[bytes]()
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    try:
        for piece in base64text.pieces(text):
            size += len(piece)
            sha1.update(piece)
            sha256.update(piece)
            if len(head) < media.HEAD:
                head += piece[: media.HEAD - len(head)]
            if size <= HELD:
                held.append(piece)
            else:
                held.clear()
    except ValueError:
        return _no_base64(path)
    found = Examined(size, _base64(sha1), sha256.hexdigest(), bytes(head), b"".join(held) if size <= HELD else None)
    if stated != found.sha1:
        found.sha1_of_text = _sha1_of_text(text)
    found.faults += _as_such(found, declared, path, most)
    if not found.faults:
        _look_inside(found, text, declared, path, most)
    return found


def _as_such(found: Examined, declared: str, path: str, most: int) -> Iterator[Issue]:
    if not found.size:
        yield fault(path, "content-empty", "Le document est vide.", "The document is empty.", "value")
    elif found.size > most:
        yield fault(
            path,
            "content-size",
            f"Le document fait {found.size} octets ; la limite est de {most}.",
            f"The document has {found.size} bytes; the limit is {most}.",
            "too-long",
        )
    elif media.is_program(found.head):
        yield fault(
            path,
            "content-type",
            f"Le contenu est un programme exécutable, pas un document ({declared or '?'}).",
            f"The content is an executable program, no document ({declared or '?'}).",
            "value",
        )


def _look_inside(found: Examined, text: str, declared: str, path: str, most: int) -> None:
    """Read the headers of the CDA that a content is, or of those that it carries."""
    try:
        if declared in media.XML and media.agrees(declared, found.head):
            header = read_header(base64text.pieces(text))
            found.headers = (header,) if header else ()
        elif declared in media.ZIP and media.agrees(declared, found.head):
            content = b"".join(base64text.pieces(text))
            found.headers = tuple(one.header for one in archive.read(content, most * UNPACKED) if one.header)
    except (UnsafeXml, archive.UnusableArchive) as error:
        found.faults.append(fault(path, "content", error.fr, error.en, "value"))


def _no_base64(path: str) -> Examined:
    found = Examined()
    found.faults.append(
        fault(
            path,
            "base64",
            "Le contenu n'est pas du base64 (alphabet de la RFC 4648, complété par « = »).",
            'The content is no base64 (alphabet of RFC 4648, padded with "=").',
            "value",
        )
    )
    return found


def _sha1_of_text(text: str) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for start in range(0, len(text), _PIECE):
        digest.update(text[start : start + _PIECE].encode("ascii", "replace"))
    return _base64(digest)


def _base64(digest: Any) -> str:
    return base64.b64encode(digest.digest()).decode("ascii")


def fhir_document(document: Mapping[str, Any], path: str, bundle: Mapping[str, Any]) -> Examined:
    """Look at a FHIR document, which is a resource: its bytes are the server's, so hash and size say nothing of it."""
    found = Examined(sha256=hashlib.sha256(jsontext.canonical(bundle)).hexdigest())
    declared = media.bare(attachment(document).get("contentType"))
    if declared and declared not in media.FHIR_JSON | media.FHIR_XML:
        found.faults.append(
            fault(
                f"{path}.content[0].attachment.contentType",
                "content-type",
                f"Un Bundle de type document est du application/fhir+json, pas du {declared[:60]}.",
                f"A Bundle of type document is application/fhir+json, not {declared[:60]}.",
                "value",
            )
        )
    return found


def compare(document: Mapping[str, Any], path: str, content_path: str, found: Examined, told: str) -> Iterator[Issue]:
    """Give what differs between a document's attachment and its content.

    Args:
        document: the DocumentReference.
        path: its FHIRPath.
        content_path: FHIRPath of the Binary, or of the attachment.
        found: what the content is.
        told: contentType of the Binary; that of the attachment where there is no Binary.
    """
    yield from found.faults
    stated, where = attachment(document), f"{path}.content[0].attachment"
    declared = media.bare(stated.get("contentType"))
    if declared and told and declared != told:
        yield fault(
            f"{where}.contentType",
            "content-type",
            f"contentType {declared[:60]} n'est pas celui du Binary ({told[:60]}).",
            f"contentType {declared[:60]} is not that of the Binary ({told[:60]}).",
            "value",
        )
    yield from _language(stated, where)
    if not found.sha1:
        return
    yield from _hash(stated, where, found)
    size = stated.get("size")
    if size is not None and size != found.size:
        yield fault(
            f"{where}.size",
            "size",
            f"size vaut {size}, le document fait {found.size} octets (le document, pas son base64).",
            f"size is {size}, the document has {found.size} bytes (the document, not its base64).",
            "value",
        )
    if found.faults:
        return
    yield from _kind(declared or told, where, found)
    yield from _format(document, declared or told, path, found)
    for header in found.headers:
        yield from _enclosed(header, content_path)
        for absent in missing(header):
            yield fault(
                content_path,
                "cda-header",
                f"L'en-tête du CDA n'a pas {absent}.",
                f"The CDA's header has no {absent}.",
                "required",
            )


def _enclosed(header: Header, path: str) -> Iterator[Issue]:
    """Check the document that a CDA of level 1 encloses as one that comes alone is checked."""
    if header.enclosed is None:
        return
    declared, head = media.bare(header.enclosed.media), header.enclosed.head
    if head is None:
        yield fault(
            path,
            "base64",
            "Le contenu que le CDA renferme (nonXMLBody) n'est pas du base64.",
            "The content that the CDA encloses (nonXMLBody) is no base64.",
            "value",
        )
    elif not head:
        yield fault(
            path,
            "content-empty",
            "Le CDA (nonXMLBody) ne renferme rien : le document doit s'y trouver lui-même.",
            "The CDA (nonXMLBody) encloses nothing: the document itself must be in it.",
            "value",
        )
    elif media.is_program(head):
        yield fault(
            path,
            "content-type",
            "Le CDA renferme un programme exécutable, pas un document.",
            "The CDA encloses an executable program, no document.",
            "value",
        )
    elif declared and not media.agrees(declared, head):
        yield fault(
            path,
            "content-type",
            f"Le contenu que le CDA renferme n'est pas du {declared[:60]}.",
            f"The content that the CDA encloses is no {declared[:60]}.",
            "value",
        )


def _hash(stated: Mapping[str, Any], where: str, found: Examined) -> Iterator[Issue]:
    sent = stated.get("hash")
    if sent is None or sent == found.sha1:
        return
    hexadecimal = base64.b64decode(found.sha1).hex()
    why, why_en = "", ""
    if sent == found.sha1_of_text:
        why = " Le hash envoyé est celui du texte base64 : calculez-le sur les octets du document."
        why_en = " The hash sent is that of the base64 text: compute it over the document's bytes."
    elif str(sent).lower() == hexadecimal or decode(sent) == hexadecimal.encode():
        why = " Le hash envoyé est en hexadécimal : FHIR l'attend en base64."
        why_en = " The hash sent is in hexadecimal: FHIR expects base64."
    yield fault(
        f"{where}.hash",
        "hash",
        f"hash ne correspond pas au document ; le SHA-1 en base64 est {found.sha1}.{why}",
        f"hash does not fit the document; its SHA-1 in base64 is {found.sha1}.{why_en}",
        "value",
    )


def _language(stated: Mapping[str, Any], where: str) -> Iterator[Issue]:
    language = stated.get("language")
    if language is not None and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        yield fault(
            f"{where}.language",
            "language",
            "language doit être une étiquette de langue (fr-FR).",
            "language must be a language tag (fr-FR).",
            "value",
        )


def _kind(declared: str, where: str, found: Examined) -> Iterator[Issue]:
    if not declared or media.agrees(declared, found.head):
        return
    shown = media.recognised(found.head)
    fr = f" : le contenu commence comme {shown}" if shown else ""
    en = f": the content begins as {shown}" if shown else ""
    yield fault(
        f"{where}.contentType",
        "content-type",
        f"Le contenu n'est pas du {declared[:60]}{fr}.",
        f"The content is no {declared[:60]}{en}.",
        "value",
    )


def _format(document: Mapping[str, Any], declared: str, path: str, found: Examined) -> Iterator[Issue]:
    code, where = format_code(document), f"{path}.content[0]"
    if code and declared and not media.goes_with(code, declared):
        yield fault(
            f"{where}.format",
            "format",
            f"Le format {code[:80]} ne va pas avec {declared[:60]} ; attendu : {media.expected(code)}.",
            f"The format {code[:80]} does not go with {declared[:60]}; expected: {media.expected(code)}.",
            "value",
        )
    if declared in media.XML and media.agrees(declared, found.head) and not found.headers:
        yield warning(
            f"{where}.attachment",
            "cda-header",
            "Le XML n'est pas un CDA R2 (racine ClinicalDocument) : il ne sera pas affiché.",
            "The XML is no CDA R2 (root ClinicalDocument): it will not be shown.",
        )
