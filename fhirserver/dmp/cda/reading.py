"""Reading XML that strangers wrote: no DTD, no entities, no network, bounded depth, in memory that does not grow.

Of a CDA R2 document only the header is kept as a tree; the body, which may carry a PDF of many megabytes in base64,
flows by, but for the beginning of what it encloses. The whole text is parsed all the same: what is not well-formed to
its end is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from lxml import etree

CDA: Final = "urn:hl7-org:v3"
ROOT: Final = f"{{{CDA}}}ClinicalDocument"
_ENCLOSING: Final = f"{{{CDA}}}nonXMLBody"
_TEXT: Final = f"{{{CDA}}}text"
_IN_BODY: Final = 2
"""Elements that are passed by, where a child of the body begins."""
MAX_DEPTH: Final = 200
MAX_HEADER_ELEMENTS: Final = 20_000
_ENCLOSED: Final = 2048
"""How many characters are kept of what a body encloses."""


class UnsafeXml(ValueError):  # noqa: N818 - what it is, as the other failures are named
    """A document that must not be read further; the message (French, English) says why."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.fr, self.en = fr, en


@dataclass(slots=True)
class Body:
    """What is kept of the body of a CDA.

    Attributes:
        tag: `structuredBody` or `nonXMLBody`, with its namespace; None where there is no body.
        media: what `nonXMLBody/text` says of the document that it encloses.
        beginning: the first characters of that document's base64; empty where it is no base64.
        filled: whether `nonXMLBody/text` holds anything.
    """

    tag: str | None = None
    media: str = ""
    beginning: str = ""
    filled: bool = False


class _Target:
    """Receives the parser's events; keeps a tree of all, or of a CDA header."""

    def __init__(self, *, header_only: bool) -> None:
        self._builder = etree.TreeBuilder()
        self._header_only = header_only
        self._depth = 0
        self._skipping = 0
        self._elements = 0
        self._in_text = False
        self._enclosing = False
        self.body = Body()
        self.refusal: UnsafeXml | None = None

    def doctype(self, *_: Any) -> None:
        self._refuse(
            "Une DTD (DOCTYPE) n'est pas acceptée : ôtez-la, avec ses entités.",
            "A DTD (DOCTYPE) is not accepted: remove it, and its entities.",
        )

    def _refuse(self, fr: str, en: str) -> NoReturn:
        # the parser ends by an error of its own, which says nothing of this one
        self.refusal = UnsafeXml(fr, en)
        raise self.refusal

    def start(self, tag: str, attributes: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(
                f"Le XML est imbriqué sur plus de {MAX_DEPTH} niveaux.",
                f"The XML nests deeper than {MAX_DEPTH} levels.",
            )
        if self._skipping:
            self._pass_by(tag, attributes)
            return
        if self._header_only and self._depth == 2 and tag == f"{{{CDA}}}component":  # noqa: PLR2004 - child of the root
            self._skipping = 1
            return
        self._elements += 1
        if self._header_only and self._elements > MAX_HEADER_ELEMENTS:
            self._refuse("L'en-tête du CDA est démesuré.", "The CDA's header is out of all proportion.")
        self._builder.start(tag, dict(attributes))

    def _pass_by(self, tag: str, attributes: Any) -> None:
        if self._skipping == 1 and self.body.tag is None:
            self.body.tag = tag
        elif self._skipping == _IN_BODY and tag == _TEXT and self.body.tag == _ENCLOSING:
            self._in_text = True
            self._enclosing = attributes.get("representation") == "B64"
            self.body.media = attributes.get("mediaType", "")
        self._skipping += 1

    def end(self, tag: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            self._in_text = self._in_text and tag != _TEXT
            self._enclosing = self._enclosing and self._in_text
            return
        self._builder.end(tag)

    def data(self, data: str | bytes) -> None:
        if not self._skipping:
            self._builder.data(data)
            return
        self.body.filled = self.body.filled or (self._in_text and not str(data).isspace())
        if self._enclosing and len(self.body.beginning) < _ENCLOSED:
            self.body.beginning += "".join(str(data).split())[:_ENCLOSED]

    def comment(self, text: str | bytes) -> None:
        """Comments and processing instructions say nothing here."""

    def pi(self, target: str | bytes, data: str | bytes | None = None) -> None:
        """A processing instruction, such as the reference to a stylesheet, is never followed."""

    def close(self) -> etree._Element:
        return self._builder.close()


def parse(pieces: Iterable[bytes], *, header_only: bool = True) -> tuple[etree._Element, Body]:
    """Parse XML.

    Args:
        pieces: the bytes, in order.
        header_only: leave out the body of a CDA.

    Returns:
        The root element, and what is kept of the body where it was left out.

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
        return parser.close(), target.body
    except etree.XMLSyntaxError as error:
        if target.refusal is not None:
            raise target.refusal from None
        raise UnsafeXml(
            f"Le XML n'est pas bien formé : {str(error)[:160]}.", f"The XML is not well-formed: {str(error)[:160]}."
        ) from None


def in_pieces(data: bytes | memoryview, size: int = 1 << 16) -> Iterable[bytes]:
    """Give bytes in pieces of bounded size."""
    view = memoryview(data)
    for start in range(0, len(view), size):
        yield bytes(view[start : start + size])
