"""May this caller do that: one pure decision, refused unless something grants it.

Role (`matrix.py`) and token scope must both grant the interaction. A patient reaches only his own compartment:
the decision says so, and the interaction narrows its answer to it.
"""

from __future__ import annotations

from typing import NamedTuple

from fhirserver.access import scopes
from fhirserver.access.caller import Caller, Ins, Role
from fhirserver.access.matrix import GRANTS
from fhirserver.access.scopes import Letter
from fhirserver.errors import Forbidden
from fhirserver.issues import Text

_VERBS: dict[str, Text] = {
    "c": Text("créer", "create"),
    "r": Text("lire", "read"),
    "u": Text("modifier", "update"),
    "d": Text("supprimer", "delete"),
    "s": Text("rechercher", "search"),
}


class Grant(NamedTuple):
    """What was allowed: everything of the type, or only what concerns one patient."""

    patient: Ins | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing has to be narrowed."""
        return self.patient is None


_WHOLE = Grant()


def decide(caller: Caller, letter: Letter, resource_type: str | None) -> Grant:
    """Allow an interaction on a type (None: on the whole system), or refuse it.

    Raises:
        Forbidden: the role or the token's scopes do not cover it; the text says which.
    """
    require_scope(caller, letter, resource_type)
    if caller.role is Role.OPERATOR:
        return _WHOLE
    if resource_type is None or letter not in GRANTS[caller.role].get(resource_type, ""):
        verb, shown = _VERBS[letter], resource_type or "*"
        raise Forbidden(
            Text(
                f"Le rôle « {caller.role} » ne permet pas de {verb.fr} {shown}.",
                f'The role "{caller.role}" may not {verb.en} {shown}.',
            ),
            rule="role",
        )
    return Grant(caller.ins) if caller.role is Role.PATIENT else _WHOLE


def require_scope(caller: Caller, letter: Letter, resource_type: str | None) -> None:
    """Require that the token, whatever its role may do, was given for that.

    Raises:
        Forbidden: none of its scopes covers it; the text says which would.
    """
    if not scopes.granted(caller.scopes, letter, resource_type):
        verb, shown = _VERBS[letter], resource_type or "*"
        raise Forbidden(
            Text(
                f"Le jeton ne porte aucun périmètre qui permette de {verb.fr} {shown} "
                f"(il faudrait par exemple system/{shown}.{letter}).",
                f"No scope of the token allows to {verb.en} {shown} (system/{shown}.{letter} for instance would).",
            ),
            rule="scope",
        )
