"""What the server itself writes of a prescription is stated in its profiles: it validates, extensions and all."""

from __future__ import annotations

from tests.http.conftest import Client
from tests.http.judged import faults
from tests.http.prescription.conftest import dispense, issue, parameters, task_of
from tests.http.prescription.test_alternatives import grouped


def test_tasks_deliveries_groups_receipts_and_prints_validate(
    prescriber: Client, pharmacist: Client, operator: Client
) -> None:
    issued = issue(prescriber, grouped)
    task = f"Task/{task_of(pharmacist, issued.number)['id']}"
    written = [operator.get(task).json()]
    pharmacist.post(f"{task}/$take", parameters())
    written.append(operator.get(task).json())
    line = issued.reference("MedicationRequest")
    body = dispense(line, None, quantity={"value": 10, "unit": "comprimé"})
    made = pharmacist.post(f"{task}/$dispense", parameters(dispense=body)).json()
    written.append(made["parameter"][1]["part"][0]["resource"])
    closed = pharmacist.post(f"{task}/$close", parameters()).json()
    written.append(closed["parameter"][0]["resource"])
    written += [operator.get(issued.reference(kind)).json() for kind in ("MedicationRequest", "RequestGroup")]
    receipt = next(part for part in closed["parameter"] if part["name"] == "receipt-reference")
    place = receipt.get("valueReference", {}).get("reference") or receipt["valueString"]
    written.append(operator.get(place, Accept="application/fhir+json").json())
    assert {each["resourceType"] for each in written} >= {"Task", "MedicationDispense", "RequestGroup", "Binary"}
    assert [fault for each in written for fault in faults(operator, each)] == []
