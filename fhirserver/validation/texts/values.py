"""Texts on single values: formats, fixed values, lengths, ranges."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from fhirserver.issues import Text

_LONGEST_SHOWN: Final = 80


def shown(value: Any) -> str:
    """Return a value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else repr(value)


_FORMATS: Final[dict[str, Text]] = {
    "boolean": Text(
        "true ou false, sans guillemets",
        "true or false, without quotes",
    ),
    "integer": Text(
        "un entier entre −2147483648 et 2147483647, sans décimales",
        "a whole number between -2147483648 and 2147483647",
    ),
    "positiveInt": Text(
        "un entier entre 1 et 2147483647",
        "a whole number between 1 and 2147483647",
    ),
    "unsignedInt": Text(
        "un entier entre 0 et 2147483647",
        "a whole number between 0 and 2147483647",
    ),
    "decimal": Text(
        "un nombre, sans guillemets",
        "a number, without quotes",
    ),
    "string": Text(
        "un texte non vide, sans caractère de contrôle, d'au plus 1 048 576 caractères",
        "a text that is not empty, without control characters, of at most 1,048,576 characters",
    ),
    "markdown": Text(
        "un texte non vide, sans caractère de contrôle, d'au plus 1 048 576 caractères",
        "a text that is not empty, without control characters, of at most 1,048,576 characters",
    ),
    "code": Text(
        "un code sans espace au début ni à la fin, ni deux espaces de suite",
        "a code without white space at its ends, nor twice in a row",
    ),
    "id": Text(
        "1 à 64 caractères parmi A-Z a-z 0-9 - .",
        "1 to 64 characters out of A-Z a-z 0-9 - .",
    ),
    "uri": Text(
        "une URI sans espace ; un OID s'écrit urn:oid:1.2.3, un UUID urn:uuid:c757…",
        "a URI without white space; an OID is written urn:oid:1.2.3, a UUID urn:uuid:c757…",
    ),
    "url": Text(
        "une URL sans espace",
        "a URL without white space",
    ),
    "canonical": Text(
        "une URL absolue, suivie s'il y a lieu de |version",
        "an absolute URL, followed by |version where needed",
    ),
    "oid": Text(
        "urn:oid: suivi d'un OID, comme urn:oid:1.2.250.1.213",
        "urn:oid: and an OID, such as urn:oid:1.2.250.1.213",
    ),
    "uuid": Text(
        "urn:uuid: suivi d'un UUID en minuscules",
        "urn:uuid: and a UUID in lower case",
    ),
    "date": Text(
        "une date qui existe : AAAA, AAAA-MM ou AAAA-MM-JJ",
        "a date that exists: YYYY, YYYY-MM or YYYY-MM-DD",
    ),
    "dateTime": Text(
        "une date qui existe : AAAA, AAAA-MM, AAAA-MM-JJ ou AAAA-MM-JJThh:mm:ss+hh:mm (fuseau "
        "obligatoire avec une heure)",
        "a date that exists: YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+hh:mm (a time needs its zone)",
    ),
    "instant": Text(
        "un instant complet : AAAA-MM-JJThh:mm:ss.sss+hh:mm ou Z",
        "a full instant: YYYY-MM-DDThh:mm:ss.sss+hh:mm or Z",
    ),
    "time": Text(
        "une heure hh:mm:ss, sans fuseau",
        "a time hh:mm:ss, without a zone",
    ),
    "base64Binary": Text(
        "du base64 (A-Z a-z 0-9 + / et = à la fin)",
        "base64 (A-Z a-z 0-9 + / and = at the end)",
    ),
    "xhtml": Text(
        "un élément XHTML <div>",
        "an XHTML element <div>",
    ),
}


def format_wrong(type_name: str, value: Any) -> Text:
    """Return: the value is not of that primitive type's format."""
    wanted = _FORMATS[type_name]
    found = shown(value)
    return Text(
        f"{found} n'est pas une valeur du type {type_name} : attendu {wanted.fr}.",
        f"{found} is not a value of type {type_name}: expected {wanted.en}.",
    )


def empty_string() -> Text:
    """Return: the string is empty or only white space."""
    return Text(
        "La valeur est vide ou ne contient que des espaces : donnez une valeur ou retirez l'élément.",
        "The value is empty or only white space: give a value, or leave the element out.",
    )


def too_long(length: int, longest: int, origin: str) -> Text:
    """Return: the string has more characters than the profile allows."""
    return Text(
        f"{length} caractères, pour {longest} au plus ({origin}) : raccourcissez la valeur.",
        f"{length} characters, where {longest} are allowed ({origin}): shorten the value.",
    )


def out_of_range(value: Any, bound: Any, *, least: bool, origin: str) -> Text:
    """Return: the value lies beyond the least or greatest value of the profile."""
    french, english = ("au moins", "at least") if least else ("au plus", "at most")
    return Text(
        f"{shown(value)} : attendu {french} {shown(bound)} ({origin}).",
        f"{shown(value)}: expected {english} {shown(bound)} ({origin}).",
    )


def not_fixed(value: Any, fixed: Any, origin: str) -> Text:
    """Return: the value is not the one that the profile fixes."""
    return Text(
        f"Trouvé {shown(value)} ; le profil fixe {shown(fixed)} ({origin}) : mettez exactement cette valeur.",
        f"Found {shown(value)}; the profile fixes {shown(fixed)} ({origin}): give exactly this value.",
    )


def not_pattern(value: Any, pattern: Any, origin: str) -> Text:
    """Return: the value lacks what the profile's pattern asks for."""
    return Text(
        f"Trouvé {shown(value)} ; attendu au moins {shown(pattern)} ({origin}) : complétez l'élément.",
        f"Found {shown(value)}; expected at least {shown(pattern)} ({origin}): complete the element.",
    )
