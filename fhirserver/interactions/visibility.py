"""What of the store a caller may see: the whole, or the compartment of the patient who asks for himself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fhirserver import jsontext
from fhirserver.access.caller import Ins
from fhirserver.access.compartment import concerns
from fhirserver.access.decide import Grant
from fhirserver.errors import NotFound
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.store import Stored


def require(services: Services, grant: Grant, stored: Stored | None, kind: str, identity: str) -> Stored:
    """Return a version that the caller may see.

    Raises:
        NotFound: there is none, or none that the caller may know of: the two are answered alike.
    """
    if stored is None or not (grant.whole or sees(services, grant, stored)):
        raise not_found(kind, identity)
    return stored


def sees(services: Services, grant: Grant, stored: Stored) -> bool:
    """Tell whether a version lies in the patient's compartment; what a tombstone was about is not told."""
    if grant.patient is None:
        return True
    if stored.deleted:
        return False
    return concerns(jsontext.read(stored.body), grant.patient, patients(services, grant.patient))


def sees_resource(services: Services, grant: Grant, resource: dict[str, Any]) -> bool:
    """Tell whether a resource lies in the compartment."""
    return grant.patient is None or concerns(resource, grant.patient, patients(services, grant.patient))


def patients(services: Services, ins: Ins) -> Collection[str]:
    """Return the ids of the Patient resources that carry an INS."""
    return services.searcher.ids("Patient", [("identifier", f"{ins.system}|{ins.value}")])


def not_found(kind: str, identity: str) -> NotFound:
    """Return the failure of a resource that is not here."""
    return NotFound(Text(f"{kind}/{identity} n'existe pas ici.", f"{kind}/{identity} is not here."), rule="unknown-id")
