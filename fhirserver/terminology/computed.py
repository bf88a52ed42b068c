"""Code systems that follow a grammar or a public standard, for which no package carries concepts.

UCUM, language tags and media types have no end of codes: theirs are judged by grammar. Countries, their subdivisions
and currencies (ISO 3166, ISO 4217) are lists that a library keeps up to date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import langcodes
import pycountry

from fhirserver.issues import Text
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.table import CodeTable, Row, pack
from fhirserver.terminology.verdicts import CodeState, CodeStatus

UCUM: Final = "http://unitsofmeasure.org"
LANGUAGES: Final = "urn:ietf:bcp:47"
MEDIA_TYPES: Final = "urn:ietf:bcp:13"

_TAG: Final = re.compile(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a token of RFC 6838, no secret
_MEDIA_TYPE: Final = re.compile(
    rf'{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\\r\n]|\\[^\r\n])*"))*'
)


class Grammar(NamedTuple):
    """A code system defined by its grammar.

    Attributes:
        url: canonical url.
        accepts: whether a code is well formed, and its parts exist.
        rule: what a code must be, for people.
    """

    url: str
    accepts: Callable[[str], bool]
    rule: Text

    def status(self, code: str) -> CodeStatus:
        """Return what is known of a code: KNOWN or UNKNOWN."""
        if self.accepts(code):
            return CodeStatus(CodeState.KNOWN, None, code)
        return CodeStatus(
            CodeState.UNKNOWN,
            Text(f"« {code} » n'est pas {self.rule.fr}.", f'"{code}" is not {self.rule.en}.'),
        )


def is_language_tag(code: str) -> bool:
    """Whether a code is a language tag whose subtags are in the IANA registry (BCP 47, RFC 5646)."""
    return bool(_TAG.fullmatch(code)) and langcodes.tag_is_valid(code)


def is_media_type(code: str) -> bool:
    """Whether a code is `type/subtype`, with or without parameters (BCP 13; RFC 6838, RFC 2045)."""
    return bool(_MEDIA_TYPE.fullmatch(code))


def grammars(is_unit: Callable[[str], bool]) -> dict[str, Grammar]:
    """Return the code systems that follow a grammar, by url; `is_unit` judges UCUM's."""
    known = [
        Grammar(
            LANGUAGES,
            is_language_tag,
            Text("une étiquette de langue BCP 47 (par exemple fr ou fr-FR)", "a BCP 47 language tag (such as fr-FR)"),
        ),
        Grammar(
            MEDIA_TYPES,
            is_media_type,
            Text("un type de média (par exemple application/pdf)", "a media type (such as application/pdf)"),
        ),
        Grammar(
            UCUM,
            is_unit,
            Text("une unité UCUM bien formée (par exemple mg, mL/h, [iU])", "a well-formed UCUM unit (such as mL/h)"),
        ),
    ]
    return {grammar.url: grammar for grammar in known}


def _countries() -> Iterator[Row]:
    for country in pycountry.countries:
        for code in (country.alpha_2, country.alpha_3, country.numeric):
            yield Row(code, {"display": country.name})


def _subdivisions() -> Iterator[Row]:
    for part in pycountry.subdivisions:
        yield Row(part.code, {"display": part.name}, (part.parent_code,) if part.parent_code else ())


def _currencies() -> Iterator[Row]:
    for currency in pycountry.currencies:
        yield Row(currency.alpha_3, {"display": currency.name})


LISTS: Final[dict[str, tuple[str, Callable[[], Iterator[Row]]]]] = {
    "urn:iso:std:iso:3166": ("ISO 3166-1", _countries),
    "urn:iso:std:iso:3166:-2": ("ISO 3166-2", _subdivisions),
    "urn:iso:std:iso:4217": ("ISO 4217", _currencies),
}


def listed(url: str) -> CodeSystem | None:
    """Return the code system that a library lists, or None; built anew on each call."""
    if url not in LISTS:
        return None
    title, source = LISTS[url]
    meta = {"url": url, "title": title, "content": "complete", "language": "en"}
    return CodeSystem(CodeTable(pack(meta, source(), folds=False)))
