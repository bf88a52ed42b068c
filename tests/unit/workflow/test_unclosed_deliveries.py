"""What a holder delivered and did not close stands on a receipt of his all the same, however he loses the Task."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import jwt
import pytest

from fhirserver.demo import people
from tests.unit.workflow.life.model import LEASE
from tests.unit.workflow.life.server import BASE, Clock, InProcess, Json, begun, push

AFTER_THE_LEASE = LEASE + timedelta(minutes=1)
PHARMACY_A = {"rpps": people.rpps("1000000001"), "structure": "1750000101"}


def _receipts(server: InProcess, task: str) -> list[tuple[str, Json]]:
    """Return the receipts of a Task: reference and what each says."""
    found = []
    for entry in server.stored([f"Task/{task}"])[f"Task/{task}"]["output"]:
        if entry["type"]["coding"][0]["code"] == "receipt":
            reference = entry["valueReference"]["reference"]
            status, binary = server.send("pharmacy-a", "GET", reference)
            assert status == 200, binary
            found.append((reference, _read(binary["data"])))
    return found


def _read(data: str) -> Any:
    return jwt.decode(base64.b64decode(data), options={"verify_signature": False})


def _end(server: InProcess, how: str, task: str, number: str) -> int:
    if how == "given back":
        return server.operate("pharmacy-a", f"Task/{task}/$release")[0]
    Clock.present += AFTER_THE_LEASE
    if how == "taken by another":
        return server.operate("pharmacy-b", "$take", number=number)[0]
    if how == "stopped":
        return server.operate("prescriber", "$cancel", number=number, reason="treatment-change")[0]
    if how == "replaced":
        return server.operate("prescriber", "$replace", number=number, bundle=push(["single"], Clock.present, None))[0]
    Clock.present += timedelta(days=370)
    server.expire(task)
    return 200


@pytest.mark.parametrize("how", ["given back", "taken by another", "stopped", "replaced", "expired"])
def test_deliveries_that_nobody_closed_are_signed_when_the_task_leaves_their_author(
    server: InProcess, how: str
) -> None:
    task, number = begun(server, None)
    assert _end(server, how, task, number) == 200
    [(_, receipt)] = _receipts(server, task)
    assert receipt["executor"] == {**PHARMACY_A, "name": receipt["executor"]["name"]}
    assert [each["quantity"]["value"] for each in receipt["deliveries"]] == ["10"]
    assert (receipt["iss"], receipt["sub"]) == (BASE, number)
