"""Reading XML that strangers wrote: no DTD, no entities, no network, bounded depth, in memory that does not grow.

Of a CDA R2 document only the header is kept as a tree; the body, which may carry a PDF of many megabytes in base64,
flows by. The whole text is parsed all the same: what is not well-formed to its end is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from lxml import etree

CDA: Final = "urn:hl7-org:v3"
ROOT: Final = f"{{{CDA}}}ClinicalDocument"
MAX_DEPTH: Final = 200
MAX_HEADER_ELEMENTS: Final = 20_000


class UnsafeXml(ValueError):  # noqa: N818 - what it is, as the other failures are named
    """A document that must not be read further; the message (French, English) says why."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.fr, self.en = fr, en


class _Target:
    """Receives the parser's events; keeps a tree of all, or of a CDA header."""

    def __init__(self, *, header_only: bool) -> None:
        self._builder = etree.TreeBuilder()
        self._header_only = header_only
        self._depth = 0
        self._skipping = 0
        self._elements = 0
        self.body: str | None = None

    def doctype(self, *_: Any) -> None:
        raise UnsafeXml(
            "Un DTD (DOCTYPE) n'est pas accepté : ôtez-le, avec ses entités.",
            "A DTD (DOCTYPE) is not accepted: remove it, and its entities.",
        )

    def start(self, tag: str, attributes: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnsafeXml(
                f"Le XML est imbriqué sur plus de {MAX_DEPTH} niveaux.",
                f"The XML nests deeper than {MAX_DEPTH} levels.",
            )
        if self._skipping:
            if self._skipping == 1 and self.body is None:
                self.body = tag
            self._skipping += 1
            return
        if self._header_only and self._depth == 2 and tag == f"{{{CDA}}}component":  # noqa: PLR2004 - child of the root
            self._skipping = 1
            return
        self._elements += 1
        if self._header_only and self._elements > MAX_HEADER_ELEMENTS:
            raise UnsafeXml("L'en-tête du CDA est démesuré.", "The CDA's header is out of all proportion.")
        self._builder.start(tag, dict(attributes))

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            return
        self._builder.end(tag)

    def data(self, data: str | bytes) -> None:
        if not self._skipping:
            self._builder.data(data)

    def comment(self, text: str | bytes) -> None:
        """Comments and processing instructions say nothing here."""

    def pi(self, target: str | bytes, data: str | bytes | None = None) -> None:
        """A processing instruction, such as the reference to a stylesheet, is never followed."""

    def close(self) -> tuple[etree._Element, str | None]:
        return self._builder.close(), self.body


def parse(pieces: Iterable[bytes], *, header_only: bool = True) -> tuple[etree._Element, str | None]:
    """Parse XML.

    Args:
        pieces: the bytes, in order.
        header_only: leave out the body of a CDA.

    Returns:
        The root element, and the tag of the body (`structuredBody` or `nonXMLBody` with its namespace) where it was
        left out.

    Raises:
        UnsafeXml: it has a DTD, nests too deep, or is not well-formed.
    """
    target = _Target(header_only=header_only)
    parser = etree.XMLParser(
        target=target,  # type: ignore[arg-type] # names are never bytes on Python 3
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=True,
    )
    try:
        for piece in pieces:
            parser.feed(piece)
        result: tuple[etree._Element, str | None] = parser.close()  # type: ignore[assignment] # what the target's close returns
    except etree.XMLSyntaxError as error:
        raise UnsafeXml(
            f"Le XML n'est pas bien formé : {str(error)[:160]}.", f"The XML is not well-formed: {str(error)[:160]}."
        ) from None
    return result


def in_pieces(data: bytes | memoryview, size: int = 1 << 16) -> Iterable[bytes]:
    """Give bytes in pieces of bounded size."""
    view = memoryview(data)
    for start in range(0, len(view), size):
        yield bytes(view[start : start + size])
