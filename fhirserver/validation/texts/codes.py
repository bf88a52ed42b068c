"""Texts on codes, code systems and value sets."""

from __future__ import annotations

from fhirserver.issues import Text

_STRENGTH_FRENCH = {"required": "obligatoire", "extensible": "extensible", "preferred": "préféré"}


def not_in(shown: object, value_set: str, strength: str, reason: Text, origin: str) -> Text:
    """Return: the code is not in the value set that the element is bound to."""
    mend_french = {
        "required": "choisissez un code de ce jeu",
        "extensible": "un code d'un autre système n'est admis que si aucun de ce jeu ne convient",
        "preferred": "un code de ce jeu est préférable",
    }
    mend_english = {
        "required": "choose a code of this value set",
        "extensible": "another system's code is fine only where none of this value set fits",
        "preferred": "a code of this value set is preferable",
    }
    return Text(
        f"« {shown} » n'est pas dans {value_set} (lien {_STRENGTH_FRENCH.get(strength, strength)}, {origin})."
        f" {reason.fr} À faire : {mend_french.get(strength, '')}.",
        f'"{shown}" is not in {value_set} ({strength} binding, {origin}). {reason.en}'
        f" To mend: {mend_english.get(strength, '')}.",
    )


def unverified(shown: object, reason: Text) -> Text:
    """Return: whether the code is right cannot be known here."""
    return Text(
        f"« {shown} » n'a pas pu être vérifié ici : {reason.fr}", f'"{shown}" could not be verified here: {reason.en}'
    )


def unknown_code(system: str, code: str) -> Text:
    """Return: the code system is loaded, complete, and does not have the code."""
    return Text(f"Le code « {code} » n'existe pas dans {system}.", f'The code "{code}" does not exist in {system}.')


def inactive_code(system: str, code: str) -> Text:
    """Return: the code exists and is no longer to be used."""
    return Text(
        f"Le code « {code} » de {system} n'est plus actif.", f'The code "{code}" of {system} is no longer active.'
    )


def abstract_code(system: str, code: str) -> Text:
    """Return: the code groups others and is not meant to be chosen."""
    return Text(
        f"Le code « {code} » de {system} n'est qu'un regroupement (abstract) : choisissez un code qu'il regroupe.",
        f'The code "{code}" of {system} only groups others (abstract): choose one of the codes below it.',
    )


def system_missing(code: str) -> Text:
    """Return: a code without its system means nothing."""
    return Text(
        f"Le code « {code} » n'a pas de système : sans lui il ne désigne rien et n'est pas vérifié ; ajoutez system.",
        f'The code "{code}" has no system: without it, it means nothing and is not verified; add system.',
    )


def system_value_set(url: str) -> Text:
    """Return: a value set is given where the code system belongs."""
    return Text(
        f"{url} est un jeu de valeurs : mettez dans system le système de codes d'où vient le code.",
        f"{url} is a value set: put the code system that the code comes from into system.",
    )


def wrong_display(found: str, wanted: str, code: str) -> Text:
    """Return: the display is none of the code's names."""
    return Text(
        f"Le libellé « {found} » n'est pas celui du code {code} : « {wanted} ».",
        f'The display "{found}" is not the one of code {code}: "{wanted}".',
    )


def relative_system(system: str) -> Text:
    """Return: a code system must be named by an absolute uri."""
    return Text(
        f"Le système « {system} » doit être une URI absolue (https://… ou urn:oid:…).",
        f'The system "{system}" must be an absolute URI (https://… or urn:oid:…).',
    )


def no_code(value_set: str, origin: str) -> Text:
    """Return: a code is required and only text was given."""
    return Text(
        f"Un code du jeu de valeurs {value_set} est obligatoire ({origin}) : ajoutez coding.system et coding.code.",
        f"A code of the value set {value_set} is required ({origin}): add coding.system and coding.code.",
    )


def code_missing(system: str) -> Text:
    """Return: a Coding names a system but no code."""
    return Text(
        f"Un code de {system} est attendu : ajoutez code, ou retirez ce coding.",
        f"A code of {system} is expected: add code, or leave this coding out.",
    )
