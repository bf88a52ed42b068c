"""A CDA shown as HTML: the project's own rendering, without scripts, styles or addresses of the document's author.

Only what is known is written, element by element; everything else leaves its text and nothing more. The narrative
block is that of HL7 CDA R2, 4.3.5. The result has no scripts, and no resources from elsewhere.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from html import escape
from typing import Final, NamedTuple

from lxml import etree

from fhirserver.dmp.cda import header as headers
from fhirserver.dmp.cda.header import Header, Person
from fhirserver.dmp.cda.reading import CDA, in_pieces, parse
from fhirserver.issues import Language, Text

_C: Final = f"{{{CDA}}}"
_NS: Final = {"c": CDA}
MAX_SECTIONS: Final = 2_000
_PLAIN: Final = {
    "paragraph": "p",
    "item": "li",
    "caption": "p",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "sub": "sub",
    "sup": "sup",
    "footnote": "small",
}
_CELLS: Final = {"td": "td", "th": "th"}
_STYLES: Final = {"bold": "strong", "italics": "em", "underline": "u", "emphasis": "em"}
_SAFE: Final = ("https://", "http://", "mailto:", "#")
_MOST_SPAN: Final = 100
_MINUTES: Final = len("09:15")
_LABELS: Final = {
    "patient": Text("Patient", "Patient"),
    "born": Text("Date de naissance", "Birth date"),
    "ins": Text("Matricule INS", "INS number"),
    "author": Text("Auteur", "Author"),
    "custodian": Text("Structure", "Organisation"),
    "date": Text("Date du document", "Document date"),
    "period": Text("Acte du", "Service of"),
    "body": Text("Le corps du document est un fichier", "The document's body is a file of type"),
    "media": Text("Image ou fichier non affiché", "Image or file, not shown"),
}


class Enclosed(NamedTuple):
    """The body of a level 1 document."""

    media: str
    content: bytes


def article(data: bytes, language: Language = "fr") -> str:
    """Return a CDA as the inside of an HTML article: its header, and its narrative.

    Args:
        data: the document, accepted before.
        language: of the labels.

    Raises:
        UnsafeXml: it is not to be read.
        ValueError: no CDA.
    """
    found = _header(data)
    root, _ = parse(in_pieces(data), header_only=False)
    return "".join((*_head(found, language), *_body(root, language)))


def title(data: bytes) -> str:
    """Return the title of a CDA; raises as `article` does."""
    return _title(_header(data))


def enclosed(data: bytes) -> Enclosed | None:
    """Return the file that a level 1 document carries; None if it has sections, or nothing that can be read."""
    root, _ = parse(in_pieces(data), header_only=False)
    text = root.find("c:component/c:nonXMLBody/c:text", _NS)
    if text is None:
        return None
    words = "".join(map(str, text.itertext()))
    media = text.get("mediaType", "text/plain")
    if text.get("representation") != "B64":
        return Enclosed(media, words.encode())
    try:
        return Enclosed(media, base64.b64decode("".join(words.split()), validate=True))
    except (binascii.Error, ValueError):
        return None


def person(author: Person) -> str:
    """Return how an author is named."""
    name = " ".join(filter(None, (author.given, author.family)))
    return ", ".join(filter(None, (name, author.organization_name)))


def moment(text: str, language: Language) -> str:
    """Return a FHIR time to the minute as it is read, in its own time zone."""
    day, _, hour = text.partition("T")
    shown = "/".join(reversed(day.split("-"))) if language == "fr" else day
    return f"{shown} {hour[:_MINUTES]}" if hour else shown


def _header(data: bytes) -> Header:
    found = headers.read(data)
    if found is None:
        raise ValueError("no CDA")
    return found


def _title(found: Header) -> str:
    return found.title or (found.type.display if found.type and found.type.display else "CDA")


def _head(found: Header, language: Language) -> Iterator[str]:
    yield f"<h1>{escape(_title(found))}</h1><dl>"
    numbers = ", ".join(identifier.extension or identifier.root for identifier in found.patient.identifiers)
    rows = [
        ("patient", " ".join(filter(None, (found.traits.family, found.traits.given)))),
        ("born", moment(found.traits.birth_date or "", language)),
        ("ins", numbers),
        *(("author", person(author)) for author in found.authors),
        ("custodian", found.custodian.organization_name),
        ("date", moment(found.effective or "", language)),
        ("period", " – ".join(moment(each, language) for each in (found.start, found.end) if each)),
    ]
    for label, value in rows:
        if value:
            yield f"<dt>{escape(_LABELS[label].say(language))}</dt><dd>{escape(value)}</dd>"
    yield "</dl>"


def _body(root: etree._Element, language: Language) -> Iterator[str]:
    text = root.find("c:component/c:nonXMLBody/c:text", _NS)
    if text is not None:
        media = text.get("mediaType", "text/plain")
        if media == "text/plain" and text.get("representation") != "B64":
            yield f"<pre>{escape(''.join(map(str, text.itertext())))}</pre>"
        else:
            yield f"<p>{escape(_LABELS['body'].say(language))} {escape(media)}.</p>"
    sections = root.findall("c:component/c:structuredBody/c:component/c:section", _NS)
    left = [MAX_SECTIONS]
    for section in sections:
        yield from _section(section, 2, left, language)


def _section(section: etree._Element, level: int, left: list[int], language: Language) -> Iterator[str]:
    left[0] -= 1
    if left[0] < 0:
        return
    yield "<section>"
    title = section.find("c:title", _NS)
    if title is not None:
        heading = min(level, 6)
        yield f"<h{heading}>{escape(''.join(map(str, title.itertext())))}</h{heading}>"
    text = section.find("c:text", _NS)
    if text is not None:
        yield from _inside(text, language)
    for inner in section.findall("c:component/c:section", _NS):
        yield from _section(inner, level + 1, left, language)
    yield "</section>"


def _inside(element: etree._Element, language: Language) -> Iterator[str]:
    yield escape(element.text or "")
    for child in element:
        if isinstance(child.tag, str):
            yield from _narrative(child, language)
        yield escape(child.tail or "")


def _narrative(element: etree._Element, language: Language) -> Iterator[str]:
    name = str(element.tag).removeprefix(_C)
    if name == "br":
        yield "<br>"
    elif name == "renderMultiMedia":
        yield f"<em>[{escape(_LABELS['media'].say(language))}]</em>"
        yield from _inside(element, language)
    elif name == "linkHtml":
        yield from _link(element, language)
    else:
        opening, closing = _tags(name, element)
        yield opening
        yield from _inside(element, language)
        yield closing


def _tags(name: str, element: etree._Element) -> tuple[str, str]:
    """Return what stands around an element's text; nothing around what is not known."""
    if name == "list":
        kind = "ol" if element.get("listType") == "ordered" else "ul"
        return f"<{kind}>", f"</{kind}>"
    if name in _CELLS:
        spans = "".join(
            f' {span}="{int(value)}"'
            for span in ("colspan", "rowspan")
            if (value := element.get(span, "")).isascii() and value.isdigit() and 0 < int(value[:4]) <= _MOST_SPAN
        )
        return f"<{_CELLS[name]}{spans}>", f"</{_CELLS[name]}>"
    if name == "content":
        tags = [_STYLES[style] for style in element.get("styleCode", "").lower().split() if style in _STYLES]
        return "".join(f"<{tag}>" for tag in tags), "".join(f"</{tag}>" for tag in reversed(tags))
    tag = _PLAIN.get(name)
    return (f"<{tag}>", f"</{tag}>") if tag else ("", "")


def _link(element: etree._Element, language: Language) -> Iterator[str]:
    address = element.get("href", "").strip()
    safe = address.lower().startswith(_SAFE)
    if safe:
        yield f'<a href="{escape(address)}" rel="noopener noreferrer nofollow">'
    yield from _inside(element, language)
    if safe:
        yield "</a>"
