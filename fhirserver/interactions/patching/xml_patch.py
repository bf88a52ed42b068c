"""XML Patch: add, replace and remove on an XML document (RFC 5261)."""

from __future__ import annotations

import copy
import re
from typing import Any, Final, NamedTuple, NoReturn

from lxml import etree

from fhirserver.errors import BadRequest, Failure, Unprocessable
from fhirserver.interactions.patching import selectors
from fhirserver.interactions.patching.numbered import at_operation
from fhirserver.issues import Text

MAX_OPERATIONS: Final = 1_000
_PROLOG: Final = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s+|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_POSITIONS: Final = ("before", "after", "prepend")
_XPATH_SPECIAL: Final = re.compile(r"namespace::([A-Za-z_][\w.-]*)")


def apply(document: bytes, patch: bytes) -> bytes:
    """Return the patched document.

    Raises:
        BadRequest: not an XML Patch; names the operation.
        Unprocessable: an operation does not apply to this document; names it too.
    """
    root = parse(document)
    operations = [node for node in parse(patch) if isinstance(node.tag, str)]
    if not operations or len(operations) > MAX_OPERATIONS:
        raise BadRequest(
            Text(
                f"Un XML Patch contient de 1 à {MAX_OPERATIONS} opérations : add, replace, remove.",
                f"An XML Patch holds 1 to {MAX_OPERATIONS} operations: add, replace, remove.",
            ),
            rule="xml-patch",
        )
    # a document node above the root, so that a root may be replaced, and comments beside it stay
    tree = root.getroottree()
    for number, operation in enumerate(operations):
        try:
            _Operation(tree, operation).run()
        except Failure as failure:
            raise at_operation(failure, number) from None
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=True)


def parse(data: bytes) -> etree._Element:
    """Return the root of an XML document that has no DTD.

    Raises:
        BadRequest: malformed, or with a DTD.
    """
    prolog = _PROLOG.match(data)
    if data.startswith(b"<!DOCTYPE", prolog.end() if prolog else 0) or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadRequest(
            Text(
                "Une DTD, ou un autre encodage qu'UTF-8, est refusée.",
                "A DTD, or an encoding other than UTF-8, is refused.",
            ),
            rule="xml-patch",
        )
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        said = str(error)[:200]
        raise BadRequest(Text(f"XML mal formé : {said}", f"Malformed XML: {said}"), rule="xml-patch") from None


class Target(NamedTuple):
    """The one node that a selector means.

    Attributes:
        kind: `element`, `attribute`, `text`, `comment` or `instruction`, `namespace`.
        node: the element (for attribute, text and namespace: the one that holds it), comment or instruction.
        name: of the attribute or namespace prefix.
        is_tail: whether a text follows its node instead of beginning it.
    """

    kind: str
    node: Any
    name: str = ""
    is_tail: bool = False


