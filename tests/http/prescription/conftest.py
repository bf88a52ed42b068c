"""An ordonnance of every kind, and those who take part in its life."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from fhirserver.demo import ordonnance, people
from tests.http.conftest import Client, Server

AsRole = Callable[[str], Client]


@dataclass
class Issued:
    """What a push made."""

    number: str
    bundle: dict[str, Any]
    answer: dict[str, Any]

    def reference(self, kind: str, at: int = 0) -> str:
        """Return `Type/id` of a line."""
        found = [
            "/".join(entry["response"]["location"].split("/")[-4:-2])
            for entry in self.answer["entry"]
            if entry["response"]["location"].split("/")[-4] == kind
        ]
        return found[at]


def push(client: Client, change: Callable[[dict[str, Any]], None] | None = None, **headers: str) -> requests.Response:
    """Push the demonstration's ordonnance, changed or not."""
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    if change is not None:
        change(bundle)
    return client.post("", bundle, **headers)


def issue(client: Client, change: Callable[[dict[str, Any]], None] | None = None) -> Issued:
    """Push an ordonnance that must be issued."""
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    if change is not None:
        change(bundle)
    answer = client.post("", bundle)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    return Issued(told["identifier"]["value"], bundle, told)


def of(system: str, value: str) -> Callable[[dict[str, Any]], None]:
    """Make the demonstration's ordonnance that of the patient with this INS."""

    def change(bundle: dict[str, Any]) -> None:
        patient = bundle["entry"][0]
        patient["resource"]["identifier"][0].update(system=system, value=value)
        del patient["resource"]["meta"]
        patient["request"]["ifNoneExist"] = f"identifier={system}|{value}"

    return change


def parameters(**values: Any) -> dict[str, Any]:
    """Return Parameters; a dict with a resourceType goes as a resource."""
    listed: list[dict[str, Any]] = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            key = "resource" if isinstance(each, dict) and "resourceType" in each else "valueString"
            listed.append({"name": name.replace("_", "-"), key: each})
    return {"resourceType": "Parameters", "parameter": listed}


def find(client: Client, number: str) -> requests.Response:
    return client.post("$find-prescription", parameters(number=number))


def task_of(client: Client, number: str, kind: str = "pharmacy") -> dict[str, Any]:
    """Return the Task of a kind, found by number."""
    answer = find(client, number)
    assert answer.status_code == 200, answer.text
    tasks = [entry["resource"] for entry in answer.json()["entry"] if entry["resource"]["resourceType"] == "Task"]
    return next(task for task in tasks if task["code"]["coding"][0]["code"] == kind)


def state(task: dict[str, Any]) -> str:
    return str(task["businessStatus"]["coding"][0]["code"])


def dispense(line: str, value: float | None = 15, unit: str = "mg", **more: Any) -> dict[str, Any]:
    """Return a MedicationDispense of a line."""
    body: dict[str, Any] = {
        "resourceType": "MedicationDispense",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.7", "value": str(uuid.uuid4())}],
        "status": "completed",
        "medicationCodeableConcept": {"text": "Paracétamol 1 g"},
        "authorizingPrescription": [{"reference": line}],
        "whenHandedOver": datetime.now(UTC).isoformat(timespec="seconds"),
        **more,
    }
    if value is not None:
        body["quantity"] = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return body


@pytest.fixture
def prescriber(as_role: AsRole) -> Client:
    return as_role("prescriber")


@pytest.fixture
def pharmacist(server: Server) -> Client:
    """A pharmacist whom no other test knows, so that what he found is this test's."""
    return another_pharmacist(server)


def another_pharmacist(server: Server) -> Client:
    number = people.rpps(f"1{uuid.uuid4().int % 10**9:09d}")
    return Client(server, server.token("pharmacist", rpps=number, structure=f"1{uuid.uuid4().int % 10**9:09d}"))
