"""Definitions with the restatement, and with the official packages."""

from __future__ import annotations

import json

import pytest

from fhirserver.definitions import Definitions, development
from tests.conformance.restated.packages import (
    OFFICIAL,
    PROFILES,
    SHARED,
    official,
)


@pytest.fixture(scope="module")
def restatement() -> Definitions:
    return development(PROFILES)


@pytest.fixture(scope="module")
def originals() -> Definitions:
    official()
    return development(*(SHARED / name for name in OFFICIAL))


@pytest.fixture(scope="module")
def originals_made_here(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """Return the official profiles with the snapshots that the server's own generator makes of their differentials."""
    folder = tmp_path_factory.mktemp("differentials")
    manifest = {"name": "official.differentials", "version": "1", "dependencies": {"hl7.fhir.r4.core": "4.0.1"}}
    (folder / "package.json").write_text(json.dumps(manifest))
    for number, ((kind, _), definition) in enumerate(official().items()):
        if kind == "StructureDefinition" and definition["kind"] != "logical":
            plain = {key: value for key, value in definition.items() if key not in ("snapshot", "text")}
            (folder / f"{number}.json").write_text(json.dumps(plain))
    return development(folder)
