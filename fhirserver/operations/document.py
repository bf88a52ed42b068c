"""$document: a Composition and what it refers to, as a document Bundle.

https://hl7.org/fhir/R4/composition-operation-document.html.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Forbidden, Gone, NotFound
from fhirserver.interactions import create
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.writes import writing
from fhirserver.interactions.writes.references import literals, local
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation


def document(call: Call) -> Answer:
    """Answer the document; with `persist=true`, store it as a Bundle too.

    What the caller may not read, or is not here, is left out.

    Raises:
        NotFound: no such Composition, or not for this caller.
        BadRequest: another parameter, or one that is neither true nor false.
    """
    assert call.identity is not None, "offered on instances"
    persist = call.parameters(("persist",)).get("persist", ["false"])
    if len(persist) > 1 or persist[0] not in ("true", "false", True, False):
        raise BadRequest(
            Text("persist : true ou false, une fois.", "persist: true or false, once."),
            expression="persist",
            rule="parameter",
        )
    composition = _read(call, "Composition", call.identity)
    base = call.request.base
    found: dict[tuple[str, str], dict[str, Any]] = {("Composition", call.identity): composition}
    for _, text in literals(composition, "Composition"):
        target = local(text, base)
        if target is None or target in found or target[0] not in call.services.types:
            continue
        try:
            found[target] = _read(call, *target)
        except (NotFound, Gone, Forbidden):
            continue
    bundle = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "type": "document",
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "entry": [
            {"fullUrl": f"{base}/{kind}/{identity}", "resource": resource}
            for (kind, identity), resource in found.items()
        ],
    }
    if persist[0] in ("true", True):
        writing.allow(call.request, "c", "Bundle")
        return create.store(call.services, call.request, bundle, ())
    return Answer(200, resource=bundle)


def _read(call: Call, kind: str, identity: str) -> dict[str, Any]:
    stored = reading.read(call.services, call.request, kind, identity).stored
    assert stored is not None, "a read answers a version"
    resource: dict[str, Any] = jsontext.read(stored.body)
    return resource


OPERATION: Final = Operation(
    "document", document, "http://hl7.org/fhir/OperationDefinition/Composition-document", instances=("Composition",)
)