class _Operation:
    """One operation, which changes the document in place."""

    def __init__(self, tree: Any, operation: Any) -> None:
        self._tree = tree
        self._operation = operation
        self._selected = operation.get("sel") or ""

    def run(self) -> None:
        name = etree.QName(self._operation).localname
        action = {"add": self._add, "replace": self._replace, "remove": self._remove}.get(name)
        if action is None:
            self._malformed(
                f"opération <{name}> inconnue (connues : add, replace, remove)",
                f"unknown operation <{name}> (known: add, replace, remove)",
            )
        action()

    def _target(self) -> Target:
        selector = selectors.parse(self._selected, self._operation.nsmap)
        found = self._tree.xpath(selector.xpath, namespaces=selector.namespaces)
        if len(found) != 1:
            raise self._inapplicable(
                f"désigne {len(found)} nœuds ; il doit en désigner un seul.",
                f"selects {len(found)} nodes; it must select exactly one.",
            )
        (node,) = found
        if isinstance(node, str):
            holder = node.getparent()  # type: ignore[attr-defined] # lxml's text results know where they come from
            if node.is_attribute:  # type: ignore[attr-defined]
                return Target("attribute", holder, node.attrname)  # type: ignore[attr-defined]
            return Target("text", holder, "", node.is_tail)  # type: ignore[attr-defined]
        if selector.namespace:
            return Target("namespace", node, selector.namespace)
        kinds: dict[Any, str] = {etree.Comment: "comment", etree.ProcessingInstruction: "instruction"}
        return Target(kinds.get(node.tag, "element"), node)

    def _add(self) -> None:
        target, kind = self._target(), self._operation.get("type")
        node = target.node
        if kind is not None:
            self._add_named(target, kind)
            return
        position = self._operation.get("pos")
        if position not in (None, *_POSITIONS):
            self._malformed(f"pos vaut {', '.join(_POSITIONS)}", f"pos is one of {', '.join(_POSITIONS)}")
        beside = position in ("before", "after")
        if target.kind != "element" and not (beside and target.kind in ("comment", "instruction")):
            raise self._inapplicable("n'est pas un élément.", "is no element.")
        text, nodes = self._operation.text or "", [copy.deepcopy(child) for child in self._operation]
        if position == "before":
            self._beside(node, text, nodes, 0)
        elif position == "after":
            # what follows the node stays behind what is added
            tail, node.tail = node.tail, text or None
            self._beside(node, "", nodes, 1)
            _add_text_after(nodes[-1] if nodes else node, tail)
        elif position == "prepend":
            first, node.text = node.text, text or None
            for at, child in enumerate(nodes):
                node.insert(at, child)
            if nodes:
                _add_text_after(nodes[-1], first)
            else:
                node.text = (text or "") + (first or "") or None
        else:
            if len(node):
                _add_text_after(node[-1], text)
            else:
                node.text = (node.text or "") + text or None
            node.extend(nodes)

    def _add_named(self, target: Target, kind: str) -> None:
        """Add an attribute or a namespace declaration."""
        node, value = target.node, self._operation.text or ""
        if target.kind != "element" or len(self._operation):
            self._malformed("type ne va qu'avec un élément et un texte", "type goes with an element and a text only")
        namespace = _XPATH_SPECIAL.fullmatch(kind)
        if namespace:
            self._redeclare(node, {**node.nsmap, namespace[1]: value})
            return
        if not kind.startswith("@"):
            self._malformed("type vaut @nom ou namespace::préfixe", "type is @name or namespace::prefix")
        name = self._attribute_name(kind[1:])
        if name in node.attrib:
            raise self._inapplicable(
                f"a déjà l'attribut {kind[1:]} ; utilisez replace.",
                f"already has the attribute {kind[1:]}; use replace.",
            )
        node.set(name, value)

    def _attribute_name(self, text: str) -> str:
        prefix, _, local = text.rpartition(":")
        uri = self._operation.nsmap.get(prefix) if prefix else None
        if (prefix and uri is None) or not re.fullmatch(r"[A-Za-z_][\w.-]*", local):
            self._malformed(f"nom d'attribut « {text[:60]} »", f'attribute name "{text[:60]}"')
        return f"{{{uri}}}{local}" if uri else local

    def _beside(self, node: Any, text: str, nodes: list[Any], after: int) -> None:
        holder = node.getparent()
        if holder is None:
            raise self._inapplicable("est la racine.", "is the root.")
        at = holder.index(node)
        if text:
            if at:
                _add_text_after(holder[at - 1], text)
            else:
                holder.text = (holder.text or "") + text
        for offset, child in enumerate(nodes):
            holder.insert(at + after + offset, child)

    def _replace(self) -> None:
        target = self._target()
        value = self._operation.text or ""
        if target.kind == "attribute":
            target.node.set(target.name, value)
        elif target.kind == "text":
            self._set_text(target, value)
        elif target.kind == "namespace":
            self._redeclare(target.node, {**target.node.nsmap, target.name: value})
        else:
            children = list(self._operation)
            same = len(children) == 1 and (isinstance(children[0].tag, str) == (target.kind == "element"))
            if not same or (not isinstance(children[0].tag, str) and children[0].tag is not target.node.tag):
                self._malformed(
                    "le contenu est un seul nœud de la même sorte", "the content is one node of the same kind"
                )
            self._swap(target.node, copy.deepcopy(children[0]))

    def _swap(self, node: Any, other: Any) -> None:
        other.tail = node.tail
        holder = node.getparent()
        if holder is None:
            raise self._inapplicable("est la racine ; utilisez PUT.", "is the root; use PUT.")
        holder.replace(node, other)

    def _remove(self) -> None:
        target = self._target()
        if target.kind == "attribute":
            del target.node.attrib[target.name]
        elif target.kind == "text":
            self._set_text(target, None)
        elif target.kind == "namespace":
            self._redeclare(target.node, {key: uri for key, uri in target.node.nsmap.items() if key != target.name})
        else:
            self._remove_node(target.node)

    def _remove_node(self, node: Any) -> None:
        holder = node.getparent()
        if holder is None:
            raise self._inapplicable("est la racine ; utilisez DELETE.", "is the root; use DELETE.")
        space = self._operation.get("ws")
        if space not in (None, "before", "after", "both"):
            self._malformed("ws vaut before, after ou both", "ws is one of before, after, both")
        tail = node.tail or ""
        if space in ("after", "both"):
            tail = tail.lstrip()
        at = holder.index(node)
        before = (holder[at - 1].tail if at else holder.text) or ""
        if space in ("before", "both"):
            before = before.rstrip()
        joined = before + tail or None
        if at:
            holder[at - 1].tail = joined
        else:
            holder.text = joined
        node.tail = None
        holder.remove(node)

    @staticmethod
    def _set_text(target: Target, value: str | None) -> None:
        if target.is_tail:
            target.node.tail = value
        else:
            target.node.text = value

    def _redeclare(self, node: Any, namespaces: dict[str | None, str]) -> None:
        """Give an element other namespace declarations: lxml needs a new element for that."""
        try:
            other = etree.Element(node.tag, dict(node.attrib), namespaces)  # type: ignore[arg-type] # None is the default namespace
        except ValueError:
            self._malformed("déclaration d'espace de noms", "namespace declaration")
        other.text, other.tail = node.text, node.tail
        other.extend(list(node))
        holder = node.getparent()
        if holder is None:
            self._tree._setroot(other)  # noqa: SLF001 - lxml's documented way to change a tree's root
        else:
            holder.replace(node, other)

    def _malformed(self, fr: str, en: str) -> NoReturn:
        raise BadRequest(Text(f"XML Patch mal formé : {fr}.", f"Malformed XML Patch: {en}."), rule="xml-patch")

    def _inapplicable(self, fr: str, en: str) -> Unprocessable:
        shown = self._selected[:200]
        return Unprocessable(
            Text(f"Le sélecteur « {shown} » {fr}", f'The selector "{shown}" {en}'),
            expression=_expression(self._selected),
            rule="xml-patch",
        )


def _add_text_after(node: Any, text: str | None) -> None:
    if text:
        node.tail = (node.tail or "") + text


def _expression(selector: str) -> str | None:
    """Return a selector as FHIRPath: `f:Patient/f:name[1]/@value` is `Patient.name[0]`."""
    steps = []
    for step in selector.strip("/").split("/"):
        match = re.fullmatch(r"(?:[\w.-]+:)?([A-Za-z]\w*)(?:\[([1-9]\d*)\])?", step)
        if match is None:
            break
        steps.append(match[1] + (f"[{int(match[2]) - 1}]" if match[2] else ""))
    return ".".join(steps) or None
