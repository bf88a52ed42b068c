"""Texts on questionnaires and their responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.issues import Text
from fhirserver.validation.texts.values import shown


def question_unknown(link: str) -> Text:
    """Return: enableWhen names no other item of the questionnaire."""
    return Text(
        f"enableWhen dépend de « {link} », qui n'est pas un autre item de ce questionnaire : corrigez le linkId.",
        f'enableWhen depends on "{link}", which is no other item of this questionnaire: mend the linkId.',
    )


def questionnaire_unknown(canonical: str) -> Text:
    """Return: the questionnaire is not at hand."""
    return Text(
        f"Le questionnaire {canonical} n'est pas connu de ce serveur : les réponses n'ont pas été comparées avec lui.",
        f"The questionnaire {canonical} is not known to this server: the answers were not compared with it.",
    )


def item_unknown(link: str) -> Text:
    """Return: the questionnaire has no such item at this place."""
    return Text(
        f"Le questionnaire n'a pas d'item « {link} » à cet endroit : corrigez le linkId ou déplacez l'item.",
        f'The questionnaire has no item "{link}" at this place: mend the linkId, or move the item.',
    )


def item_order(link: str) -> Text:
    """Return: items in another order than the questionnaire's."""
    return Text(
        f"L'item « {link} » n'est pas dans l'ordre du questionnaire : déplacez-le.",
        f'The item "{link}" is not in the order of the questionnaire: move it.',
    )


def item_missing(link: str, text: str) -> Text:
    """Return: a required item has no answer in a completed response."""
    return Text(
        f"L'item « {link} » ({text}) est obligatoire et sans réponse : répondez, ou laissez status à in-progress.",
        f'The item "{link}" ({text}) is required and has no answer: answer it, or leave status at in-progress.',
    )


def item_disabled(link: str) -> Text:
    """Return: an item is there though its enableWhen does not hold."""
    return Text(
        f"L'item « {link} » n'est pas à remplir dans ce cas (enableWhen) : retirez-le.",
        f'The item "{link}" is not to be filled in this case (enableWhen): leave it out.',
    )


def item_twice(link: str) -> Text:
    """Return: an item stands several times."""
    return Text(
        f"L'item « {link} » figure plusieurs fois : mettez toutes les réponses dans un seul item.",
        f'The item "{link}" stands several times: put all answers into one item.',
    )


def occurs(link: str, found: int, least: object, most: object) -> Text:
    """Return: an item is there, or answered, less or more often than its Questionnaire says."""
    low, high = least if type(least) is int else 0, most if type(most) is int else "*"
    return Text(
        f"La question {link} a {found} réponse(s) ; le questionnaire en demande {low}..{high}.",
        f"Question {link} has {found} answer(s); the Questionnaire asks for {low}..{high}.",
    )


def answer_twice(link: str) -> Text:
    """Return: several answers where one is asked for."""
    return Text(
        f"L'item « {link} » n'attend qu'une réponse (repeats).", f'The item "{link}" takes one answer only (repeats).'
    )


def answer_unwanted(link: str, kind: str) -> Text:
    """Return: groups and displays have no answers."""
    return Text(
        f"L'item « {link} » est de type {kind} : il n'a pas de réponse.",
        f'The item "{link}" is a {kind}: it has no answer.',
    )


def answer_type(found: str, kind: str, allowed: Sequence[str]) -> Text:
    """Return: the answer's type is not the one asked for."""
    listed = ", ".join(f"value{one}" for one in allowed)
    return Text(
        f"Réponse value{found} à un item de type {kind} : attendu {listed}.",
        f"Answer value{found} to an item of type {kind}: expected {listed}.",
    )


def answer_long(found: int, longest: int) -> Text:
    """Return: the answer is longer than the questionnaire allows."""
    return Text(
        f"Réponse de {found} caractères, {longest} au plus.", f"An answer of {found} characters, at most {longest}."
    )


def answer_option(value: Any) -> Text:
    """Return: the answer is none of the options."""
    return Text(
        f"{shown(value)} n'est pas une des réponses proposées (answerOption).",
        f"{shown(value)} is none of the answers offered (answerOption).",
    )
