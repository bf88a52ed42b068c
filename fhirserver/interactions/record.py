"""What `$everything` asks of a patient's record, read into a search of his compartment.

https://hl7.org/fhir/R4/patient-operation-everything.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fhirserver.access.decide import decide
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.search.asked.parse import parse
from fhirserver.search.asked.query import And, Node, Or
from fhirserver.search.mongo.conditions import Narrowing
from fhirserver.search.mongo.searching import ResultPage
from fhirserver.search.values import instants

PARAMETERS: Final = ("_since", "_type", "_count", "start", "end")
_MOMENTS: Final = ("_since", "start", "end")
_OF_A_PERSON: Final = "birthdate"
"""The main date of those types that have no date of care."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a record is wanted.

    Attributes:
        patient: whose record it is, `Patient/1`.
        given: the operation's own parameters, for the `self` link and the cursor.
        searched: the types that are searched.
        named: those of `_type`; empty: all.
        pairs: criteria of the search.
        limits: for each type searched, the dates of care; under an empty name, what holds for every type.
    """

    patient: str
    given: tuple[tuple[str, str], ...]
    searched: tuple[str, ...]
    named: frozenset[str]
    pairs: tuple[tuple[str, str], ...]
    limits: dict[str, Node]

    def narrowing(self, sight: Narrowing | None) -> Narrowing | None:
        """Return what limits the search and its includes, beside what the caller may see."""
        if not self.limits:
            return sight

        def limit(kind: str) -> Node | None:
            nodes = [sight(kind) if sight else None, self.limits.get(""), self.limits.get(kind)]
            return And(tuple(node for node in nodes if node is not None))

        return limit

    def part(self, page: ResultPage) -> ResultPage:
        """Return what of a page is wanted; the patient comes once, as a match."""
        kept = tuple(each for each in page.matches if not self.named or each.type in self.named)
        beside = tuple(
            each
            for each in page.includes
            if f"{each.type}/{each.id}" != self.patient and (not self.named or each.type in self.named)
        )
        total = page.total if len(kept) == len(page.matches) else None
        return replace(page, matches=kept, includes=beside, total=total, understood=self.given)


def read(services: Services, request: Request, members: Sequence[str], patient: str, pairs: Pairs) -> Wanted:
    """Read the parameters of the operation.

    Args:
        services: of the server.
        request: who asks.
        members: the types in the compartment that the caller may search.
        patient: id of the patient.
        pairs: the parameters, from the request or from a cursor.

    Raises:
        BadRequest: a type that is none here, or no date where one is expected.
        Forbidden: a type that the caller may not search.
    """
    given = tuple((name, value) for name, value in pairs if name in PARAMETERS)
    zone = services.searcher.rules.setting.zone
    moments = {name: _moment(name, [value for each, value in given if each == name], zone) for name in _MOMENTS}
    named = _named(services, [value for name, value in given if name == "_type"])
    for kind in sorted(named):
        decide(request.caller, "s", kind)
    # what only others refer to is found by those
    searched = sorted(named) if named and named <= set(members) else members
    counts = tuple((name, value) for name, value in given if name == "_count")
    return Wanted(
        f"Patient/{patient}",
        given,
        tuple(searched),
        named,
        (*counts, ("_include", "*")),
        _limits(services, searched, moments),
    )


def _moment(name: str, values: Sequence[str], zone: str) -> str | None:
    if not values:
        return None
    try:
        # a plus sign that was not escaped reads as a space
        text = values[0].replace(" ", "+")
        instants.span(text, zone)
    except ValueError:
        text = ""
    if not text or len(values) > 1:
        raise BadRequest(
            Text(f"{name} : une date FHIR est attendue, une fois.", f"{name}: one FHIR date is expected, once."),
            expression=f"http.{name}",
            rule="parameter",
        )
    return text


def _named(services: Services, values: Sequence[str]) -> frozenset[str]:
    named = frozenset(kind for value in values for kind in value.split(","))
    for kind in sorted(named - services.types):
        raise BadRequest(
            Text(f"_type : « {kind[:40]} » n'est pas un type d'ici.", f'_type: "{kind[:40]}" is no type here.'),
            expression="http._type",
            rule="parameter",
        )
    return named


def _limits(services: Services, kinds: Sequence[str], moments: dict[str, str | None]) -> dict[str, Node]:
    def node(kind: str, *pairs: tuple[str, str]) -> Node:
        return parse(services.registry, [kind], pairs, rules=services.searcher.rules).where

    limits: dict[str, Node] = {}
    if moments["_since"]:
        limits[""] = node("Patient", ("_lastUpdated", f"ge{moments['_since']}"))
    bounds = [(prefix, moments[name]) for prefix, name in (("ge", "start"), ("le", "end")) if moments[name]]
    for kind in kinds if bounds else ():
        code = services.registry.of(kind).main_date
        if code is not None and code != _OF_A_PERSON:
            within = node(kind, *((code, f"{prefix}{moment}") for prefix, moment in bounds))
            limits[kind] = Or((within, node(kind, (f"{code}:missing", "true"))))
    return limits
