"""FHIR XML to a resource: https://hl7.org/fhir/R4/xml.html.

Built on expat, which gives the place of everything in the source: the XHTML of a narrative is taken over byte by
byte, and every refusal names its line. There is no DTD, hence no entity beyond XML's own five and nothing external.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from fhirserver.errors import Unreadable
from fhirserver.issues import Issue, Text
from fhirserver.jsontext import Number
from fhirserver.wire.xml.model import FHIR, XHTML, XSI, Model, Slot

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,20}")
_LEVELS: Final = 100  # an element that repeats is two levels of JSON (jsontext.MAX_DEPTH)
_WRITTEN: Final = ("string", "markdown", "xhtml")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_OPENING: Final = re.compile(rb"<([^\s/>]+)")
_DECLARED: Final = re.compile(r"\sxmlns(?::([^\s=]+))?\s*=")
_SPACE: Final = " \t\r\n"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


@dataclass(slots=True)
class Frame:
    """One element that is being read."""

    name: str
    path: str
    expression: str
    slot: Slot | None
    content: dict[str, Any] = field(default_factory=dict)
    value: str | None = None
    last: int = -1
    late: bool = False


class Reader:
    """Reads one document."""

    def __init__(self, model: Model, data: bytes) -> None:
        self._model = model
        self._data = data.removeprefix(b"\xef\xbb\xbf")
        self._frames: list[Frame] = []
        self._resource: dict[str, Any] | None = None
        self._xhtml = 0
        self._start = 0
        self._namespaces: list[tuple[str | None, str]] = []
        self.warnings: list[Issue] = []
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = lambda prefix, uri: self._namespaces.append((prefix, uri))
        parser.EndNamespaceDeclHandler = lambda _prefix: self._namespaces.pop()
        self._parser = parser

    def read(self) -> dict[str, Any]:
        """Return the resource.

        Raises:
            Unreadable: says where and why.
        """
        if self._data[:2] in _UTF_16:
            raise self._refusal("le texte n'est pas en UTF-8.", "the text is not UTF-8.")
        try:
            self._parser.Parse(self._data, True)  # noqa: FBT003 - expat's own interface: this is the last part
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            raise self._refusal(f"XML mal formé ({said}).", f"malformed XML ({said}).", error.lineno) from None
        assert self._resource is not None
        return self._resource

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            self._refuse(
                f"l'encodage {encoding} est refusé : FHIR s'écrit en UTF-8.",
                f"the encoding {encoding} is refused: FHIR is written in UTF-8.",
            )

    def _doctype(self, *_: Any) -> None:
        self._refuse("une DTD (<!DOCTYPE>) est refusée.", "a DTD (<!DOCTYPE>) is refused.")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._xhtml:
            self._xhtml += 1
            return
        if len(self._frames) >= _LEVELS:
            self._refuse(
                f"le XML est imbriqué sur plus de {_LEVELS} niveaux.",
                f"the XML nests deeper than {_LEVELS} levels.",
            )
        namespace, _, local = name.rpartition(" ")
        above = self._frames[-1] if self._frames else None
        if above is None or (above.slot and above.slot.shape == "resource"):
            self._begin_resource(above, namespace, local, attributes)
            return
        slot = self._model.slots(above.path).get(local)
        expected = XHTML if slot and slot.shape == "xhtml" else FHIR
        if slot is None or slot.shape == "attribute" or namespace != expected:
            self._refuse_element(above, namespace, local, slot)
        self._keep_order(above, local, slot)
        if slot.shape == "xhtml":
            self._xhtml, self._start = 1, self._parser.CurrentByteIndex
            self._frames.append(Frame(local, "", self._place(above, local, slot), slot))
            return
        frame = Frame(local, slot.path, self._place(above, local, slot), slot)
        self._frames.append(frame)
        self._take_attributes(frame, attributes)

    def _begin_resource(self, above: Frame | None, namespace: str, local: str, attributes: dict[str, str]) -> None:
        if namespace != FHIR or local not in self._model.resource_types:
            shown = f"{{{namespace}}}{local}" if namespace != FHIR else local
            self._refuse(
                f"<{shown}> n'est pas une ressource FHIR R4 (espace de noms {FHIR}).",
                f"<{shown}> is no FHIR R4 resource (namespace {FHIR}).",
            )
        if above is not None and above.content:
            self._refuse(
                f"<{above.name}> contient plus d'une ressource.", f"<{above.name}> holds more than one resource."
            )
        frame = Frame(local, local, above.expression if above else local, None, {"resourceType": local})
        self._frames.append(frame)
        for name in attributes:
            if not name.startswith(f"{XSI} "):
                self._refuse_attribute(frame, name)

    def _take_attributes(self, frame: Frame, attributes: dict[str, str]) -> None:
        slot = frame.slot
        assert slot is not None
        slots = self._model.slots(frame.path) if frame.path else {}
        for name, value in attributes.items():
            if name == "value" and slot.shape == "primitive":
                frame.value = value
            elif name in slots and slots[name].shape == "attribute":
                frame.content[name] = value
            else:
                self._refuse_attribute(frame, name)

    def _place(self, above: Frame, local: str, slot: Slot) -> str:
        """Return the FHIRPath of an element."""
        if not slot.is_array:
            return f"{above.expression}.{slot.stem}"
        count = max(len(above.content.get(local) or ()), len(above.content.get(f"_{local}") or ()))
        return f"{above.expression}.{slot.stem}[{count}]"

    def _keep_order(self, above: Frame, local: str, slot: Slot) -> None:
        if not slot.is_array and (local in above.content or f"_{local}" in above.content):
            self._refuse(
                f"<{local}> figure deux fois dans {above.expression}, une seule est permise.",
                f"<{local}> stands twice in {above.expression}; only one is allowed.",
            )
        if slot.order < above.last and not above.late:
            above.late = True
            line = self._parser.CurrentLineNumber
            self.warnings.append(
                Issue(
                    "warning",
                    "invalid",
                    Text(
                        f"Ligne {line} : <{local}> n'est pas à sa place dans {above.expression} ; FHIR fixe l'ordre "
                        "des éléments en XML. La ressource a été lue quand même.",
                        f"Line {line}: <{local}> is out of place in {above.expression}; FHIR fixes the order of "
                        "elements in XML. The resource was read all the same.",
                    ),
                    f"{above.expression}.{local}",
                    "xml-order",
                )
            )
        above.last = max(above.last, slot.order)

    def _text(self, text: str) -> None:
        if self._xhtml or not text.strip(_SPACE):
            return
        where = self._frames[-1].expression if self._frames else ""
        self._refuse(
            f"du texte libre dans {where} : en FHIR, une valeur s'écrit dans l'attribut value.",
            f"free text in {where}: in FHIR, a value is written in the attribute value.",
        )

    def _end(self, _name: str) -> None:
        if self._xhtml:
            self._xhtml -= 1
            if self._xhtml:
                return
            frame = self._frames.pop()
            self._put(frame, self._source_of_xhtml(), None)
            return
        frame = self._frames.pop()
        if frame.slot is None:
            self._end_resource(frame)
        elif frame.slot.shape == "primitive":
            if frame.value is None and not frame.content:
                self._refuse_empty(frame)
            value = None if frame.value is None else converted(frame.slot.type, frame.value)
            self._put(frame, value, frame.content or None)
        else:
            if not frame.content:
                self._refuse_empty(frame)
            self._put(frame, frame.content, None)

    def _end_resource(self, frame: Frame) -> None:
        if self._frames:
            # the element around it (`contained`, `resource`) takes the resource as its own content
            self._frames[-1].content = frame.content
        else:
            self._resource = frame.content

    def _put(self, frame: Frame, value: Any, extra: dict[str, Any] | None) -> None:
        content, name = self._frames[-1].content, frame.name
        assert frame.slot is not None
        if not frame.slot.is_array:
            if value is not None:
                content[name] = value
            if extra:
                content[f"_{name}"] = extra
            return
        # JSON keeps values and their `_` sibling in two arrays of one length, where both are there
        count = max(len(content.get(name) or ()), len(content.get(f"_{name}") or ()))
        for key, item in ((name, value), (f"_{name}", extra or None)):
            if item is not None or key in content:
                items = content.setdefault(key, [])
                items.extend([None] * (count - len(items)))
                items.append(item)

    def _source_of_xhtml(self) -> str:
        """Return the XHTML just read as it stands in the source, made to stand alone."""
        at = self._parser.CurrentByteIndex
        tag = _OPENING.match(self._data, self._start)
        assert tag is not None
        # for `<div/>` expat is already past the tag, where the end tag of what holds it may stand
        closes = self._data.startswith(b"</" + tag[1], at)
        end = self._data.index(b">", at) + 1 if closes else at
        source = self._data[self._start : end].decode()
        if is_xhtml(source):
            return source
        # it uses namespaces that are declared further up: they are repeated on it
        own = {prefix or None for prefix in _DECLARED.findall(source[: source.index(">")])}
        outer = {prefix: uri for prefix, uri in self._namespaces if prefix not in own}
        stated = "".join(
            f" {f'xmlns:{prefix}' if prefix else 'xmlns'}={quoteattr(uri)}" for prefix, uri in outer.items()
        )
        after = len(tag[0].decode())
        return source[:after] + stated + source[after:]

    def _refusal(self, fr: str, en: str, line: int | None = None, expression: str | None = None) -> Unreadable:
        at = line or self._parser.CurrentLineNumber
        return Unreadable(Text(f"Ligne {at} : {fr}", f"Line {at}: {en}"), expression=expression, rule="xml")

    def _refuse(self, fr: str, en: str) -> NoReturn:
        raise self._refusal(fr, en, None, self._frames[-1].expression if self._frames else None)

    def _refuse_empty(self, frame: Frame) -> NoReturn:
        raise self._refusal(
            f"<{frame.name}> est vide : un élément a une valeur, un contenu ou des extensions.",
            f"<{frame.name}> is empty: an element has a value, content or extensions.",
            None,
            frame.expression,
        )

    def _refuse_attribute(self, frame: Frame, name: str) -> NoReturn:
        shown = name.rpartition(" ")[2]
        raise self._refusal(
            f"l'attribut « {shown} » n'a pas de place sur <{frame.name}>.",
            f'the attribute "{shown}" has no place on <{frame.name}>.',
            None,
            frame.expression,
        )

    def _refuse_element(self, above: Frame, namespace: str, local: str, slot: Slot | None) -> NoReturn:
        place = f"{above.expression}.{local}"
        if slot is None and namespace == FHIR:
            fr = f"élément <{local}> inconnu dans {above.expression}."
            en = f"unknown element <{local}> in {above.expression}."
        elif slot is not None and slot.shape == "attribute":
            fr = f"<{local}> s'écrit comme attribut de <{above.name}>, pas comme élément."
            en = f"<{local}> is written as an attribute of <{above.name}>, not as an element."
        else:
            fr = f"<{local}> est d'un autre espace de noms ({namespace or 'aucun'})."
            en = f"<{local}> is of another namespace ({namespace or 'none'})."
        raise self._refusal(fr, en, None, place)


def converted(type_: str, text: str) -> Any:
    """Return the JSON value of a primitive; text that is none of its type stays text, for validation to refuse.

    White space at the ends is no part of a value (https://hl7.org/fhir/R4/xml.html); in what people write, it is kept.
    """
    if type_ not in _WRITTEN:
        text = text.strip()
    if type_ == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_ in ("integer", "positiveInt", "unsignedInt"):
        return int(text) if _INTEGER.fullmatch(text) else text
    if type_ == "decimal" and (match := _DECIMAL.fullmatch(text)):
        try:
            return Number(text) if match[1] or match[2] else int(text)
        except ValueError:
            return text
    return text


def is_xhtml(source: str) -> bool:
    """Whether a text is one well-formed `div` of XHTML that stands alone."""
    root: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, _attributes: dict[str, str]) -> None:
        if not root:
            root.append(name)

    def doctype(*_: Any) -> None:
        root.append("")
        raise expat.ExpatError

    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(source.encode("utf-8", "surrogatepass"), True)  # noqa: FBT003 - expat's own interface
    except expat.ExpatError:
        return False
    return root == [f"{XHTML} div"]
