"""IHE XDM archives: a zip with submission sets, each with METADATA.XML and the documents that it describes.

IHE ITI TF-2, 3.32 (Distribute Document Set on Media); French use in CI-SIS, volet Échange de documents de santé.
Nothing is unpacked to disk, nothing is read beyond the bounds below, whatever the archive's directory claims.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Final, NamedTuple
from zlib import error as ZlibError  # noqa: N812 - an exception in lower case

from lxml import etree

from fhirserver.dmp.cda.header import Header
from fhirserver.dmp.cda.header import read as read_header
from fhirserver.dmp.cda.reading import UnsafeXml, in_pieces, parse
from fhirserver.dmp.content import media

MAX_ENTRIES: Final = 1_000
MAX_RATIO: Final = 100
"""Unpacked bytes for each packed one; medical documents pack to a tenth at best, bombs to a thousandth."""
MAX_METADATA: Final = 4 * 1024 * 1024
_METADATA: Final = re.compile(r"IHE_XDM/([^/]+)/METADATA\.XML", re.IGNORECASE)
_RIM: Final = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"
_PIECE: Final = 1 << 16


class UnusableArchive(ValueError):  # noqa: N818 - what it is, as the other failures are named
    """An archive that is no XDM, or must not be read further; the message (French, English) says why."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.fr, self.en = fr, en


class Described(NamedTuple):
    """One document of an archive, as its metadata describe it and as it was found."""

    path: str
    media: str | None
    header: Header | None


def read(data: bytes, most: int) -> list[Described]:
    """Read an XDM archive: its metadata and each document that they describe, hashes and sizes verified.

    Args:
        data: the zip.
        most: bytes that all its members together may unpack to.

    Raises:
        UnusableArchive: no zip, a bomb, encrypted, with names that leave it, without METADATA.XML, or with documents
            that are missing or differ.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return list(_documents(archive, len(data), most))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ZlibError, NotImplementedError, EOFError, OSError) as error:
        raise UnusableArchive(f"Archive illisible : {error}.", f"Unreadable archive: {error}.") from None


def member(data: bytes, path: str, most: int) -> bytes:
    """Return the bytes of one document that `read` described.

    Raises:
        UnusableArchive: as for `read`.
    """
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return b"".join(_pieces(archive, archive.getinfo(path), most))


def _documents(archive: zipfile.ZipFile, packed: int, most: int) -> Iterator[Described]:
    members = archive.infolist()
    if len(members) > MAX_ENTRIES:
        raise UnusableArchive(
            f"L'archive a plus de {MAX_ENTRIES} entrées.", f"The archive has more than {MAX_ENTRIES} entries."
        )
    if sum(member.file_size for member in members) > min(most, packed * MAX_RATIO):
        raise _bomb()
    if any(member.flag_bits & 1 for member in members):
        raise UnusableArchive("L'archive est chiffrée.", "The archive is encrypted.")
    names = {member.filename: member for member in members}
    _require_names(members)
    found = [name for name in names if _METADATA.fullmatch(name)]
    if not found:
        raise UnusableArchive(
            "L'archive n'est pas un XDM : il manque IHE_XDM/SUBSET01/METADATA.XML.",
            "The archive is no XDM: IHE_XDM/SUBSET01/METADATA.XML is missing.",
        )
    for each in members:
        with archive.open(each) as stream:
            if media.is_program(stream.read(media.HEAD)):
                raise UnusableArchive(
                    f"L'archive renferme un programme exécutable ({each.filename[:80]}).",
                    f"The archive holds an executable program ({each.filename[:80]}).",
                )
    for name in found:
        folder = name.rpartition("/")[0]
        for entry in _entries(archive, names[name]):
            yield _document(archive, names, folder, entry, most)


def _require_names(members: Sequence[zipfile.ZipInfo]) -> None:
    """Require that every name stays within the archive, for whoever unpacks it, and means one member."""
    seen: set[str] = set()
    for each in members:
        name = each.filename.replace("\\", "/")
        folder = name.partition("/")[0]
        if name.startswith("/") or ":" in folder or ".." in name.split("/"):
            raise UnusableArchive(
                f"Une entrée sort de l'archive ({each.filename[:80]}).",
                f"An entry leaves the archive ({each.filename[:80]}).",
            )
        if name.casefold() in seen:
            raise UnusableArchive(
                f"Deux entrées portent le même nom ({each.filename[:80]}).",
                f"Two entries have the same name ({each.filename[:80]}).",
            )
        seen.add(name.casefold())


def _entries(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> list[etree._Element]:
    try:
        root, _ = parse(_pieces(archive, member, MAX_METADATA), header_only=False)
    except UnsafeXml as error:
        raise UnusableArchive(f"{member.filename} : {error.fr}", f"{member.filename}: {error.en}") from None
    return root.findall(f".//{_RIM}ExtrinsicObject")


def _document(
    archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo], folder: str, entry: etree._Element, most: int
) -> Described:
    slots = {slot.get("name", ""): slot.findtext(f".//{_RIM}Value") for slot in entry.findall(f"{_RIM}Slot")}
    uri = slots.get("URI") or ""
    path = f"{folder}/{uri}"
    if not uri or ".." in uri.split("/") or path not in names:
        raise UnusableArchive(
            f"Le document {uri[:80] or '?'} décrit par METADATA.XML n'est pas dans l'archive.",
            f"The document {uri[:80] or '?'} that METADATA.XML describes is not in the archive.",
        )
    content = b"".join(_pieces(archive, names[path], most))
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    told = (slots.get("hash") or "").strip().lower()
    if told and told != digest:
        raise UnusableArchive(
            f"Le hash de {uri[:80]} dans METADATA.XML n'est pas celui du document ({digest}).",
            f"The hash of {uri[:80]} in METADATA.XML is not that of the document ({digest}).",
        )
    size = (slots.get("size") or "").strip()
    if size and size != str(len(content)):
        raise UnusableArchive(
            f"La taille de {uri[:80]} dans METADATA.XML n'est pas {len(content)}.",
            f"The size of {uri[:80]} in METADATA.XML is not {len(content)}.",
        )
    told_media = entry.get("mimeType")
    try:
        header = read_header(in_pieces(content)) if (told_media or "").endswith("xml") else None
    except UnsafeXml as error:
        raise UnusableArchive(f"{uri[:80]} : {error.fr}", f"{uri[:80]}: {error.en}") from None
    return Described(path, told_media, header)


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """Give a member's bytes, counting what really comes out."""
    seen = 0
    with archive.open(member) as stream:
        while piece := stream.read(_PIECE):
            seen += len(piece)
            if seen > most or seen > max(member.file_size, 0):
                raise _bomb()
            yield piece


def _bomb() -> UnusableArchive:
    return UnusableArchive(
        "L'archive se déploie en une taille démesurée.", "The archive unpacks to a size out of all proportion."
    )
