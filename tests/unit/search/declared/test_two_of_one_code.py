"""Two SearchParameters with one code on a type: one where they mean the same, else the package named first wins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions, load
from fhirserver.search.declared.declarations import Conflict, Declarations

URL = "https://{}.example/SearchParameter/source"


def parameter(package: str, expression: str, **content: Any) -> dict[str, Any]:
    return {
        "resourceType": "SearchParameter", "id": "source", "url": URL.format(package), "name": "Source",
        "status": "active", "code": "source", "base": ["List"], "type": "reference", "expression": expression,
        **content,
    }  # fmt: skip


@pytest.fixture
def packages(tmp_path: Path) -> Callable[..., Definitions]:
    """Make and load packages of one SearchParameter each, in this order."""

    def made(**parameters: dict[str, Any]) -> Definitions:
        folders = []
        for name, content in parameters.items():
            folder = tmp_path / name / "package"
            folder.mkdir(parents=True)
            (folder / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0"}))
            (folder / "SearchParameter-source.json").write_text(json.dumps(content))
            folders.append(tmp_path / name)
        return load(folders, tmp_path / "cache")

    return made


def test_the_same_expression_is_one_parameter_with_the_targets_of_both(packages: Callable[..., Definitions]) -> None:
    found = Declarations(
        packages(
            core=parameter("core", "List.source", target=["Practitioner"]),
            pdsm=parameter("pdsm", "List.source", target=["Patient"]),
        ),
        (),
        (),
    )
    assert found.conflicts == []
    assert found.of["List"]["source"]["target"] == ["Patient", "Practitioner"]


@pytest.mark.parametrize(
    ("precedence", "used", "ignored"),
    [((), "pdsm", "core"), (("core",), "core", "pdsm"), (("pdsm", "core"), "pdsm", "core")],
)
def test_the_package_named_first_wins_then_the_later_one_and_it_is_reported(
    packages: Callable[..., Definitions], precedence: tuple[str, ...], used: str, ignored: str
) -> None:
    definitions = packages(
        core=parameter("core", "List.source"), pdsm=parameter("pdsm", "List.extension('urn:author').value")
    )
    found = Declarations(definitions, precedence, ())
    assert found.of["List"]["source"]["url"] == URL.format(used)
    assert found.conflicts == [Conflict("List", "source", URL.format(used), URL.format(ignored))]


def test_what_an_operator_declares_wins_over_the_packages(packages: Callable[..., Definitions]) -> None:
    definitions = packages(core=parameter("core", "List.source"))
    found = Declarations(definitions, ("core",), [parameter("operator", "List.subject")])
    assert found.of["List"]["source"]["url"] == URL.format("operator")
    assert [conflict.ignored for conflict in found.conflicts] == [URL.format("core")]


def test_codes_are_taken_as_they_are_case_included(packages: Callable[..., Definitions]) -> None:
    definitions = packages(core=parameter("core", "List.source"), pdsm=parameter("pdsm", "List.subject", code="Source"))
    found = Declarations(definitions, (), ())
    assert set(found.of["List"]) >= {"source", "Source"}
    assert found.conflicts == []
