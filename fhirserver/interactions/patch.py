"""patch: a change of the current version (https://hl7.org/fhir/R4/http.html#patch)."""

from __future__ import annotations

from typing import Any

from fhirserver.errors import NotImplementedHere
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.issues import Text


def patch(services: Services, request: Request, kind: str, identity: str) -> Answer:
    raise NotImplementedHere(Text("PATCH n'est pas encore offert.", "PATCH is not offered yet."))


def read(services: Services, request: Request) -> Any:
    raise NotImplementedHere(Text("PATCH n'est pas encore offert.", "PATCH is not offered yet."))


def apply(services: Services, request: Request, kind: str, identity: str, change: Any) -> Answer:
    raise NotImplementedHere(Text("PATCH n'est pas encore offert.", "PATCH is not offered yet."))
