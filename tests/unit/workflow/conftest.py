"""The whole server in this process, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhirserver.store.local import LocalMongod
from fhirserver.workflow import context
from tests.unit.workflow.life.server import Clock, InProcess


@pytest.fixture
def server(
    mongod: LocalMongod, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InProcess]:
    monkeypatch.setattr(context, "datetime", Clock)
    Clock.present = datetime.now(UTC).replace(microsecond=0)
    found = InProcess(mongod.uri, database_name, tmp_path)
    yield found
    found.close()
