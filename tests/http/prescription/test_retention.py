"""What is kept five years is erased after them, with all that belongs to it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhirserver import app
from fhirserver.prescription.lines import paris_day
from fhirserver.prescription.rules.calendar import months_after
from fhirserver.settings import Settings
from fhirserver.store import Store
from fhirserver.store.commits import claims
from fhirserver.store.kept.erasing import erase
from fhirserver.store.local import LocalMongod
from fhirserver.workflow import commands, context
from tests.http.conftest import Client
from tests.http.prescription.conftest import dispense, find, issue, parameters, task_of


@pytest.mark.wasteful("looks at all prescriptions of the test database")
def test_a_prescription_is_erased_five_years_after_its_drafting_and_not_before(
    prescriber: Client, pharmacist: Client, operator: Client, mongod: LocalMongod, tmp_path: Path
) -> None:
    issued = issue(prescriber)
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    line = issued.reference("MedicationRequest")
    made = pharmacist.post("MedicationDispense", dispense(line, 15000)).json()["id"]
    pharmacist.post(f"Task/{task}/$close", parameters())
    settings = Settings(mongodb_uri=mongod.uri, database="http-tests", state=tmp_path)
    store = Store(mongod.uri, "http-tests")
    try:
        services = app.services(settings, store)
        workflow = context.workflow(settings)
        today = paris_day(datetime.now(UTC))
        early = dict(commands.due(workflow, services, months_after(today, 59)))
        late = dict(commands.due(workflow, services, months_after(today, 61)))
        assert issued.number not in early
        parts = late[issued.number]
        assert {("Task", task), ("MedicationDispense", made), tuple(line.split("/"))} <= set(parts)
        assert erase(store, parts, [claims.name("number", issued.number)]) >= len(parts)
    finally:
        store.close()
    assert operator.get(line).status_code == 404
    assert operator.get(f"Task/{task}/_history").status_code == 404
    assert find(pharmacist, issued.number).status_code == 404
    assert operator.get(issued.reference("Patient")).status_code == 200
