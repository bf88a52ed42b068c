"""batch: independent requests, each answered for itself (https://hl7.org/fhir/R4/http.html#batch)."""

from __future__ import annotations

import logging
from typing import Any, Final

from fhirserver.errors import BadRequest, Failure
from fhirserver.interactions import entries
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.outcomes import INTERNAL, outcome
from fhirserver.interactions.services import Services
from fhirserver.issues import Text

_log: Final = logging.getLogger("fhirserver")


def perform(services: Services, request: Request, bundle: dict[str, Any]) -> Answer:
    """Perform each entry by the router, as if it had come alone; a failure is that entry's own."""
    found = entries.read(bundle, request.base, services.settings.max_bundle_entries)
    answers = [_perform(services, request, entry) for entry in found]
    return Answer(200, resource=entries.response("batch-response", answers))


def _perform(services: Services, whole: Request, entry: entries.Entry | Failure) -> dict[str, Any]:
    if isinstance(entry, Failure):
        return entries.refuse(entry, outcome(entry.issues, whole.language))
    if not entry.path and entry.method == "POST":
        return entries.refuse(nested := _nested(), outcome(nested.issues, whole.language))
    try:
        answer = services.router.perform(entries.as_request(whole, entry, None))
    except Failure as failure:
        return entries.refuse(failure, outcome(failure.issues, whole.language))
    except Exception:  # noqa: BLE001 - one entry's failure is its own; it is logged
        _log.exception("entry of a batch failed: request %s", whole.origin.get("request"))
        return {"response": {"status": "500 Internal Server Error", "outcome": outcome([INTERNAL], whole.language)}}
    return entries.respond(answer, whole)


def _nested() -> BadRequest:
    return BadRequest(Text("Un batch n'en contient pas un autre.", "A batch does not hold another one."), rule="nested")
