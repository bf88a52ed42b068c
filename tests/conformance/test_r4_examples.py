"""The official examples of R4 are accepted, those that break R4's own rules apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhirserver import jsontext
from fhirserver.definitions import development
from fhirserver.validation.cases import validator_for

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "suites" / "examples"

FAULTY = {
    "basic-example.json": {"modifier-unknown"},  # extensions that their text warns against
    "bundle-questionnaire.json": {"cardinality-min"},  # items without linkId, from before R4
    "capabilitystatement-example.json": {"format-canonical"},  # a relative canonical
    "codesystem-example.json": {"csd-1"},  # one code twice
    "devicemetric-example.json": {"reference-target"},  # a DeviceDefinition for a Device
    "deviceusestatement-example.json": {"reference-target"},  # a Procedure among the reasons
    "medicationdispense0301.json": {"code-unknown"},  # "Vial" for "VIAL"
    "medicationrequest0301.json": {"reference-target"},  # a Practitioner for an Organization
    "medicationstatementexample1.json": {"code-unknown"},  # "Tab" for "TAB"
    "operationdefinition-example.json": {"format-canonical"},  # a relative canonical
}
"""What is wrong with some of them, by rule."""


def test_official_examples_are_accepted_and_faulty_ones_refused_for_their_fault() -> None:
    if not EXAMPLES.is_dir():
        pytest.skip("the official examples are not beside the project")
    validator = validator_for(development())
    found: dict[str, set[str]] = {}
    count = 0
    for file in sorted(EXAMPLES.glob("*.json")):
        count += 1
        issues = validator.validate(jsontext.read(file.read_bytes()))
        rules = {str(one.rule).rpartition("#")[2] for one in issues if one.refuses}
        if rules:
            found[file.name] = rules
    assert count >= 70
    assert found == FAULTY
