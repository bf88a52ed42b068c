"""The life of prescriptions, at random, as a model tells it; `scripts/interleave` tries more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from fhirserver.store.local import LocalMongod
from fhirserver.workflow import context
from tests.unit.workflow.life.machine import Life
from tests.unit.workflow.life.server import Clock, InProcess

pytestmark = pytest.mark.long("lives many lives")

EXAMPLES = int(os.environ.get("INTERLEAVINGS", "0"))
"""How many to try at random; unset: a sample that is the same each time."""
REACHED = {("$take", 200), ("$take", 410), ("$dispense", 200), ("$dispense", 409), ("$close", 200), ("$cancel", 200)}
"""What any sample reaches: an operation, and how it was answered."""


def test_whatever_anybody_does_at_any_time_the_server_stands_where_the_model_does(
    mongod: LocalMongod, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = InProcess(mongod.uri, database_name, tmp_path)
    monkeypatch.setattr(context, "datetime", Clock)
    try:
        run_state_machine_as_test(
            lambda: Life(server),
            settings=settings(
                max_examples=EXAMPLES or 12,
                stateful_step_count=40,
                derandomize=not EXAMPLES,
                database=None,
                deadline=None,
                phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        server.close()
    assert set(server.answered) >= REACHED, REACHED - set(server.answered)
