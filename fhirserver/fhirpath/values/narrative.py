"""Which XHTML a narrative may hold: txt-1 and txt-2 (https://hl7.org/fhir/R4/narrative.html#xhtml)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from lxml import etree

_XHTML: Final = "{http://www.w3.org/1999/xhtml}"
_ELEMENTS: Final = frozenset({
    "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd",
    "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre",
    "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
    "tt", "ul", "var",
})  # fmt: skip
_ATTRIBUTES: Final = frozenset({
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
    "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
    "headers", "height", "href", "hreflang", "hspace", "id", "lang", "longdesc", "name", "nowrap", "rel", "rev",
    "rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary", "tabindex", "title", "type",
    "valign", "value", "vspace", "width",
})  # fmt: skip
_SAFE_SCHEMES: Final = ("http:", "https:", "mailto:", "tel:", "data:image/", "#", "cid:")


@lru_cache(maxsize=16)
def is_safe_narrative(text: str) -> bool:
    """Tell whether a `div` holds only allowed elements and attributes, and some text or image."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return False
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return False
    if root.tag != _XHTML + "div":
        return False
    return all(_allowed(element) for element in root.iter()) and bool(
        "".join(str(text) for text in root.itertext()).strip() or root.find(f".//{_XHTML}img") is not None
    )


def _allowed(element: etree._Element) -> bool:
    if not isinstance(element.tag, str):
        return isinstance(element, etree._Comment)  # noqa: SLF001 - lxml names no public class for it
    if not element.tag.startswith(_XHTML) or element.tag.removeprefix(_XHTML) not in _ELEMENTS:
        return False
    for name, value in element.attrib.items():
        if name not in _ATTRIBUTES and not str(name).startswith("{http://www.w3.org/XML/1998/namespace}"):
            return False
        address = str(value).strip().lower() if name in ("href", "src") else ""
        if ":" in address.partition("/")[0] and not address.startswith(_SAFE_SCHEMES):
            return False
    return True
