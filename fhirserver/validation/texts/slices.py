"""Why an element does not belong to a slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.issues import Text
from fhirserver.validation.texts.values import shown


def wrong_type(path: str, found: Sequence[str], wanted: Sequence[str]) -> Text:
    """Return: the value at the discriminator has another type."""
    return Text(
        f"{path} est de type {', '.join(found) or 'absent'}, attendu {' ou '.join(wanted)}",
        f"{path} has type {', '.join(found) or 'none'}, expected {' or '.join(wanted)}",
    )


def wrong_profile(path: str, wanted: Sequence[str], why: Text | None) -> Text:
    """Return: the value at the discriminator does not meet the slice's profile."""
    return Text(
        f"{path} ne respecte pas {' ni '.join(wanted)}" + (f" ({why.fr})" if why else " (rien à cet endroit)"),
        f"{path} does not meet {' or '.join(wanted)}" + (f" ({why.en})" if why else " (nothing there)"),
    )


def must_exist(path: str) -> Text:
    """Return: the discriminator asks for an element that is missing."""
    return Text(f"{path} est absent", f"{path} is missing")


def must_not_exist(path: str) -> Text:
    """Return: the discriminator asks for an element to be missing."""
    return Text(f"{path} est présent, il ne devrait pas l'être", f"{path} is there and should not be")


def wrong_value(path: str, found: Sequence[Any], wanted: Any) -> Text:
    """Return: the value at the discriminator is another one."""
    values = ", ".join(shown(one) for one in found)
    return Text(
        f"{path} vaut {values or 'rien'}, attendu {shown(wanted)}",
        f"{path} is {values or 'missing'}, expected {shown(wanted)}",
    )


def not_in_value_set(path: str, found: Sequence[Any], value_set: str) -> Text:
    """Return: the code at the discriminator is not in the slice's value set."""
    values = ", ".join(shown(one) for one in found)
    return Text(
        f"{path} vaut {values or 'rien'}, attendu un code de {value_set}",
        f"{path} is {values or 'missing'}, expected a code of {value_set}",
    )
