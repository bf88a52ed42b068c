"""Selectors of an XML Patch: the part of XPath that RFC 5261 (section 4.1) allows.

`f:Patient/f:name[1]/f:family/@value`: steps down from the document, each with predicates, and at the end an attribute,
a text, a comment, a processing instruction or a namespace. No axes, no `//`, no functions: nothing that could take
long on a small document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from fhirserver.errors import BadRequest
from fhirserver.issues import Text

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
USUAL: Final = {"f": FHIR, "fhir": FHIR, "h": XHTML, "xhtml": XHTML}
"""Prefixes that need no declaration, as FHIR's own documents use them."""

MAX_STEPS: Final = 200
_DEFAULT: Final = "default-namespace"
_NAME: Final = r"(?:[A-Za-z_][\w.-]*:)?(?:[A-Za-z_][\w.-]*|\*)"
_LITERAL: Final = r"(?:'[^']*'|\"[^\"]*\")"
_PREDICATE: Final = rf"\[\s*(?:[1-9][0-9]{{0,8}}|(?:\.|@{_NAME}|{_NAME}(?:/@{_NAME})?)\s*=\s*{_LITERAL})\s*\]"
_LEAF: Final = (
    rf"@{_NAME}|text\(\)(?:{_PREDICATE})*|comment\(\)(?:{_PREDICATE})*"
    rf"|processing-instruction\((?:{_LITERAL})?\)(?:{_PREDICATE})*"
)
_STEP: Final = rf"{_NAME}(?:{_PREDICATE})*"
_SELECTOR: Final = re.compile(
    rf"/?(?P<steps>{_STEP}(?:/{_STEP})*)?(?:/(?P<leaf>{_LEAF})|/namespace::(?P<namespace>[A-Za-z_][\w.-]*))?"
)
_NAMES: Final = re.compile(rf"(?P<literal>{_LITERAL})|(?P<attribute>@)?(?P<name>{_NAME})(?P<call>\()?")


class Selector(NamedTuple):
    """A selector, ready for XPath.

    Attributes:
        xpath: from the document node.
        namespaces: of the prefixes in it.
        namespace: prefix of the namespace declaration that is meant, if any.
    """

    xpath: str
    namespaces: dict[str, str]
    namespace: str | None


def parse(text: str, declared: Mapping[str | None, str]) -> Selector:
    """Read a selector; names without prefix are in the patch's default namespace (RFC 5261, section 4.2.1).

    Args:
        text: the `sel` attribute.
        declared: namespaces in scope in the patch.

    Raises:
        BadRequest: outside of what RFC 5261 allows, or a prefix that nobody declares.
    """
    selector = _SELECTOR.fullmatch(text.strip())
    if selector is None or not selector["steps"] or text.count("/") > MAX_STEPS:
        raise BadRequest(
            Text(
                f"Sélecteur « {text[:200]} » refusé : RFC 5261 admet des pas comme f:Patient/f:name[1]/@value.",
                f'Selector "{text[:200]}" refused: RFC 5261 allows steps such as f:Patient/f:name[1]/@value.',
            ),
            rule="xml-patch",
        )
    namespaces = {**USUAL, **{prefix: uri for prefix, uri in declared.items() if prefix}}
    if declared.get(None):
        namespaces[_DEFAULT] = declared[None]
    path = selector["steps"] + (f"/{selector['leaf']}" if selector["leaf"] else "")

    def qualified(match: re.Match[str]) -> str:
        name = match["name"]
        if match["literal"] or match["call"]:
            return match[0]
        prefix = name.partition(":")[0] if ":" in name else ""
        if prefix and prefix not in namespaces:
            raise BadRequest(
                Text(
                    f"Le préfixe « {prefix} » du sélecteur n'est pas déclaré.",
                    f'The prefix "{prefix}" of the selector is not declared.',
                ),
                rule="xml-patch",
            )
        if prefix or match["attribute"] or name == "*" or _DEFAULT not in namespaces:
            return match[0]
        return f"{_DEFAULT}:{name}"

    return Selector("/" + _NAMES.sub(qualified, path), namespaces, selector["namespace"])
