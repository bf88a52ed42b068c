"""Words of a resource, for `_content` (anywhere in it) and `_text` (in its narrative).

No index holds them: candidates are found by the other criteria, then read. https://hl7.org/fhir/R4/search.html#content.
"""

from __future__ import annotations

import html
import re
from typing import Any, Final

from fhirserver.search.values.folding import fold

WORD: Final = re.compile(r"[^\W_]+")
_TAG: Final = re.compile(r"<[^>]*>")
_SKIPPED: Final = frozenset({"data", "div"})


def of_narrative(resource: Any) -> frozenset[str]:
    """Return the folded words of the narrative."""
    div = resource.get("text", {}).get("div", "")
    return _words(html.unescape(_TAG.sub(" ", div)))


def of_content(resource: Any) -> frozenset[str]:
    """Return the folded words of the narrative and of every other text in the resource, attachments' data apart."""
    found = set(of_narrative(resource))
    pending: list[Any] = [resource]
    while pending:
        value = pending.pop()
        if type(value) is dict:
            pending += [member for name, member in value.items() if name not in _SKIPPED]
        elif type(value) is list:
            pending += value
        elif type(value) is str:
            found |= _words(value)
    return frozenset(found)


def _words(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(fold(text)))
