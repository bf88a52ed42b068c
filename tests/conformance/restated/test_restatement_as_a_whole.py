"""The restatement is in the words of the project, and decides as the official packages do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator
from tests.conformance.restated.packages import (
    PROSE,
    VERDICTS,
    official,
    own,
)


def wording(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in PROSE and isinstance(item, str):
                yield item
            elif key not in ("snapshot", "text"):
                yield from wording(item)
    elif isinstance(value, list):
        for item in value:
            yield from wording(item)


def words(text: str) -> str:
    return " " + " ".join(re.findall(r"\w+", text.casefold())) + " "


def test_no_sentence_of_the_official_texts_stands_in_the_restatement() -> None:
    sentences = {
        normal
        for definition in official().values()
        for text in wording(definition)
        for sentence in re.split(r"[.;:|\n]", text)
        if len((normal := words(sentence)).split()) >= 6
    }
    assert len(sentences) > 500
    mine = {words(text) for definition in own().values() for text in wording(definition)}
    whole = "\n".join(mine)
    assert [sentence for sentence in sentences if sentence in whole] == []


def test_the_validator_refuses_the_same_elements_with_the_restatement_as_with_the_official_packages(
    restatement: Definitions, originals: Definitions
) -> None:
    if not VERDICTS.is_file():
        pytest.skip("recorded cases are not here (../shared/oracle)")
    judges = [Validator(it, Terminology(it), Engine(it)) for it in (restatement, originals)]
    different = []
    for line in VERDICTS.read_bytes().splitlines():
        case = jsontext.read(line)
        profiles = [case["profile"]] if case.get("profile") else []
        mine, other = (
            {(it.code, it.expression) for it in judge.validate(case["resource"], profiles) if it.severity != "warning"}
            for judge in judges
        )
        if mine != other:
            different.append((case["id"], mine ^ other))
    assert different == []
