"""A Task expires by itself, whatever was going on when its day came."""

from __future__ import annotations

from datetime import timedelta

from fhirserver.prescription.lines import PARIS
from tests.unit.workflow.life.server import Clock, InProcess, begun


def _state(server: InProcess, task: str) -> str:
    return str(server.stored([f"Task/{task}"])[f"Task/{task}"]["businessStatus"]["coding"][0]["code"])


def test_a_task_that_is_held_on_its_day_expires_once_the_lease_has_ended(server: InProcess) -> None:
    task, number = begun(server, 2)
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
    task, _ = begun(server, None)
    assert server.operate("pharmacy-a", f"Task/{task}/$release")[0] == 200
    # three months: too late to begin it, but it was begun
    Clock.present += timedelta(days=100)
    assert server.look()
    assert _state(server, task) == "partly-executed"
    Clock.present += timedelta(days=300)
    assert server.look()
    assert _state(server, task) == "expired"
    assert not server.look()
