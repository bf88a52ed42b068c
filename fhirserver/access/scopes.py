"""SMART App Launch 2 scopes (https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html).

`system/*.cruds`, `user/MedicationRequest.rs`, `patient/*.rs`; version 1 spellings (`.read`, `.write`, `.*`) are
understood. A scope narrowed by a query (`patient/Observation.rs?category=…`) grants nothing here, since ignoring
the query would grant too much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

Letter = Literal["c", "r", "u", "d", "s"]

_SCOPE: Final = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?|read|write|\*)")
_LETTERS_OF_VERSION_1: Final = {"read": "rs", "write": "cud", "*": "cruds"}


class Scope(NamedTuple):
    """One grant: on a type (`*` for all), the interactions of its letters."""

    context: str
    type: str
    letters: str

    def grants(self, letter: Letter, resource_type: str | None) -> bool:
        """Tell whether it covers an interaction on a type (None: on all of them)."""
        return letter in self.letters and (self.type in ("*", resource_type))


def read(text: str) -> tuple[Scope, ...]:
    """Return the resource scopes of a `scope` claim; others (`openid`, `launch`) say nothing here."""
    scopes = []
    for word in text.split():
        match = _SCOPE.fullmatch(word)
        if match and match[3]:
            scopes.append(Scope(match[1], match[2], _LETTERS_OF_VERSION_1.get(match[3], match[3])))
    return tuple(scopes)


def granted(scopes: Iterable[Scope], letter: Letter, resource_type: str | None) -> bool:
    """Tell whether any scope covers an interaction on a type."""
    return any(scope.grants(letter, resource_type) for scope in scopes)
