"""Many at the same moment: one holder, and exactly what was prescribed. `scripts/contend` does it with 1,000."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import another_pharmacist, dispense, issue, parameters, task_of


def thirty(bundle: dict[str, Any]) -> None:
    line = bundle["entry"][2]["resource"]
    line["dispenseRequest"] = {"numberOfRepeatsAllowed": 0, "quantity": {"value": 30, "unit": "comprimé"}}


@pytest.mark.wasteful("what commits met others is tried again")
def test_of_many_who_take_at_once_one_holds(prescriber: Client, server: Server) -> None:
    issued = issue(prescriber, thirty)
    rivals = [another_pharmacist(server) for _ in range(24)]

    def take(client: Client) -> int:
        return client.post("$take", parameters(number=issued.number)).status_code

    with ThreadPoolExecutor(12) as pool:
        assert Counter(pool.map(take, rivals)) == {200: 1, 423: 23}


@pytest.mark.wasteful("what commits met others is tried again")
def test_of_many_units_at_once_exactly_those_prescribed_are_delivered(prescriber: Client, pharmacist: Client) -> None:
    issued = issue(prescriber, thirty)
    task = task_of(pharmacist, issued.number)["id"]
    assert pharmacist.post(f"Task/{task}/$take", parameters()).status_code == 200
    line = issued.reference("MedicationRequest", 0)

    def one(_: int) -> tuple[int, str]:
        body = dispense(line, None, quantity={"value": 1, "unit": "comprimé"})
        answer = pharmacist.post(f"Task/{task}/$dispense", parameters(dispense=body))
        return answer.status_code, answer.text

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(42)))
    assert Counter(status for status, _ in answers) == {200: 30, 409: 12}
    assert all("il ne reste rien" in text for status, text in answers if status == 409)
