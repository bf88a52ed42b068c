"""The story of a treatment of months is told from its beginning, however many versions its Task has."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.operations.prescription import history
from tests.unit.workflow.life.server import InProcess, begun


def _told(server: InProcess, task: str) -> list[Any]:
    status, answer = server.operate("pharmacy-a", f"Task/{task}/$history-of-prescription")
    assert status == 200, answer
    parts = [{part["name"]: part for part in event["part"]} for event in answer["parameter"]]
    return [(each["what"]["valueCode"], each["text"]["valueString"], each["when"]["valueInstant"]) for each in parts]


def test_a_story_of_several_pages_of_versions_begins_where_it_began(
    server: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _ = begun(server, None)
    delivery = next(
        entry["valueReference"]["reference"]
        for entry in server.stored([f"Task/{task}"])[f"Task/{task}"]["output"]
        if entry["type"]["coding"][0]["code"] == "dispense"
    )
    assert server.operate("pharmacy-a", f"{delivery}/$cancel", reason="dispensing-error")[0] == 200
    for name in ("$release", "$take", "$release"):
        assert server.operate("pharmacy-a", f"Task/{task}/{name}")[0] == 200
    whole = _told(server, task)
    assert [what for what, _, _ in whole] == ["issued", "taken", "delivered", "withdrawn", "issued", "taken", "issued"]
    monkeypatch.setattr(history, "_PAGE", 2)
    assert _told(server, task) == whole
