"""Who holds a prescription goes on seeing it for as long as he works on it."""

from __future__ import annotations

import uuid
from datetime import timedelta

from tests.unit.workflow.life.server import Clock, InProcess, execution, push


def test_a_holder_who_records_deliveries_plainly_sees_the_prescription_at_the_next_one(server: InProcess) -> None:
    status, issued = server.send("prescriber", "POST", "", push(["renewed"], Clock.present, None))
    assert status == 200, issued
    status, task = server.operate("pharmacy-a", "$take", number=issued["identifier"]["value"])
    assert status == 200, task
    line = task["input"][0]["valueReference"]["reference"]
    for _ in range(3):
        body = execution(line, str(uuid.uuid4()), Clock.present, 28, confirmed=False)
        status, answer = server.send("pharmacy-a", "POST", "MedicationDispense", body)
        assert status == 201, answer
        Clock.present += timedelta(days=28)


def test_a_structure_that_goes_on_with_a_treatment_sees_it_for_as_long_as_it_holds_it(server: InProcess) -> None:
    bundle = push(["act"], Clock.present, None)
    line = bundle["entry"][2]["resource"]
    line["category"] = [{"coding": [{"system": "http://snomed.info/sct", "code": "9632001"}]}]
    line["code"] = {"text": "Pansement"}
    line["quantityQuantity"] = {"value": 3}
    status, issued = server.send("prescriber", "POST", "", bundle)
    assert status == 200, issued
    status, task = server.operate("nurse", "$take", number=issued["identifier"]["value"])
    assert status == 200, task
    for _ in range(3):
        done = {
            "resourceType": "Procedure",
            "identifier": [{"system": "urn:oid:1.2.250.1.999.8", "value": str(uuid.uuid4())}],
            "status": "completed",
            "basedOn": [task["input"][0]["valueReference"]],
            "subject": task["for"],
            "performedDateTime": Clock.present.isoformat(timespec="seconds"),
        }
        status, answer = server.send("nurse", "POST", "Procedure", done)
        assert status == 201, answer
        Clock.present += timedelta(days=200)
