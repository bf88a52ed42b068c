"""The built package: complete without the checkout it was built from."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "setup.py", "README.md", "fhirserver", "profiles")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a wheel of the project would hold."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source / part)
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", "build", "--build-lib", str(source / "built")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return source / "built"


def test_an_installed_package_finds_the_profiles_that_came_with_it(built: Path, tmp_path: Path) -> None:
    code = "from fhirserver.settings import Settings; print(Settings().profiles)"
    environment = {**os.environ, "PYTHONPATH": str(built)}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    profiles = Path(told.stdout.strip())
    assert profiles == built / "fhirserver" / "profiles"
    assert json.loads((profiles / "packages.lock").read_text())["packages"]


def test_the_built_package_holds_every_definition_and_every_other_data_file(built: Path) -> None:
    stated = {path.relative_to(ROOT) for path in (ROOT / "profiles").rglob("*.json")}
    assert {
        path.relative_to(built / "fhirserver") for path in (built / "fhirserver/profiles").rglob("*.json")
    } == stated
    data = {
        path.relative_to(ROOT)
        for path in (ROOT / "fhirserver").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    missing = sorted(str(path) for path in data if not (built / path).is_file())
    assert missing == []
