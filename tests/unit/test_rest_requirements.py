"""Each demand that docs/rest-requirements.md lists has a test of that name, and a module that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = ("docs/rest-requirements.md", "docs/rest.md")


def named_tests(document: str) -> list[str]:
    """Return the tests that a document names, as `file::name`."""
    return re.findall(r"`(test_\w+::test_\w+)`", (ROOT / document).read_text())


def test_every_test_that_the_lists_name_is_there() -> None:
    there = {
        f"{path.stem}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    missing = {name for document in LISTS for name in named_tests(document)} - there
    assert not missing


def test_every_demand_names_a_module_and_a_test() -> None:
    text = (ROOT / LISTS[0]).read_text().partition("## Recommended, and not done")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| demand")]
    assert len(rows) > 100
    for row in rows:
        _, _, where, test, _ = row.split("|")
        assert re.fullmatch(r" `test_\w+::test_\w+` ", test), row
        module = ROOT / "fhirserver" / where.strip(" `")
        assert module.is_dir() or module.with_suffix(".py").is_file(), row


@pytest.mark.parametrize("document", LISTS)
def test_the_lists_name_tests(document: str) -> None:
    assert named_tests(document)
