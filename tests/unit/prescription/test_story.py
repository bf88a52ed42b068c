"""The story of a prescription says what was done of each line, and why something was not."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.execution.standing import Delivered
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.story import Version, events
from fhirserver.prescription.tasks import Hold, View

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


@pytest.mark.parametrize(
    ("line", "told"),
    [("MedicationRequest/1", "Délivrance de «"), ("ServiceRequest/1", "Réalisation de «")],
)
def test_what_was_taken_back_is_told_as_what_it_was(line: str, told: str) -> None:
    task = {
        "resourceType": "Task",
        "code": {"coding": [{"code": "nursing"}]},
        "businessStatus": {"coding": [{"code": "taken"}]},
    }
    view = View(task)
    view.add("Procedure/1", line, Delivered(DAY))
    view.withdraw("Procedure/1")
    found = events("Task/1", [Version(task, datetime(2026, 3, 2, 10, tzinfo=UTC), "")], TITLES)
    assert told in next(event.text.fr for event in found if event.what == "withdrawn")


def test_a_release_with_something_delivered_before_is_no_closing() -> None:
    task = {"resourceType": "Task", "code": {"coding": [{"code": "pharmacy"}]}, "output": []}
    receipt = {"type": {"coding": [{"code": "receipt"}]}}
    told = []
    for state, output in zip(("taken", "partly-executed") * 2, ([], [receipt], [receipt], [receipt]), strict=True):
        told.append({**task, "output": output, "businessStatus": {"coding": [{"code": state}]}})
    moment = datetime(2026, 3, 2, 10, tzinfo=UTC)
    found = [event.text.fr for event in events("Task/1", [Version(each, moment, "") for each in told], TITLES)]
    assert found[1::2] == [
        "Délivrance close, il reste à exécuter (pharmacie)",
        "Rendue, il reste à exécuter (pharmacie)",
    ]


def test_whoever_takes_it_from_one_whose_lease_has_ended_is_told_too() -> None:
    moment = datetime(2026, 3, 2, 10, tzinfo=UTC)
    versions = []
    for executor in ("10000000001@", "10000000001@", "10000000002@"):
        task = {"resourceType": "Task", "code": {"coding": [{"code": "pharmacy"}]}}
        task["businessStatus"] = {"coding": [{"code": "taken"}]}
        View(task).give(Hold(executor, moment, moment))
        versions.append(Version(task, moment, f"titulaire {executor[10]}"))
    found = [(event.text.fr, event.who) for event in events("Task/1", versions, TITLES)]
    assert found == [("Prise en charge (pharmacie)", "titulaire 1"), ("Prise en charge (pharmacie)", "titulaire 2")]


def test_the_end_that_the_prescriber_decides_is_told_with_its_reason() -> None:
    task = {
        "resourceType": "Task",
        "code": {"coding": [{"code": "pharmacy"}]},
        "businessStatus": {"coding": [{"code": "stopped"}]},
        "statusReason": {"coding": [{"code": "adverse-effect", "display": "effet indésirable"}]},
    }
    found = events("Task/1", [Version(task, datetime(2026, 3, 2, 10, tzinfo=UTC), "")], TITLES)
    assert found[0].text.fr == "Ordonnance arrêtée par le prescripteur (pharmacie) : effet indésirable"
