"""A Patient stays the one of his INS: by it a patient's token reaches what is about him, whoever wrote that."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fhirserver import jsontext
from fhirserver.dmp import identity
from fhirserver.errors import Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.guards import Write
from fhirserver.interactions.services import Services
from fhirserver.issues import Text
from fhirserver.records import callers
from fhirserver.store import HistoryQuery, Stored

_VERSIONS: Final = 200


def require_same(services: Services, request: Request, write: Write) -> None:
    """Let nobody but an operator give a Patient who has an INS, or once had it, another one.

    Raises:
        Unprocessable: who has that INS would read what is about somebody else.
    """
    current, proposed = write.current, write.proposed
    if write.kind != "Patient" or current is None or proposed is None or callers.is_exempt(request.caller):
        return
    before = _national(current)
    given = set(identity.national(proposed)) - before
    # whoever takes an INS away and gives another one afterwards has changed it
    if given and (before or ((borne := _borne(services, current)) and not given <= borne)):
        raise Unprocessable(
            Text(
                "Ce patient a ou a eu une INS : une autre est celle d'un autre Patient, auquel un exploitant le relie "
                "(link, replaced-by).",
                "This patient has or had an INS: another one is that of another Patient, to whom an operator links "
                "him (link, replaced-by).",
            ),
            expression="Patient.identifier",
            rule="ins-changed",
            code="business-rule",
        )


def _borne(services: Services, current: Stored) -> set[tuple[str, str]]:
    """Return every INS that a Patient ever had."""
    found, query = set[tuple[str, str]](), HistoryQuery(current.type, current.id, count=_VERSIONS)
    while True:
        page = services.store.history(query)
        for stored in page.versions:
            found |= _national(stored)
        if page.next is None:
            return found
        query = replace(query, after=page.next)


def _national(stored: Stored) -> set[tuple[str, str]]:
    return set() if stored.deleted else set(identity.national(jsontext.read(stored.body)))
