"""batch and transaction: many requests in one (https://hl7.org/fhir/R4/http.html#transaction)."""

from __future__ import annotations

from fhirserver.errors import BadRequest
from fhirserver.interactions import batch, transaction
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.services import Services
from fhirserver.interactions.writes import writing
from fhirserver.issues import Text


def perform(services: Services, request: Request) -> Answer:
    """Perform the Bundle that was posted to the base.

    Raises:
        BadRequest: no Bundle, or of a type that is not performed.
    """
    bundle = writing.resource_of_type(request.parse(), "Bundle")
    kind = bundle.get("type")
    if kind == "transaction":
        return transaction.perform(services, request, bundle)
    if kind == "batch":
        return batch.perform(services, request, bundle)
    shown = kind if isinstance(kind, str) else "?"
    raise BadRequest(
        Text(
            f"Un Bundle de type « {shown[:40]} » ne s'exécute pas : envoyez batch ou transaction ici, "
            "ou rangez-le par POST Bundle.",
            f'A Bundle of type "{shown[:40]}" is not performed: send batch or transaction here, '
            "or store it by POST Bundle.",
        ),
        expression="Bundle.type",
        rule="bundle-type",
    )
