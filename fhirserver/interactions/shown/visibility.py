"""What of the store a caller may see: the whole, or the compartment of the patient who asks for himself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.access.caller import Ins
from fhirserver.access.compartment import OPEN, concerns
from fhirserver.access.decide import Grant, decide
from fhirserver.errors import Forbidden, NotFound
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes.references import local
from fhirserver.issues import Text
from fhirserver.search.asked.query import And, Ids, Node, Or, Test, Within
from fhirserver.search.mongo.conditions import Narrowing
from fhirserver.search.types.reference import Target, known_by
from fhirserver.store import Stored

_NAMED_BY: Final = {"Task": "subject"}
"""Types outside of FHIR's compartment that a patient reads, and the parameter that names him."""


def require(  # noqa: PLR0913, PLR0917 - who asks, for what
    services: Services, request: Request, grant: Grant, stored: Stored | None, kind: str, identity: str
) -> Stored:
    """Return a version that the caller may see.

    Raises:
        NotFound: there is none, or none that the caller may know of: the two are answered alike.
    """
    if stored is None or not sees(services, request, grant, stored):
        raise not_found(kind, identity)
    return stored


def sees(services: Services, request: Request, grant: Grant, stored: Stored) -> bool:
    """Tell whether no guard hides a version, and whether it lies in the compartment of the patient who asks.

    What a tombstone was about is not told to a patient.
    """
    if not services.guards.shows(services, request, stored):
        return False
    if grant.patient is None:
        return True
    if stored.deleted:
        return False
    if "dmp" in stored.origin:
        # what belongs to a record is in its patient's compartment, contents that name nobody included
        return bool(stored.origin["dmp"]["record"] == f"{grant.patient.system}|{grant.patient.value}")
    resource: dict[str, Any] = jsontext.read(stored.body)
    if stored.type == "Binary" and _in_place(services, request, grant, resource):
        return True
    anchors = services.indexer.extract(resource).get("a", ())
    return concerns(resource, grant.patient, patients(services, grant.patient), anchors)


def _in_place(services: Services, request: Request, grant: Grant, binary: dict[str, Any]) -> bool:
    """Tell whether the caller sees the resource by which access to a Binary is decided (`securityContext`)."""
    literal = (binary.get("securityContext") or {}).get("reference")
    target = local(literal, request.base) if isinstance(literal, str) else None
    if target is None or target[0] in ("Binary", "Patient") or target[0] in OPEN:
        return False
    reader = services.store if request.unit is None else request.unit
    proxy = reader.read(*target)
    return proxy is not None and sees(services, request, grant, proxy)


def narrowing(services: Services, request: Request, grant: Grant) -> Narrowing | None:
    """Return what limits a search, with its chains and includes, to what the caller may see; None: nothing."""
    ids = patients(services, grant.patient) if grant.patient is not None else []
    places = tuple(f"Patient/{identity}" for identity in ids)
    if grant.patient is not None:
        places += (known_by(grant.patient.system, grant.patient.value),)

    def limit(kind: str) -> Node | None:
        try:
            here = decide(request.caller, "s", kind)
        except Forbidden:
            return Or(())
        hidden = services.guards.limit(services, request, kind)
        if here.whole or kind in OPEN:
            return hidden
        own = Ids(tuple(ids)) if kind == "Patient" else _about(services, kind, places)
        return own if hidden is None else And((own, hidden))

    return None if request.caller.everything else limit


def _about(services: Services, kind: str, places: tuple[str, ...]) -> Node:
    """Return the condition on what is about a patient; places: his compartments."""
    parameter = services.registry.of(kind).by_code.get(_NAMED_BY.get(kind, ""))
    if parameter is None:
        return Within(places)
    return Or((Within(places), Test(parameter, "", (Target(places),))))


def patients(services: Services, ins: Ins) -> Sequence[str]:
    """Return the ids of the Patient resources that carry an INS."""
    found: list[str] = services.searcher.ids("Patient", [("identifier", f"{ins.system}|{ins.value}")])
    return found


def not_found(kind: str, identity: str) -> NotFound:
    """Return the failure of a resource that is not here."""
    return NotFound(Text(f"{kind}/{identity} n'existe pas ici.", f"{kind}/{identity} is not here."), rule="unknown-id")
