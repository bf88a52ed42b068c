"""A Patient stays the one of his INS: by it a patient's token reaches what is about him, whoever wrote that."""

from __future__ import annotations

from fhirserver import jsontext
from fhirserver.dmp import identity
from fhirserver.errors import Unprocessable
from fhirserver.interactions.exchange import Request
from fhirserver.interactions.guards import Write
from fhirserver.issues import Text
from fhirserver.records import callers


def require_same(request: Request, write: Write) -> None:
    """Let nobody but an operator give a Patient who has an INS another one.

    Raises:
        Unprocessable: who has that INS would read what is about somebody else.
    """
    current, proposed = write.current, write.proposed
    if write.kind != "Patient" or current is None or current.deleted or proposed is None:
        return
    if callers.is_exempt(request.caller):
        return
    before = identity.national(jsontext.read(current.body))
    if before and not set(identity.national(proposed)) <= set(before):
        raise Unprocessable(
            Text(
                "Ce patient a déjà une INS : une autre est celle d'un autre Patient, auquel un exploitant le relie "
                "(link, replaced-by).",
                "This patient has an INS already: another one is that of another Patient, to whom an operator links "
                "him (link, replaced-by).",
            ),
            expression="Patient.identifier",
            rule="ins-changed",
            code="business-rule",
        )
