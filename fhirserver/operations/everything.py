"""$everything: a patient's whole record (https://hl7.org/fhir/R4/patient-operation-everything.html).

A search of the patient's compartment, with what its resources refer to, paged like any search.
"""

from __future__ import annotations

from typing import Final

from fhirserver.access.decide import decide
from fhirserver.interactions import read, search
from fhirserver.interactions.exchange import Answer
from fhirserver.interactions.record import PARAMETERS
from fhirserver.interactions.shown import visibility
from fhirserver.operations.registry import Call, Operation


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
    given = call.parameters((*PARAMETERS, "_cursor"))
    pairs = [(name, str(value)) for name, values in given.items() for value in values]
    return search.record(call.services, call.request, call.identity, pairs)


OPERATION: Final = Operation(
    "everything",
    everything,
    "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    instances=("Patient",),
    later=True,
)
