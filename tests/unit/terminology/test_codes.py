"""What code systems say of codes: complete, fragments, computed ones, and those of the packages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.terminology import CodeState, Terminology, Verdict
from fhirserver.terminology.codesystem import from_resource

ANIMALS = "http://test.example/animals"
CORE = "http://hl7.org/fhir/ValueSet/"
SHARED = Path(__file__).parents[3] / ".." / "shared" / "packages"


@pytest.mark.parametrize(
    ("system", "code", "state"),
    [
        (ANIMALS, "dog", CodeState.KNOWN),
        (ANIMALS, "dodo", CodeState.INACTIVE),
        (ANIMALS, "cat", CodeState.UNKNOWN),
        (ANIMALS, "Dog", CodeState.UNKNOWN),
        ("http://test.example/part", "dog", CodeState.KNOWN),
        ("http://test.example/part", "cat", CodeState.UNVERIFIABLE),
        ("http://test.example/nowhere", "cat", CodeState.UNVERIFIABLE),
        ("http://snomed.info/sct", "73211009", CodeState.UNVERIFIABLE),
        ("http://hl7.org/fhir/administrative-gender", "male", CodeState.KNOWN),
        ("http://hl7.org/fhir/administrative-gender", "homme", CodeState.UNKNOWN),
        ("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "UNK", CodeState.KNOWN),
        ("http://unitsofmeasure.org", "mg", CodeState.KNOWN),
        ("http://unitsofmeasure.org", "comprimé", CodeState.UNKNOWN),
        ("urn:ietf:bcp:47", "fr-FR", CodeState.KNOWN),
        ("urn:ietf:bcp:47", "nimporte", CodeState.UNKNOWN),
        ("urn:ietf:bcp:47", "fr_FR", CodeState.UNKNOWN),
        ("urn:ietf:bcp:47", "fr-FR ", CodeState.UNKNOWN),
        ("urn:ietf:bcp:13", "application/pdf", CodeState.KNOWN),
        ("urn:ietf:bcp:13", 'text/plain; charset="utf-8"', CodeState.KNOWN),
        ("urn:ietf:bcp:13", "pdf", CodeState.UNKNOWN),
        ("urn:iso:std:iso:3166", "FRA", CodeState.KNOWN),
        ("urn:iso:std:iso:3166", "250", CodeState.KNOWN),
        ("urn:iso:std:iso:3166", "XX", CodeState.UNKNOWN),
        ("urn:iso:std:iso:3166:-2", "FR-75C", CodeState.KNOWN),
        ("urn:iso:std:iso:4217", "EUR", CodeState.KNOWN),
        ("urn:iso:std:iso:4217", "FRF", CodeState.UNKNOWN),
    ],
)
def test_a_code_is_known_inactive_unknown_or_unverifiable(
    zoo: Terminology, system: str, code: str, state: CodeState
) -> None:
    status = zoo.code(system, code)
    assert status.state is state
    assert (status.reason is None) == (state is CodeState.KNOWN)


@pytest.mark.parametrize(
    ("value_set", "code", "expected"),
    [
        ("administrative-gender|4.0.1", "male", Verdict.IN),
        ("administrative-gender|4.0.1", "mâle", Verdict.OUT),
        ("languages", "fr-FR", Verdict.IN),
        ("all-languages", "nimporte", Verdict.OUT),
        ("mimetypes|4.0.1", "application/pdf", Verdict.IN),
        ("currencies|4.0.1", "EUR", Verdict.IN),
        ("ucum-units", "mg", Verdict.IN),
        ("all-types|4.0.1", "Quantity", Verdict.IN),
        ("defined-types|4.0.1", "Any", Verdict.OUT),
        ("resource-types|4.0.1", "Patient", Verdict.IN),
        ("resource-types|4.0.1", "Quantity", Verdict.OUT),
        ("iso3166-1-3", "FRA", Verdict.IN),
        ("iso3166-1-3", "FR", Verdict.OUT),
        ("condition-code", "73211009", Verdict.UNKNOWN),
    ],
)
def test_value_sets_of_the_core_package_are_decided(
    zoo: Terminology, value_set: str, code: str, expected: Verdict
) -> None:
    assert zoo.member(CORE + value_set, None, code).verdict is expected


def test_a_system_that_does_not_state_its_case_accepts_any_and_tells_the_right_one(core: Any) -> None:
    loose = from_resource(
        {"resourceType": "CodeSystem", "url": "http://loose", "concept": [{"code": "Ab"}, {"code": "AB"}]}
    )
    terminology = Terminology(core, [loose])
    assert terminology.code("http://loose", "ab").code == "Ab"
    assert terminology.code("http://loose", "AB").code == "AB"
    value_set = {"url": "x", "compose": {"include": [{"system": "http://loose", "concept": [{"code": "Ab"}]}]}}
    assert terminology.compile(value_set).decide("http://loose", "aB").verdict is Verdict.IN


def test_a_display_is_right_in_any_language_and_whatever_its_case_and_spaces(zoo: Terminology) -> None:
    status = zoo.code(ANIMALS, "dog")
    assert status.accepts("  CHIEN ")
    assert status.accepts("dog")
    assert not status.accepts("Cat")


def test_supplements_add_names(zoo: Terminology) -> None:
    status = zoo.code(ANIMALS, "whale")
    assert status.accepts("Baleine")
    assert (status.name("fr-FR"), status.name("de"), status.name()) == ("Baleine", "Whale", "Whale")


def test_a_hierarchy_that_loops_ends(core: Any) -> None:
    def concept(code: str, parent: str) -> dict[str, Any]:
        return {"code": code, "property": [{"code": "parent", "valueCode": parent}]}

    system = from_resource(
        {"resourceType": "CodeSystem", "url": "http://loop", "concept": [concept("a", "b"), concept("b", "a")]}
    )
    assert system.table.descendants(0) == {0, 1}


def test_a_child_named_before_its_own_declaration_keeps_its_own_display(core: Any) -> None:
    system = from_resource(
        {
            "resourceType": "CodeSystem",
            "url": "http://children",
            "concept": [
                {"code": "up", "property": [{"code": "child", "valueCode": "down"}]},
                {"code": "down", "display": "Down"},
            ],
        }
    )
    assert system.status("down").display == "Down"
    assert system.table.children(0) == [1]


def test_every_value_set_of_core_and_of_the_french_packages_compiles() -> None:
    packages = sorted(SHARED.glob("*.tgz"))
    if not packages:
        pytest.skip("the French packages are not at hand")
    definitions = development(*packages)
    terminology = Terminology(definitions)
    broken = {
        entry.url: matcher.broken.reason.en
        for entry in definitions.entries("ValueSet")
        if (matcher := terminology.matcher(entry.url)).broken
    }
    assert broken == {}
    document_types = "https://mos.esante.gouv.fr/NOS/JDV_J07-XdsTypeCode-CISIS/FHIR/JDV-J07-XdsTypeCode-CISIS"
    assert terminology.member(document_types, "http://loinc.org", "11488-4").verdict is Verdict.IN
    assert terminology.member(document_types, "http://loinc.org", "1-8").verdict is Verdict.OUT
