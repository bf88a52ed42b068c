"""Narratives: XHTML that may be shown to people without danger.

https://hl7.org/fhir/R4/narrative.html#xhtml: an allow-list of elements and attributes, no scripts, forms, frames,
objects, no external style; txt-1 and txt-2.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Final

from lxml import etree

from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import types as texts

_XHTML: Final = "http://www.w3.org/1999/xhtml"
_RULE: Final = "http://hl7.org/fhir/StructureDefinition/Narrative#"

_ELEMENTS: Final = frozenset(
    {
        "p", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "a", "span", "b", "em", "i", "strong", "small", "big",
        "tt", "dfn", "q", "var", "abbr", "acronym", "cite", "blockquote", "hr", "address", "bdo", "kbd", "sub", "sup",
        "ul", "ol", "li", "dl", "dt", "dd", "pre", "table", "caption", "colgroup", "col", "thead", "tr", "tfoot",
        "tbody", "th", "td", "code", "samp", "img", "map", "area", "ins", "del", "u", "s",
    }
)  # fmt: skip
_EVERYWHERE: Final = frozenset(
    {
        "title", "style", "class", "id", "lang", "dir", "accesskey", "tabindex", "span", "width", "align", "valign",
        "char", "charoff", "abbr", "axis", "headers", "scope", "rowspan", "colspan", "xml:lang", "border",
        "cellpadding", "cellspacing", "summary", "frame", "rules", "height", "cite", "bgcolor", "nowrap", "xml:space",
    }
)  # fmt: skip
_ON: Final[dict[str, frozenset[str]]] = {
    "a": frozenset({"href", "name", "rel", "rev", "type", "hreflang", "charset", "shape", "coords", "target"}),
    "img": frozenset({"src", "alt", "longdesc", "usemap", "ismap", "name", "border"}),
    "area": frozenset({"href", "alt", "shape", "coords", "nohref"}),
    "map": frozenset({"name"}),
    "ol": frozenset({"type", "start"}),
    "ul": frozenset({"type"}),
    "li": frozenset({"type", "value"}),
    "ins": frozenset({"datetime"}),
    "del": frozenset({"datetime"}),
    "hr": frozenset({"size", "noshade"}),
    "br": frozenset({"clear"}),
}
_TAGS: Final[dict[Any, str]] = {f"{{{_XHTML}}}{name}": name for name in _ELEMENTS}
_LINK: Final = re.compile(r"(?:https?:|mailto:|tel:|data:image/|#|[^:]*$)", re.IGNORECASE)
_MAX: Final = 2_000_000


def narrative_rules(value: Any, path: Path, run: Run) -> None:
    """Judge the XHTML of one narrative."""
    if type(value) is not str:
        return
    if "<!DOCTYPE" in value or "<!ENTITY" in value or len(value) > _MAX:
        run.error("invalid", path, "narrative", texts.narrative_not_xml("DOCTYPE"))
        return
    try:
        root = etree.fromstring(value.encode(), _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        run.error("invalid", path, "narrative", texts.narrative_not_xml(str(error)))
        return
    if root.tag != f"{{{_XHTML}}}div":
        found = f"<{etree.QName(root).localname}>" + ("" if etree.QName(root).namespace == _XHTML else " (xmlns ?)")
        run.error("invalid", path, f"{_RULE}txt-1", texts.narrative_not_div(found))
        return
    if not _judge_tree(root, path, run):
        run.error("invariant", path, f"{_RULE}txt-2", texts.narrative_empty())


_threads: Final = threading.local()


def _parser() -> etree.XMLParser:
    """Return this thread's parser: it expands no entities and reads nothing from elsewhere."""
    known: etree.XMLParser | None = getattr(_threads, "parser", None)
    if known is None:
        known = _threads.parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    return known


def _judge_tree(root: Any, path: Path, run: Run) -> bool:
    """Judge each element; return whether the narrative says or shows anything."""
    says = False
    anchors = _Anchors(root, run.scope.resource)
    for one in root.iter():
        element = _TAGS.get(one.tag)
        if not says:
            says = element == "img" or any(text and not text.isspace() for text in _texts(one, element))
        if element is None:
            if one.tag is not etree.Comment:
                named = etree.QName(one).localname if isinstance(one.tag, str) else str(one)[:40]
                run.error("invalid", path, f"{_RULE}txt-1", texts.narrative_element(named))
        elif len(one.attrib):
            _judge_attributes(one, element, anchors, path, run)
    return says


def _texts(one: Any, element: str | None) -> tuple[str | None, str | None]:
    """Return the text in an element, unless it is a comment, and the text after it."""
    return (one.text if element else None), one.tail


def _judge_attributes(one: Any, element: str, anchors: _Anchors, path: Path, run: Run) -> None:
    allowed = _ON.get(element, frozenset())
    for key, text in one.attrib.items():
        attribute = key.replace("{http://www.w3.org/XML/1998/namespace}", "xml:")
        if attribute not in _EVERYWHERE and attribute not in allowed:
            run.error("invalid", path, f"{_RULE}txt-1", texts.narrative_attribute(attribute, element))
        elif attribute in ("href", "src"):
            _judge_link(str(text), anchors, path, run)


def _judge_link(target: str, anchors: _Anchors, path: Path, run: Run) -> None:
    if _LINK.match(target.strip()) is None:
        run.error("invalid", path, f"{_RULE}txt-1", texts.narrative_link(target))
    elif target.startswith("#") and target != "#" and target[1:] not in anchors.names:
        run.error("invalid", path, "narrative-link", texts.narrative_link(target))


class _Anchors:
    """What the links inside of a narrative may lead to."""

    def __init__(self, root: Any, resource: Any) -> None:
        self._root = root
        self._resource = resource

    @cached_property
    def names(self) -> frozenset[str]:
        """The ids of the narrative and of the resource, and the names of anchors."""
        named = [one.get("name") for one in self._root.iter(f"{{{_XHTML}}}a")]
        ids = [one.get("id") for one in self._root.iter() if isinstance(one.tag, str)]
        return frozenset(one for one in (*named, *ids, *_ids(self._resource)) if type(one) is str)


def _ids(resource: Any) -> Iterator[Any]:
    """Yield every `id` in a resource."""
    waiting = [resource]
    while waiting:
        one = waiting.pop()
        if type(one) is dict:
            if "id" in one:
                yield one["id"]
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
