"""$everything: a patient's whole record (https://hl7.org/fhir/R4/patient-operation-everything.html).

A search of the patient's compartment, with what its resources refer to, paged like any search.
"""

from __future__ import annotations

from typing import Final

from fhirserver.access.decide import decide
from fhirserver.errors import BadRequest
from fhirserver.interactions import read, search
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.shown import visibility
from fhirserver.issues import Text
from fhirserver.operations.registry import Call, Operation

_KEPT: Final = ("_count", "_type", "_cursor", "_format", "_pretty")


def everything(call: Call) -> Answer:
    """Answer a page of the record.

    Raises:
        NotFound: no such patient, or not for this caller.
        Gone: the patient is deleted.
        BadRequest: a parameter that is not offered.
    """
    assert call.identity is not None, "offered on instances"
    grant = decide(call.request.caller, "r", "Patient")
    current = call.services.store.read("Patient", call.identity)
    stored = visibility.require(call.services, call.request, grant, current, "Patient", call.identity)
    if stored.deleted:
        raise read.gone(stored)
    pairs = []
    for name, values in call.parameters().items():
        if name == "_since":
            pairs += [("_lastUpdated", f"ge{value}") for value in values]
        elif name in _KEPT:
            pairs += [(name, str(value)) for value in values]
        else:
            raise BadRequest(
                Text(
                    f"$everything n'offre pas le paramètre « {name[:40]} » ; offerts : _since, _type, _count.",
                    f'$everything does not offer the parameter "{name[:40]}"; offered: _since, _type, _count.',
                ),
                rule="parameter",
            )
    return search.record(call.services, call.request, call.identity, pairs)


OPERATION: Final = Operation(
    "everything",
    everything,
    "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    instances=("Patient",),
    later=True,
)
