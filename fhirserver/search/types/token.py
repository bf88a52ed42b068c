"""Token parameters: codes, identifiers, booleans (https://hl7.org/fhir/R4/search.html#token).

A value is kept as `code TAB system`, so that one key serves `code`, `system|code` and `|code`. Codes are compared as
they are, case included. Beside it stand `:text` (folded displays) and, for identifiers, `:of-type`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from fhirserver.issues import Text
from fhirserver.search.types.values import Collector, Condition, ValueFault, Values, add
from fhirserver.search.values import escapes, keys
from fhirserver.search.values.folding import fold
from fhirserver.search.values.keys import SEPARATOR, Bounds

TEXT: Final = ":text"
OF_TYPE: Final = ":of-type"
_PRIMITIVES: Final = frozenset(
    {"code", "string", "uri", "url", "canonical", "oid", "uuid", "id", "markdown", "integer", "positiveInt",
     "unsignedInt", "date", "dateTime", "instant"}
)  # fmt: skip
RANKS: Final = {"Identifier": 1, "ContactPoint": 2, "id": 1, "CodeableConcept": 5, "Coding": 5, "boolean": 8, "code": 8}
"""How few candidates a token of each FHIR type finds."""
SHARED: Final = 4
"""The same where it identifies something that many resources have in common: more than a patient has of them."""

_OF_TYPE_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a query.

    Attributes:
        code: None in `system|`.
        system: None when any system will do; empty when there must be none.
    """

    code: str | None
    system: str | None


def stored(code: str, system: str) -> str:
    """Return the form in which a token is kept."""
    if SEPARATOR in code:
        code = code.replace(SEPARATOR, " ")
    return code + SEPARATOR + system


def collector(fhir_type: str, field: str) -> Collector | None:  # noqa: PLR0911 - one return for each FHIR type
    """Return what extracts tokens from elements of a FHIR type; None if it has no tokens."""
    if fhir_type in _PRIMITIVES:
        return lambda element, values: add(values, field, stored(str(element), ""))
    if fhir_type == "boolean":
        return lambda element, values: add(values, field, "true\t" if element else "false\t")
    beside = field + TEXT
    if fhir_type == "CodeableConcept":

        def concept(element: Any, values: Values) -> None:
            for coding in element.get("coding", ()):
                _coding(coding, field, beside, values)
            if "text" in element:
                add(values, beside, fold(element["text"]))

        return concept
    if fhir_type == "Coding":
        return lambda element, values: _coding(element, field, beside, values)
    if fhir_type == "Identifier":
        return lambda element, values: _identifier(element, field, values)
    if fhir_type == "ContactPoint":
        return lambda element, values: (
            add(values, field, stored(element["value"], element.get("system", ""))) if "value" in element else None
        )
    return None


def _coding(coding: Any, field: str, beside: str, values: Values) -> None:
    code, system = coding.get("code"), coding.get("system")
    if code is not None or system is not None:
        add(values, field, stored(code or "", system or ""))
    if "display" in coding:
        add(values, beside, fold(coding["display"]))


def _identifier(element: Any, field: str, values: Values) -> None:
    value, system = element.get("value"), element.get("system")
    if value is not None or system is not None:
        add(values, field, stored(value or "", system or ""))
    kind = element.get("type")
    if kind:
        for coding in kind.get("coding", ()):
            if value is not None and "code" in coding:
                parts = (coding.get("system", ""), coding["code"], value)
                add(values, field + OF_TYPE, SEPARATOR.join(parts))
        if "text" in kind:
            add(values, field + TEXT, fold(kind["text"]))


def index_keys(field: str, found: list[str]) -> list[str]:
    """Return the keys of kept tokens."""
    return [f"{field}={value}"[: keys.MAX_LENGTH] for value in found]


def index_keys_of_codes(field: str, found: list[str]) -> list[str]:
    """Return the keys of kept codes: each also without its system.

    Codes are shared by many resources: one exact key gives them in the order of a list, where a range of keys would
    have to be read to its end and sorted. Identifiers are shared by few: for them a range will do.
    """
    bare = [f"{field}={value.partition(SEPARATOR)[0]}{SEPARATOR}"[: keys.MAX_LENGTH] for value in found]
    return [*index_keys(field, found), *bare]


def read(text: str) -> Token:
    """Read `code`, `system|code`, `|code` or `system|`.

    Raises:
        ValueFault: nothing on either side, or more than one unescaped `|`.
    """
    parts = escapes.split(text, "|")
    if len(parts) > 2:  # noqa: PLR2004 - system and code
        raise ValueFault(
            Text(
                "plus d'un « | » ; écrivez `système|code`, et `\\|` pour un « | » qui fait partie du code",
                "more than one `|`; write `system|code`, and `\\|` for one that belongs to the code",
            )
        )
    if len(parts) == 1:
        return Token(escapes.unescape(text).replace(SEPARATOR, " "), None)
    system, code = map(escapes.unescape, parts)
    if not system and not code:
        raise ValueFault(Text("ni système ni code", "neither system nor code"))
    return Token(code.replace(SEPARATOR, " ") or None, system)


def read_of_type(text: str) -> str:
    """Read `system|code|value` of `:of-type`; returns the form in which it is kept."""
    parts = [escapes.unescape(part) for part in escapes.split(text, "|")]
    if len(parts) != _OF_TYPE_PARTS or not all(parts):
        raise ValueFault(
            Text(
                "`:of-type` demande trois parties : `système du type|code du type|valeur`",
                "`:of-type` takes three parts: `system of the type|code of the type|value`",
            )
        )
    return SEPARATOR.join(parts)


def value_of_type(kept: str) -> str:
    """Return the identifier's value of what is kept for `:of-type`."""
    return kept.split(SEPARATOR, 2)[2].replace(SEPARATOR, " ")


def condition(path: str, tokens: list[Token]) -> Condition:
    """Return the condition that a resource has one of these tokens."""
    exact = [
        stored(token.code, token.system) for token in tokens if token.code is not None and token.system is not None
    ]
    parts: list[Condition] = []
    if exact:
        parts.append({path: exact[0] if len(exact) == 1 else {"$in": exact}})
    for token in tokens:
        if token.system is None:
            code = token.code or ""
            parts.append({path: {"$elemMatch": {"$gte": code + SEPARATOR, "$lt": code + "\n"}}})
        elif token.code is None:
            parts.append({path: {"$regex": f"{SEPARATOR}{re.escape(token.system)}\\z"}})
    return parts[0] if len(parts) == 1 else {"$or": parts}


def bounds(field: str, tokens: list[Token], rank: int, *, codes: bool) -> Bounds | None:
    """Return where candidates for these tokens stand; None where only the system is given.

    Args:
        field: of the parameter.
        tokens: of the query.
        rank: of the bounds.
        codes: whether the keys are those of `index_keys_of_codes`.
    """
    if any(token.code is None for token in tokens):
        return None
    exact = [token for token in tokens if codes or token.system is not None]
    return Bounds(
        "k",
        tuple(dict.fromkeys(keys.point(field, stored(token.code or "", token.system or "")) for token in exact)),
        tuple(keys.any_system(field, token.code or "") for token in tokens if not codes and token.system is None),
        rank,
    )
