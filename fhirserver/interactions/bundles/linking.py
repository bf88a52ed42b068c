"""References that name no place: `Patient?identifier=…` is answered by a search, `urn:uuid:…` by a transaction's entry.

https://hl7.org/fhir/R4/http.html#trules. What is stored names places: a conditional reference is replaced by what it
selects, in a transaction, in a batch and in a resource that comes alone; one that selects nothing or several, and a
`urn:` that nothing here answers, are refused. A Bundle that is stored as a resource keeps its references: its own
entries answer them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from fhirserver.errors import BadRequest, MultipleMatches, PreconditionFailed, Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown.selecting import criteria, identities
from fhirserver.interactions.writes.references import literals
from fhirserver.issues import Text

_NESTED: Final = frozenset({dict, list})
LOCAL: Final = ("urn:uuid:", "urn:oid:")
_CONDITIONAL: Final = re.compile(r"([A-Z][A-Za-z]+)\?(.*)", re.DOTALL)

Select = Callable[[str, list[tuple[str, str]]], set[str]]
"""Gives the ids (two are enough) that criteria select among resources of a type."""


def alone(services: Services, request: Request, resource: dict[str, Any]) -> dict[str, Any]:
    """Return a resource that no transaction brought, with its conditional references replaced.

    Raises:
        PreconditionFailed: a conditional reference selects nothing, or several.
        Unprocessable: a reference to a `urn:` that nothing can answer.
        BadRequest: criteria that cannot be understood, or none.
    """
    kind = resource.get("resourceType")
    if request.in_bundle or kind == "Bundle" or not unplaced(resource):
        return resource

    def select(of_kind: str, pairs: list[tuple[str, str]]) -> set[str]:
        return (
            set(identities(services, of_kind, pairs, 2, request.unit, request)) if of_kind in services.types else set()
        )

    for path, text in literals(resource, str(kind)):
        if text.startswith(LOCAL):
            raise Unprocessable(
                Text(
                    f"« {text[:80]} » ne vaut que dans une transaction dont une entrée a ce fullUrl. Nommez la "
                    "ressource (Type/id), ou envoyez les deux dans une transaction.",
                    f'"{text[:80]}" holds only within a transaction of which an entry has this fullUrl. Name the '
                    "resource (Type/id), or send both in one transaction.",
                ),
                expression=path,
                rule="unresolved-reference",
                code="not-found",
            )
    return replace(resource, str(kind), select)


def replace(resource: dict[str, Any], kind: str, select: Select) -> dict[str, Any]:
    """Return a resource with each conditional reference replaced by the one resource that it selects.

    Raises:
        PreconditionFailed: it selects nothing.
        MultipleMatches: it selects several.
    """
    answers: dict[str, str] = {}
    for path, text in literals(resource, kind):
        match = _CONDITIONAL.fullmatch(text)
        if match and text not in answers:
            answers[text] = _answer(select, match, path)
    replaced: dict[str, Any] = _with(resource, answers) if answers else resource
    return replaced


def unplaced(resource: dict[str, Any]) -> list[str]:
    """Return the references that are conditional or to a `urn:`, and the urls of attachments and others to a `urn:`."""
    found: list[str] = []
    pending: list[Any] = [resource]
    for value in pending:  # it grows meanwhile
        if type(value) is dict:
            text = value.get("reference") or value.get("url")
            if type(text) is str and ("?" in text or text.startswith(LOCAL)):
                found.append(text)
            members = value.values()
        else:
            members = value
        for member in members:
            if type(member) in _NESTED:
                pending.append(member)  # noqa: PERF401 - twice as fast as a list for each object
    return found


def selections(texts: Iterable[str]) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Return the types and criteria of the conditional references among such texts, as far as they are readable."""
    found = []
    for text in texts:
        match = _CONDITIONAL.fullmatch(text)
        if match:
            with suppress(BadRequest):
                found.append((match[1], tuple(criteria(match[2]))))
    return found


def _answer(select: Select, match: re.Match[str], path: str) -> str:
    kind, query = match[1], match[2]
    chosen = select(kind, criteria(query))
    if len(chosen) == 1:
        return f"{kind}/{chosen.pop()}"
    if chosen:
        raise MultipleMatches(
            Text(
                f"La référence conditionnelle « {match[0][:120]} » désigne plusieurs ressources.",
                f'The conditional reference "{match[0][:120]}" selects several resources.',
            ),
            expression=path,
            rule="conditional-reference",
        )
    raise PreconditionFailed(
        Text(
            f"La référence conditionnelle « {match[0][:120]} » ne désigne aucune ressource.",
            f'The conditional reference "{match[0][:120]}" selects no resource.',
        ),
        expression=path,
        rule="conditional-reference",
        code="not-found",
    )


def _with(value: Any, answers: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: answers.get(item, item) if name == "reference" and isinstance(item, str) else _with(item, answers)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_with(item, answers) for item in value]
    return value
