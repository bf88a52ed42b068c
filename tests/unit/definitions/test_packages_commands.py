"""`fhirserver packages sync | list | check` at the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhirserver.definitions.commands import packages

Command = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[3]


def cache_with_core(cache: Path, core_archive: Path) -> Path:
    store = cache / "packages"
    store.mkdir(parents=True)
    shutil.copy(core_archive, store)
    return cache


def run(cache: Path, *words: str, **environment: str) -> Result:
    variables = {"FHIRSERVER_CACHE": str(cache), "FHIRSERVER_REGISTRY": "", **environment}
    return CliRunner().invoke(packages, list(words), env=variables)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory, core_archive: Path) -> Command:
    """Run a command in a cache that holds R4 core, and which these tests share."""
    return partial(run, cache_with_core(tmp_path_factory.mktemp("cache") / "shared", core_archive))


@pytest.fixture
def own_command(tmp_path: Path, core_archive: Path) -> Command:
    """Run a command in a cache of its own that holds R4 core."""
    return partial(run, cache_with_core(tmp_path / "cache", core_archive))


def test_sync_reports_what_is_found_nowhere_and_succeeds_with_what_is_required(command: Command) -> None:
    result = command("sync")
    assert result.exit_code == 0, result.output
    assert "hl7.fhir.r4.core#4.0.1" in result.output
    assert "present" in result.output
    assert "missing" in result.output
    assert "2 packages in force" in result.output


def test_sync_takes_official_packages_from_a_folder_and_they_win(own_command: Command) -> None:
    folder = ROOT.parent / "shared" / "packages"
    if not folder.is_dir():
        pytest.skip(f"the official packages are not in {folder}")
    result = own_command("sync", "--folder", str(folder))
    assert result.exit_code == 0, result.output
    assert "ans.fhir.fr.eprescription#1.1.0-ballot depends on hl7.terminology.r4#7.2.0" in result.output
    names = [row["name"] for row in json.loads(own_command("list", "--json").output)]
    assert names[-1] == "fhirserver.profiles"
    assert "ans.fhir.fr.eprescription" in names


def test_sync_fails_without_a_required_package(own_command: Command, tmp_path: Path) -> None:
    (archive,) = (tmp_path / "cache" / "packages").glob("*.tgz")
    archive.unlink()
    result = own_command("sync", PIP_NO_INDEX="1")
    assert result.exit_code == 1
    assert "required" in result.output


def test_list_says_what_is_in_force_and_what_is_not(command: Command) -> None:
    rows = {row["name"]: row for row in json.loads(command("list", "--json").output)}
    assert rows["hl7.fhir.r4.core"]["in_force"]
    assert rows["hl7.fhir.r4.core"]["definitions"]["SearchParameter"] == 1400
    assert rows["fhirserver.profiles"]["in_force"]
    assert not rows["ans.fhir.fr.pdsm"]["in_force"]
    table = command("list")
    assert table.exit_code == 0
    assert "hl7.fhir.r4.core" in table.output


def test_check_names_faults_by_definition_and_element(command: Command) -> None:
    result = command("check", "--package", "hl7.fhir.r4.core", "--check", "impossible-count", "--json")
    assert result.exit_code == 0
    (fault,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert fault["definition"] == "http://hl7.org/fhir/StructureDefinition/codesystem-history"
    assert fault["element"] == "Extension.extension:revision.extension"


def test_check_reads_another_package_too(command: Command, write_package: Callable[..., Path]) -> None:
    part = {"valueSet": ["http://example.org/nobody"]}
    package = write_package(
        "mine", "1.0.0", {"resourceType": "ValueSet", "id": "v", "url": "http://v", "compose": {"include": [part]}}
    )
    result = command("check", "--package", "mine", "--file", str(package), FHIRSERVER_LANGUAGE="en")
    assert "mine#1.0.0 http://v\n  missing-import: ValueSet http://example.org/nobody is not loaded." in result.output


def test_an_unknown_check_is_refused_with_the_names_of_those_there_are(command: Command) -> None:
    result = command("check", "--check", "nothing")
    assert result.exit_code == 2
    assert "impossible-count" in result.output


def test_a_package_that_is_not_in_force_is_not_said_to_be_without_faults(command: Command) -> None:
    result = command("check", "--package", "mine", "--check", "impossible-count")
    assert result.exit_code == 2
    assert "mine" in result.output
