"""The national health identity (INS): its systems, its key, and which of them a production takes.

Référentiel INS; the key is 97 minus the number modulo 97, Corsica's 2A and 2B counting as 19 and 18.
"""

from __future__ import annotations

import re
from typing import Final

from fhirserver.issues import Text

NIR: Final = "urn:oid:1.2.250.1.213.1.4.8"
NIA: Final = "urn:oid:1.2.250.1.213.1.4.9"
TEST: Final = frozenset({"urn:oid:1.2.250.1.213.1.4.10", "urn:oid:1.2.250.1.213.1.4.11"})
SYSTEMS: Final = frozenset({NIR, NIA, *TEST})
_NUMBER: Final = re.compile(r"(\d{5}(?:\d\d|2A|2B)\d{6})(\d\d)", re.ASCII)


def key(number: str) -> str:
    """Return the two digits that complete the 13 characters of an INS."""
    return f"{97 - int(number.replace('2A', '19').replace('2B', '18')) % 97:02d}"


def fault(system: str | None, value: str | None, *, production: bool) -> Text | None:
    """Return what is wrong with an identifier that claims to be an INS; None for a right one, or another identifier."""
    if system not in SYSTEMS:
        return None
    if production and system in TEST:
        return Text(
            "INS de test ou de démonstration : refusée en production.",
            "A test or demonstration INS: refused in production.",
        )
    match = _NUMBER.fullmatch(value or "")
    if match is None:
        return Text(
            "Une INS compte 15 caractères : 13 pour le numéro, 2 pour la clé.",
            "An INS has 15 characters: 13 for the number, 2 for the key.",
        )
    if key(match[1]) != match[2]:
        return Text(
            "La clé de l'INS ne correspond pas à son numéro : vérifiez la saisie.",
            "The key of the INS does not match its number: check what was typed.",
        )
    return None
