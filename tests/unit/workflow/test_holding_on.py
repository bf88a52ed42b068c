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
