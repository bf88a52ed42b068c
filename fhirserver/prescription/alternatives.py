"""Lines of which one is executed and not the others: what a RequestGroup of the prescription says.

Two ways are read: a related action marked `ALT` (the eprescription guide), and R4's own `selectionBehavior` of a group
of actions of which one at most is chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fhirserver.prescription import elements
from fhirserver.prescription.lines import same_identifier

Resource = Mapping[str, Any]

RELATIONSHIP: Final = (
    "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/fr-additional-action-relationship"
)
_ALTERNATIVE: Final = "ALT"
_ONE: Final = frozenset({"exactly-one", "at-most-one"})


def concerns(group: Resource, identifier: Resource | None, lines: Iterable[str]) -> bool:
    """Tell whether a RequestGroup is of a prescription: by its group identifier, or by a line that it names."""
    shared = group.get("groupIdentifier")
    if isinstance(shared, Mapping) and identifier is not None and same_identifier(shared, identifier):
        return True
    named = {reference for action in _actions(group) if (reference := _reference(action))}
    return not named.isdisjoint(lines)


def pairs(group: Resource) -> set[tuple[str, str]]:
    """Return each line with each of its alternatives, both ways, by reference."""
    actions = list(_actions(group))
    by_id = {str(action.get("id")): action for action in actions}
    found: set[tuple[str, str]] = set()
    for action in actions:
        for related in action.get("relatedAction", ()):
            codes = [extension.get("valueCode") for extension in elements.extensions(related, RELATIONSHIP)]
            other = by_id.get(str(related.get("actionId")))
            if _ALTERNATIVE in codes and other is not None:
                found |= _both(_reference(action), _reference(other))
    for holder in (group, *actions):
        if holder.get("selectionBehavior") in _ONE:
            chosen = [_reference(action) for action in holder.get("action", ())]
            for left, right in itertools.combinations(chosen, 2):
                found |= _both(left, right)
    return found


def _both(left: str | None, right: str | None) -> set[tuple[str, str]]:
    return {(left, right), (right, left)} if left and right and left != right else set()


def _actions(holder: Resource) -> Iterator[Resource]:
    for action in holder.get("action", ()):
        yield action
        yield from _actions(action)


def _reference(action: Resource) -> str | None:
    reference = action.get("resource", {}).get("reference")
    return reference if isinstance(reference, str) else None
