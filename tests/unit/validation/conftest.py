"""Validators over R4 with the project's own profiles, the official packages, or a test's own profiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions, development
from fhirserver.issues import Issue
from fhirserver.validation import Validator
from fhirserver.validation.cases import extend, validator_for

ROOT = Path(__file__).parents[3]
SHARED = ROOT / ".." / "shared"

Made = Callable[..., Validator]


@pytest.fixture(scope="session")
def core() -> Definitions:
    return development()


@pytest.fixture(scope="session")
def plain(core: Definitions) -> Validator:
    """R4 alone."""
    return validator_for(core)


@pytest.fixture(scope="session")
def french() -> Validator:
    """R4 and the project's own profiles."""
    return validator_for(development(ROOT / "profiles"))


@pytest.fixture(scope="session")
def official() -> Validator:
    """R4 and the official French packages."""
    listed = SHARED / "oracle" / "packages.txt"
    if not listed.is_file():
        pytest.skip("the official packages are not beside the project")
    return validator_for(development(*(SHARED / "packages" / name for name in listed.read_text().split())))


@pytest.fixture
def made(core: Definitions) -> Made:
    """Make a validator from R4 and some definitions of the test's own."""

    def make(*definitions: dict[str, Any]) -> Validator:
        return validator_for(extend(core, [json.dumps(one) for one in definitions]))

    return make


def profile(name: str, base: str, *elements: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a profile at http://test.example/<name> with these differential elements."""
    return {
        "resourceType": "StructureDefinition",
        "url": f"http://test.example/{name}",
        "name": name,
        "status": "draft",
        "fhirVersion": "4.0.1",
        "kind": "resource"
        if base[0].isupper() and base not in {"Extension", "Quantity", "Identifier"}
        else "complex-type",
        "abstract": False,
        "type": base,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{base}",
        "derivation": "constraint",
        "differential": {"element": list(elements)},
        **changes,
    }


def element(path: str, **rules: Any) -> dict[str, Any]:
    """Return one element of a differential; its id is the path, or says `id`."""
    return {"id": rules.pop("id", path), "path": path, **rules}


def errors(issues: list[Issue]) -> list[tuple[str | None, str | None]]:
    """Return expression and rule of what refuses."""
    return [(issue.expression, issue.rule) for issue in issues if issue.refuses]


def severities(issues: list[Issue]) -> dict[str | None, str]:
    return {issue.rule: issue.severity for issue in issues}
