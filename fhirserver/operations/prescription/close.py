"""`$close`: end one delivery; the answer carries its signed receipt (JWS; keys at /.well-known/jwks.json)."""

from __future__ import annotations

from fhirserver import jsontext
from fhirserver.interactions.exchange import Answer
from fhirserver.operations.prescription import asked
from fhirserver.operations.registry import Call
from fhirserver.workflow import taskwork
from fhirserver.workflow.acts import closing
from fhirserver.workflow.context import Workflow


def run(workflow: Workflow, call: Call) -> Answer:
    """Answer Parameters: the Task, the receipt as a compact JWS, and where it is kept; raises as `closing.close`."""
    asked.acting(call)
    identity = asked.one_task(workflow, call, asked.inputs(call, {"number", "kind"}))
    answer, receipt = taskwork.move(workflow, call.services, call.request, identity, closing.close)
    answer = answer.settle()
    call.request.record("close", "Task", identity)
    kept = call.services.store.read("Binary", receipt)
    if answer.stored is None or kept is None:
        # within a transaction Bundle: what is planned is not written yet
        return answer
    signed = call.services.store.files.read(kept.files[0]).decode("ascii")
    return Answer(
        200,
        resource=asked.answer(
            task={"resource": jsontext.read(answer.stored.body)},
            receipt={"valueString": signed},
            receipt_reference={"valueReference": {"reference": f"Binary/{receipt}"}},
        ),
    )
