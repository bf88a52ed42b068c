"""Refusals of queries: which parameter, which of its values, what is wrong, how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from fhirserver.errors import BadRequest
from fhirserver.issues import Issue, IssueCode, Text

_SHOWN: Final = 80


def shown(text: str) -> str:
    """Return a text of the client, cut to what a message shows."""
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def fault(name: str, text: Text, *, code: IssueCode = "invalid", rule: str = "search-value") -> BadRequest:
    """Return the refusal of a parameter."""
    return BadRequest(
        Text(f"Paramètre « {shown(name)} » : {text.fr}.", f'Parameter "{shown(name)}": {text.en}.'),
        expression=f"http.{shown(name)}",
        code=code,
        rule=rule,
    )


def value_fault(name: str, text: Text, position: int, total: int) -> BadRequest:
    """Return the refusal of one of a parameter's values.

    Args:
        name: of the parameter, with modifiers.
        text: what is wrong, without a full stop.
        position: of the value among its alternatives, from 0.
        total: how many alternatives there are.
    """
    if total > 1:
        text = Text(f"valeur n° {position + 1} : {text.fr}", f"value {position + 1}: {text.en}")
    return fault(name, text)


@lru_cache(maxsize=1_024)
def _close(name: str, known: tuple[str, ...]) -> list[str]:
    """Return what may have been meant; a chain asks it of every type that it may lead to."""
    return get_close_matches(name, known, 3, 0.6)


def unknown(name: str, place: str, known: Iterable[str]) -> Issue:
    """Return the issue of a parameter that a type does not have."""
    close = _close(name[:_SHOWN], tuple(known))
    hint_fr = f" Vouliez-vous dire {', '.join(close)} ?" if close else ""
    hint_en = f" Did you mean {', '.join(close)}?" if close else ""
    return Issue(
        "error",
        "not-supported",
        Text(
            f"{place} n'a pas de paramètre de recherche « {shown(name)} ».{hint_fr}",
            f'{place} has no search parameter "{shown(name)}".{hint_en}',
        ),
        f"http.{shown(name)}",
        "search-parameter",
    )


def not_understood(name: str, url: str) -> Issue:
    """Return the issue of a parameter whose SearchParameter is there, and finds nothing."""
    return Issue(
        "error",
        "not-supported",
        Text(
            f"Le paramètre « {shown(name)} » ({shown(url)}) n'est pas offert : son expression, ou celles de ses "
            "composants, ne se lisent pas ; corrigez ce SearchParameter.",
            f'The parameter "{shown(name)}" ({shown(url)}) is not offered: its expression, or those of its components, '
            "are not understood; mend that SearchParameter.",
        ),
        f"http.{shown(name)}",
        "search-parameter",
    )
