"""Cases with recorded verdicts: definitions of one case on top of the packages, and the outcome lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from fhirserver import jsontext
from fhirserver.definitions import Definitions, laid_over
from fhirserver.errors import Unreadable
from fhirserver.fhirpath import Engine
from fhirserver.issues import Issue
from fhirserver.terminology import Terminology
from fhirserver.validation.run import Options
from fhirserver.validation.validator import Validator

_REFERENCE_POLICY: Final = Options()
"""The options under which recorded verdicts were made: the defaults."""


def extend(base: Definitions, texts: Sequence[str]) -> Definitions:
    """Return the definitions in force with some more of them, given as JSON texts, which win."""
    return laid_over(base, [one for text in texts for one in _read(text)])


def _read(text: str) -> Iterator[dict[str, Any]]:
    try:
        value = jsontext.read(text.encode())
    except Unreadable:
        return
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        for entry in value.get("entry", ()):
            if isinstance(entry.get("resource"), dict):
                yield entry["resource"]
    elif isinstance(value, dict):
        yield value


def validator_for(definitions: Definitions) -> Validator:
    """Return a validator with its own terminology and FHIRPath engine."""
    return Validator(definitions, Terminology(definitions), Engine(definitions))


def outcomes(cases: Path, definitions: Definitions) -> Iterator[dict[str, Any]]:
    """Yield `{"id", "errors"}` for each case of a file: the expressions of the issues that refuse it."""
    common = validator_for(definitions)
    with cases.open("rb") as lines:
        for line in lines:
            if line.strip():
                case = orjson.loads(line)
                issues = judge(case, line, common, definitions)
                yield {"id": case["id"], "errors": [one.expression or "" for one in issues if one.refuses]}


def judge(case: dict[str, Any], line: bytes, common: Validator, definitions: Definitions) -> list[Issue]:
    """Return the issues of one case."""
    validator = common
    if case.get("supporting"):
        validator = validator_for(extend(definitions, case["supporting"]))
    try:
        resource = jsontext.read(case["text"].encode()) if "text" in case else jsontext.read(line)["resource"]
    except Unreadable as error:
        return list(error.issues)
    profiles = [case["profile"]] if case.get("profile") else []
    return validator.validate(resource, profiles, options=_REFERENCE_POLICY)
