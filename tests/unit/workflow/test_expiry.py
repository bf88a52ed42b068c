"""A Task expires by itself, whatever was going on when its day came."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fhirserver.prescription.lines import PARIS
from fhirserver.store.local import LocalMongod
from fhirserver.workflow import context
from tests.unit.workflow.life.server import Clock, InProcess, execution, push


@pytest.fixture
def server(
    mongod: LocalMongod, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InProcess]:
    monkeypatch.setattr(context, "datetime", Clock)
    Clock.present = datetime.now(UTC).replace(microsecond=0)
    found = InProcess(mongod.uri, database_name, tmp_path)
    yield found
    found.close()


def _begun(server: InProcess, days_left: int | None) -> tuple[str, str]:
    """Return Task and number of a prescription of which a part was delivered, and which is held."""
    until = None if days_left is None else Clock.present.astimezone(PARIS).date() + timedelta(days=days_left)
    status, answer = server.send("prescriber", "POST", "", push(["single"], Clock.present, until))
    assert status == 200, answer
    number = answer["identifier"]["value"]
    status, task = server.operate("pharmacy-a", "$take", number=number)
    assert status == 200, task
    line = task["input"][0]["valueReference"]["reference"]
    given = execution(line, str(uuid.uuid4()), Clock.present, 10, confirmed=False)
    assert server.send("pharmacy-a", "POST", "MedicationDispense", given)[0] == 201
    return task["id"], number


def _state(server: InProcess, task: str) -> str:
    return str(server.stored([f"Task/{task}"])[f"Task/{task}"]["businessStatus"]["coding"][0]["code"])


def test_a_task_that_is_held_on_its_day_expires_once_the_lease_has_ended(server: InProcess) -> None:
    task, number = _begun(server, 2)
    last = (Clock.present + timedelta(days=2)).astimezone(PARIS)
    Clock.present = last.replace(hour=23, minute=30)
    assert server.operate("pharmacy-a", "$take", number=number)[0] == 200
    Clock.present += timedelta(hours=1)
    assert server.look()
    assert _state(server, task) == "taken"
    Clock.present += timedelta(hours=2)
    assert server.look(), "it was to be looked at again"
    assert _state(server, task) == "expired"


def test_a_task_of_which_a_part_was_delivered_expires_at_the_end_of_its_validity(server: InProcess) -> None:
    task, _ = _begun(server, None)
    assert server.operate("pharmacy-a", f"Task/{task}/$release")[0] == 200
    # three months: too late to begin it, but it was begun
    Clock.present += timedelta(days=100)
    assert server.look()
    assert _state(server, task) == "partly-executed"
    Clock.present += timedelta(days=300)
    assert server.look()
    assert _state(server, task) == "expired"
    assert not server.look()
