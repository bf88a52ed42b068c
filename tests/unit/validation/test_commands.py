"""`fhirserver validate` as it is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from fhirserver.definitions.development import core_package
from fhirserver.validation.commands import validate
from fhirserver.validation.lines import Lines

WRONG = """{
 "resourceType": "Patient",
 "name": [
  {"family": "A"},
  {
   "famly": "B"
  }
 ],
 "gender": "x"
}
"""

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def call(*arguments: object) -> Result:
        return CliRunner().invoke(validate, [str(one) for one in arguments])

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "right.json").write_text('{"resourceType": "Patient", "gender": "male"}')
    (tmp_path / "wrong.json").write_text(WRONG)
    (tmp_path / "other.txt").write_text("x")
    return tmp_path


PACKAGES = ("--packages", core_package())


def test_each_finding_is_one_line_with_file_and_line(run: Run, folder: Path) -> None:
    result = run(folder / "wrong.json", *PACKAGES, "--language", "en")
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert lines[0].startswith(f"{folder / 'wrong.json'}:6: error: Patient.name[1].famly: ")
    assert lines[1].startswith(f"{folder / 'wrong.json'}:9: error: Patient.gender: ")
    assert "1 refused" in result.stderr


def test_a_right_resource_exits_zero(run: Run, folder: Path) -> None:
    assert run(folder / "right.json", *PACKAGES).exit_code == 0


def test_a_folder_is_searched_and_ndjson_is_read_line_by_line(run: Run, folder: Path) -> None:
    (folder / "all.ndjson").write_text('{"resourceType": "Patient"}\n\n{"resourceType": "Rocket"}\n')
    result = run(folder, *PACKAGES, "--json", "--language", "fr")
    found = json.loads(result.stdout)
    assert [(one["file"].rpartition("/")[2], one["valid"]) for one in found] == [
        ("all.ndjson", True),
        ("all.ndjson", False),
        ("right.json", True),
        ("wrong.json", False),
    ]
    assert found[1]["issues"][0]["line"] == 3
    assert "Rocket" in found[1]["issues"][0]["text"]


def test_a_line_of_ndjson_ends_where_the_line_feed_stands(run: Run, tmp_path: Path) -> None:
    name = '{"resourceType": "Patient", "name": [{"family": "A\u2028B\u0085C"}]}'
    (tmp_path / "all.ndjson").write_bytes(f"{name}\r\n{name}\n".encode())
    found = json.loads(run(tmp_path, *PACKAGES, "--json").stdout)
    assert [one["valid"] for one in found] == [True, True]


def test_junit_counts_what_is_refused(run: Run, folder: Path) -> None:
    report = folder / "junit.xml"
    assert run(folder, *PACKAGES, "--junit", report).exit_code == 1
    suite = etree.fromstring(report.read_bytes())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_what_is_not_json_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"resourceType": ')
    result = run(tmp_path / "a.json", *PACKAGES)
    assert result.exit_code == 1
    assert "[json]" in result.stdout


def test_xml_is_sent_to_the_server(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "patient.xml"
    file.write_text('<Patient xmlns="http://hl7.org/fhir"/>')
    outcome = run(file, *PACKAGES)
    assert outcome.exit_code == 2
    assert "$validate takes XML" in outcome.stderr


def test_an_unknown_profile_is_a_wrong_call(run: Run, folder: Path) -> None:
    result = run(folder, *PACKAGES, "--profile", "http://nobody.example/x")
    assert result.exit_code == 2
    assert "http://nobody.example/x" in result.stderr


def test_cases_give_one_line_of_json_each_and_nothing_else(run: Run, tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    own = {
        "resourceType": "StructureDefinition",
        "url": "http://test.example/P",
        "name": "P",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "min": 1}]},
    }
    lines = [
        {"id": "a", "resource": {"resourceType": "Patient", "gender": "x"}},
        {"id": "b", "text": '{"resourceType": "Patient"', "supporting": []},
        {
            "id": "c",
            "text": '{"resourceType": "Patient"}',
            "supporting": [json.dumps(own)],
            "profile": "http://test.example/P",
        },
        {"id": "d", "text": '{"resourceType": "Patient"}', "supporting": [], "profile": None},
    ]
    cases.write_text("\n".join(json.dumps(one) for one in lines))
    result = run("--cases", cases, *PACKAGES)
    assert result.exit_code == 0
    found = {one["id"]: one["errors"] for one in map(json.loads, result.stdout.splitlines())}
    assert found["a"] == ["Patient.gender"]
    assert len(found["b"]) == 1
    assert found["c"] == ["Patient"]
    assert found["d"] == []


def test_several_packages_may_follow_one_option(run: Run, tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"id": "a", "resource": {"resourceType": "Patient"}}')
    assert run("--cases", cases, *PACKAGES, core_package()).exit_code == 0


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("Patient", 1),
        (None, 1),
        ("Patient.name[1].famly", 6),
        ("Patient.gender", 9),
        ("Patient.birthDate", 1),
        ("Patient.name[0].given[3]", 4),
    ],
)
def test_the_line_of_an_element_is_found(expression: Any, line: int) -> None:
    assert Lines(WRONG).of(expression) == line


def test_the_line_of_a_choice_is_found() -> None:
    text = '{\n"resourceType": "Observation",\n"valueQuantity": {\n"value": 1}}'
    assert Lines(text).of("Observation.value.ofType(Quantity).value") == 4


def test_what_is_not_utf_8_is_refused_and_not_mended_in_silence(run: Run, tmp_path: Path) -> None:
    for name in ("latin.json", "latin.ndjson"):
        (tmp_path / name).write_bytes('{"resourceType": "Patient", "name": [{"family": "Né"}]}'.encode("latin-1"))
        done = run(tmp_path / name, *PACKAGES)
        assert done.exit_code == 1, done.output
        assert name in done.output
