"""A prescription issued here appears in its patient's active DMP, one document for each type."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirserver.demo import ordonnance, people
from fhirserver.dmp.names import IS_ARCHIVED
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act

PATIENCE = 30.0
"""Seconds; the process of the outbox may have to start first."""


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))


def prescribe(client: Client, record: Record) -> None:
    """Push the demonstration's ordonnance for the patient of a record."""
    bundle = copy.deepcopy(ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC)))
    text = people.PATIENT_INS
    sent = _replaced(bundle, text, record.ins)
    answer = client.post("", sent)
    assert answer.status_code == 200, answer.text


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def documents(client: Client, record: Record, count: int) -> list[dict[str, Any]]:
    """Return the record's documents once there are as many, or after the time in which they should be there."""
    until = time.monotonic() + PATIENCE
    while True:
        answer = client.get(f"DocumentReference?{record.query}&status=current")
        found = [entry["resource"] for entry in answer.json().get("entry", [])]
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.1)


def test_a_prescription_appears_once_for_each_type_with_the_print_of_its_lines(
    as_role: Callable[[str], Client], patient: Client, record: Record
) -> None:
    act(as_role("operator"), record, "create")
    prescribe(as_role("prescriber"), record)
    found = documents(patient, record, 2)
    types = sorted(document["type"]["coding"][0]["code"] for document in found)
    assert types == ["57833-6", "PRESC-BIO"]
    for document in found:
        assert document["category"][0]["coding"][0]["code"] == "42"
        assert document["author"]
        url = document["content"][0]["attachment"]["url"]
        content = patient.get(url, Accept="application/pdf")
        assert content.status_code == 200, content.text[:200]
        assert content.content.startswith(b"%PDF")
        assert len(content.content) == document["content"][0]["attachment"]["size"]
    sizes = {document["content"][0]["attachment"]["hash"] for document in found}
    assert len(sizes) == 2


def test_each_of_its_documents_is_found_by_its_submission_set(
    as_role: Callable[[str], Client], patient: Client, record: Record
) -> None:
    operator = as_role("operator")
    act(operator, record, "create")
    prescribe(as_role("prescriber"), record)
    found = {f"DocumentReference/{each['id']}": each for each in documents(patient, record, 2)}
    lots = patient.get(f"List?{record.query}&code=submissionset&status=current").json()["entry"]
    assert sorted(lot["resource"]["entry"][0]["item"]["reference"] for lot in lots) == sorted(found)
    for lot in (entry["resource"] for entry in lots):
        assert lot["title"] == found[lot["entry"][0]["item"]["reference"]]["description"]
        checked = operator.post("List/$validate", lot)
        assert [issue for issue in checked.json()["issue"] if issue["severity"] in ("error", "fatal")] == []


def test_the_prescriber_sees_his_prescription_and_a_stranger_does_not(
    server: Server, as_role: Callable[[str], Client], patient: Client, record: Record
) -> None:
    act(as_role("operator"), record, "create")
    prescribe(as_role("prescriber"), record)
    assert len(documents(patient, record, 2)) == 2
    assert as_role("prescriber").get(f"DocumentReference?{record.query}").json()["total"] == 2
    stranger = Client(server, server.token("doctor", rpps=people.rpps("1000078500")))
    assert stranger.get(f"DocumentReference?{record.query}").json()["total"] == 0


def test_the_patient_hides_and_archives_what_was_prescribed_and_the_prescriber_deletes_it(
    as_role: Callable[[str], Client], patient: Client, record: Record
) -> None:
    act(as_role("operator"), record, "create")
    prescriber = as_role("prescriber")
    prescribe(prescriber, record)
    path = f"DocumentReference/{documents(patient, record, 2)[0]['id']}"
    for client, change in (
        (patient, {"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"code": "MASQUE_PS"}]}]}),
        (patient, {"op": "add", "path": "/extension", "value": [{"url": IS_ARCHIVED, "valueBoolean": True}]}),
        (prescriber, {"op": "replace", "path": "/status", "value": "entered-in-error"}),
    ):
        body = json.dumps([change]).encode()
        changed = client.patch(path, body, Content_Type="application/json-patch+json")
        assert changed.status_code == 200, changed.text
    body = b'[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"code":7}]}]}]'
    refused = prescriber.patch(path, body, Content_Type="application/json-patch+json")
    assert refused.status_code in (400, 422), refused.text


@pytest.mark.parametrize("opposition", ["none", "feeding"])
def test_without_an_active_record_that_is_fed_nothing_appears(
    as_role: Callable[[str], Client], record: Record, opposition: str
) -> None:
    operator = as_role("operator")
    if opposition == "feeding":
        act(operator, record, "create")
        act(operator, record, "oppose", what=("valueCode", "feeding"))
    prescribe(as_role("prescriber"), record)
    time.sleep(1.5)
    assert operator.get(f"DocumentReference?{record.query}").json()["total"] == 0


def test_a_cancelled_prescription_leaves_the_record(
    as_role: Callable[[str], Client], patient: Client, record: Record
) -> None:
    act(as_role("operator"), record, "create")
    prescriber = as_role("prescriber")
    prescribe(prescriber, record)
    assert len(documents(patient, record, 2)) == 2
    tasks = prescriber.get(f"Task?patient={record.reference}").json()["entry"]
    for entry in tasks:
        reason = {"coding": [{"system": "urn:fhirserver:CodeSystem:cancellation-reason", "code": "error"}]}
        body = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueCodeableConcept": reason}]}
        cancelled = prescriber.post(f"Task/{entry['resource']['id']}/$cancel", body)
        assert cancelled.status_code == 200, cancelled.text
    until = time.monotonic() + PATIENCE
    while documents(patient, record, 0) and time.monotonic() < until:
        time.sleep(0.1)
    assert documents(patient, record, 0) == []
