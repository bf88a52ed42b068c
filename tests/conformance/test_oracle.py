"""Verdicts and positions agree with those recorded from the HL7 reference validator, by its own scoring script."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fhirserver.definitions import development
from fhirserver.validation.cases import outcomes

SHARED = Path(__file__).parents[2] / ".." / "shared"
ORACLE = SHARED / "oracle"


def score(cases: Path, packages: list[Path], folder: Path) -> dict[str, float]:
    """Return the figures of score.py: agreement and located in percent, the rest as counts."""
    if not cases.is_file():
        pytest.skip("the recorded verdicts are not beside the project")
    found = folder / "outcomes.jsonl"
    with found.open("w") as file:
        for outcome in outcomes(cases, development(*packages)):
            file.write(json.dumps(outcome) + "\n")
    said = subprocess.run(
        [sys.executable, str(ORACLE / "score.py"), str(cases), str(found)], capture_output=True, text=True, check=True
    )
    last = said.stdout.strip().splitlines()[-1]
    figures = re.findall(r"(cases|agreement|false accepts|false rejects|missing|located) ([\d.]+)", last)
    return {name: float(figure) for name, figure in figures}


def test_french_resources_get_the_recorded_verdict(tmp_path: Path) -> None:
    names = (ORACLE / "packages.txt").read_text().split() if ORACLE.is_dir() else []
    figures = score(ORACLE / "french.jsonl", [SHARED / "packages" / name for name in names], tmp_path)
    assert figures["missing"] == 0
    assert figures["agreement"] >= 99.8
    assert figures["false accepts"] <= 1
    assert figures["false rejects"] <= 4
    assert figures["located"] >= 99.9


def test_public_cases_get_the_recorded_verdict(tmp_path: Path) -> None:
    figures = score(ORACLE / "r4.jsonl", [], tmp_path)
    assert figures["missing"] == 0
    assert figures["agreement"] >= 98
    assert figures["located"] >= 97
