"""What `:in`, `:not-in`, `:below` and `:above` mean for tokens: the codes that terminology lists.

https://hl7.org/fhir/R4/search.html#modifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fhirserver.errors import Failure
from fhirserver.search.values import escapes
from fhirserver.terminology import Terminology
from fhirserver.terminology.expansion import expansion

MAX_CODES: Final = 10_000
_OPERATORS: Final = {"below": "is-a", "above": "generalizes"}


class TerminologyTokens:
    """Lists codes; give it to `Rules.expand`.

    Args:
        terminology: of the packages and the operator's folder.

    Attributes:
        stored: from a kind and a canonical (or `ValueSet/id`) that the terminology does not know to one that knows what
            clients stored of it as well, and the value set that was meant; None where nothing is stored.
    """

    def __init__(self, terminology: Terminology) -> None:
        self._terminology = terminology
        self.stored: Callable[[str, str], tuple[Terminology, dict[str, Any] | None]] | None = None

    def __call__(self, modifier: str, value: str) -> list[tuple[str, str]] | None:
        """Return system and code of everything meant.

        Args:
            modifier: `in` with the url of a value set or `ValueSet/id`, `below` or `above` with `system|code`.
            value: after the equals sign.

        Returns:
            None where that cannot be listed here: unknown, endless, or more than `MAX_CODES`.
        """
        terminology = self._terminology
        if modifier == "in":
            value_set = terminology.value_set(value)
            if value_set is None and self.stored:
                terminology, value_set = self.stored("ValueSet", value)
        else:
            system, code = map(escapes.unescape, value.partition("|")[::2])
            value_set = _hierarchy(system, code, _OPERATORS[modifier])
            if value_set and self.stored and not terminology.has_system(system):
                terminology, _ = self.stored("CodeSystem", system)
        if value_set is None:
            return None
        try:
            found = expansion(terminology, value_set).entries
        except Failure:
            return None
        return [(entry.system, entry.code) for entry in found] if len(found) <= MAX_CODES else None


def _hierarchy(system: str, code: str, operator: str) -> dict[str, Any] | None:
    if not system or not code:
        return None
    include = {"system": system, "filter": [{"property": "concept", "op": operator, "value": code}]}
    return {"resourceType": "ValueSet", "status": "active", "compose": {"include": [include]}}
