"""Versions in conditions: `W/"3"`, `"3"`, `3`, lists of them, `*` (https://hl7.org/fhir/R4/http.html#concurrency)."""

from __future__ import annotations

import re
from typing import Final

from fhirserver.errors import BadRequest
from fhirserver.issues import Text

_TAG: Final = re.compile(r'\s*(?:W/)?(?:"([^"]*)"|([A-Za-z0-9.\-]+))\s*(?:,|$)')


def tags(value: str, name: str) -> tuple[str, ...]:
    """Return the versions that a condition names; `*` stands for any.

    Tags may be weak, strong or, as some clients send them, unquoted.

    Raises:
        BadRequest: not a list of entity tags.
    """
    if value.strip() == "*":
        return ("*",)
    found: list[str] = []
    position = 0
    while position < len(value):
        match = _TAG.match(value, position)
        if match is None:
            break
        found.append(match[1] if match[1] is not None else match[2])
        position = match.end()
    if position < len(value) or not found:
        raise BadRequest(
            Text(
                f'{name} n\'est pas une étiquette de version, telle que W/"3" : {value[:80]}',
                f'{name} is no entity tag such as W/"3": {value[:80]}',
            ),
            rule="etag",
        )
    return tuple(found)
