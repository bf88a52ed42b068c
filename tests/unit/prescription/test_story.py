"""The story of a prescription says what was done of each line, and why something was not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.execution.standing import Delivered
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.story import Version, events
from fhirserver.prescription.tasks import View

DAY = date(2026, 3, 2)
TITLES = {"MedicationRequest/1": "DOLIPRANE", "ServiceRequest/1": "Pansement"}


@pytest.mark.parametrize(
    ("line", "delivered", "told"),
    [
        (
            "MedicationRequest/1",
            Delivered(DAY, Amount(Decimal(2), "boîte")),
            "« DOLIPRANE » délivré tel quel : 2 boîtes",
        ),
        ("ServiceRequest/1", Delivered(DAY, Amount(Decimal(1), "séance")), "« Pansement » réalisé : 1 séance"),
        (
            "MedicationRequest/1",
            Delivered(DAY, outcome=Outcome.NOT_DELIVERED, reason="out-of-stock"),
            "« DOLIPRANE » non délivré (manque en stock)",
        ),
        (
            "MedicationRequest/1",
            Delivered(DAY, outcome=Outcome.SHORTAGE, reason="recommandation de l'ANSM"),
            "« DOLIPRANE » remplacé pour rupture (recommandation de l'ANSM)",
        ),
    ],
)
def test_each_delivery_is_told_in_french(line: str, delivered: Delivered, told: str) -> None:
    task = {
        "resourceType": "Task",
        "code": {"coding": [{"code": "pharmacy"}]},
        "businessStatus": {"coding": [{"code": "taken"}]},
    }
    View(task).add("MedicationDispense/1", line, delivered)
    found = events("Task/1", [Version(task, datetime(2026, 3, 2, 10, tzinfo=UTC), "Hugo PETIT")], TITLES)
    assert found[0].text.fr.replace("\u00a0", " ") == told
