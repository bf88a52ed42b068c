"""vread: one version of a resource (https://hl7.org/fhir/R4/http.html#vread)."""

from __future__ import annotations

import re
from typing import Final

from fhirserver.access.decide import decide
from fhirserver.errors import NotFound
from fhirserver.interactions import read
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text

_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}")


def vread(services: Services, request: Request, kind: str, identity: str, version: str) -> Answer:
    """Answer a version.

    Raises:
        NotFound: no such version.
        Gone: that version says that the resource is deleted.
    """
    grant = decide(request.caller, "r", kind)
    number = int(version) if _VERSION.fullmatch(version) else 0
    found = services.store.vread(kind, identity, number) if number else None
    if found is None:
        visibility.require(services, request, grant, services.store.read(kind, identity), kind, identity)
        raise NotFound(
            Text(
                f"{kind}/{identity} n'a pas de version « {version[:20]} ».",
                f'{kind}/{identity} has no version "{version[:20]}".',
            ),
            rule="unknown-version",
        )
    stored = visibility.require(services, request, grant, found, kind, identity)
    if stored.deleted:
        raise read.gone(stored)
    request.record("vread", kind, identity, version=stored.version)
    services.guards.seen(services, request, (stored,))
    return read.present(services, request, stored)
