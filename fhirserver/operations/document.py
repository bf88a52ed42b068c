"""$document: a Composition and what it refers to, as a document Bundle.

https://hl7.org/fhir/R4/composition-operation-document.html.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from fhirserver.errors import BadRequest, Forbidden, Gone, NotFound, Unprocessable
from fhirserver.interactions import create
from fhirserver.interactions import read as reading
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import binary
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
        Unprocessable: a copy to be stored would show others what they may not read.
    """
    assert call.identity is not None, "offered on instances"
    persist = call.parameters(("persist",)).get("persist", ["false"])
    if len(persist) > 1 or persist[0] not in ("true", "false", True, False):
        raise BadRequest(
            Text("persist : true ou false, une fois.", "persist: true or false, once."),
            expression="persist",
            rule="parameter",
        )
    kept: list[str] = []
    composition = _read(call, "Composition", call.identity, kept)
    base = call.request.base
    found: dict[tuple[str, str], dict[str, Any]] = {("Composition", call.identity): composition}
    for _, text in literals(composition, "Composition"):
        target = local(text, base)
        if target is None or target in found or target[0] not in call.services.types:
            continue
        try:
            found[target] = _read(call, *target, kept)
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
        if kept:
            raise _not_copied(kept[0])
        return create.store(call.services, call.request, bundle, ())
    return Answer(200, resource=bundle)


def _not_copied(name: str) -> Unprocessable:
    return Unprocessable(
        Text(
            f"{name} se lit selon les règles de l'ordonnance ou du DMP ; une copie stockée le montrerait à d'autres : "
            "demandez le document sans persist.",
            f"{name} is read by the rules of its prescription or DMP; a stored copy would show it to others: ask for "
            "the document without persist.",
        ),
        expression="persist",
        rule="document-copy",
        code="business-rule",
    )


def _read(call: Call, kind: str, identity: str, kept: list[str]) -> dict[str, Any]:
    """Return what the caller may read; note in `kept` what a guard keeps from others."""
    stored = reading.read(call.services, call.request, kind, identity).stored
    assert stored is not None, "a read answers a version"
    if call.services.guards.keeps(stored):
        kept.append(f"{kind}/{identity}")
    return binary.whole(call.services, stored)


OPERATION: Final = Operation(
    "document", document, "http://hl7.org/fhir/OperationDefinition/Composition-document", instances=("Composition",)
)
