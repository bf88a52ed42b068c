"""Faults of guides are found, and sound guides pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions
from fhirserver.definitions.cache import Entry
from fhirserver.definitions.checks import Fault, Finding, all_checks, run
from fhirserver.definitions.checks.slicing import steps_of
from fhirserver.issues import Text

Profile = Callable[..., dict[str, Any]]
Check = Callable[..., list[Fault]]


@pytest.fixture
def faults(compiled: Callable[..., Definitions], write_package: Callable[..., Path]) -> Check:
    def find(*definitions: dict[str, Any]) -> list[Fault]:
        loaded = compiled(write_package("guide", "1.0.0", *definitions))
        return list(run(loaded, all_checks(), only=["guide"]))

    return find


def by_system(*elements: dict[str, Any], discriminator: tuple[str, str] = ("value", "system")) -> list[dict[str, Any]]:
    kind, path = discriminator
    slicing = {"discriminator": [{"type": kind, "path": path}], "rules": "open"}
    return [{"id": "Patient.identifier", "slicing": slicing}, *elements]


def test_a_sound_profile_has_no_faults(faults: Check, profile: Profile) -> None:
    sound = profile(
        "sound",
        "Patient",
        *by_system({"id": "Patient.identifier:a"}, {"id": "Patient.identifier:a.system", "fixedUri": "http://a"}),
    )
    assert faults(sound) == []


def test_an_invariant_without_expression_is_found(faults: Check, profile: Profile) -> None:
    rule = {"key": "x-1", "severity": "error", "human": "in words"}
    (fault,) = faults(profile("p", "Patient", {"id": "Patient.name", "constraint": [rule]}))
    assert (fault.check, fault.element) == ("invariant-without-expression", "Patient.name")
    assert "x-1" in fault.text.fr
    assert "x-1" in fault.text.en


def test_a_missing_parent_is_found_with_what_follows(faults: Check, profile: Profile) -> None:
    found = faults(profile("p", "http://example.org/nobody", {"id": "Patient.name", "min": 1}))
    assert {fault.check for fault in found} == {"missing-parent", "missing-snapshot"}


def test_a_value_set_that_nobody_publishes_is_found_where_it_decides(faults: Check, profile: Profile) -> None:
    def bound(strength: str) -> dict[str, Any]:
        binding = {"strength": strength, "valueSet": "http://example.org/ValueSet/nobody"}
        return profile(strength, "Patient", {"id": "Patient.maritalStatus", "binding": binding})

    found = faults(bound("required"), bound("extensible"), bound("preferred"))
    assert [fault.check for fault in found] == ["missing-value-set"] * 2
    assert [fault.definition.rpartition("/")[2] for fault in found] == ["required", "extensible"]


def test_a_version_that_is_not_loaded_is_told_from_an_unknown_url(faults: Check, profile: Profile) -> None:
    binding = {"strength": "required", "valueSet": "http://hl7.org/fhir/ValueSet/marital-status|9.9"}
    (fault,) = faults(profile("p", "Patient", {"id": "Patient.maritalStatus", "binding": binding}))
    assert "9.9" in fault.text.en
    assert "4.0.1" in fault.text.en


def test_a_missing_extension_or_target_profile_is_found(faults: Check, profile: Profile) -> None:
    nobody = "http://example.org/StructureDefinition/nobody"
    found = faults(
        profile(
            "p",
            "Patient",
            {"id": "Patient.managingOrganization", "type": [{"code": "Reference", "targetProfile": [nobody]}]},
            {"id": "Patient.extension:x", "type": [{"code": "Extension", "profile": [nobody]}]},
        )
    )
    assert {(fault.check, fault.element) for fault in found} >= {
        ("missing-profile", "Patient.managingOrganization"),
        ("missing-profile", "Patient.extension:x"),
    }


def test_a_value_set_made_of_an_unknown_one_is_found(faults: Check) -> None:
    include = {"valueSet": ["http://example.org/ValueSet/nobody"]}
    (fault,) = faults(
        {"resourceType": "ValueSet", "id": "v", "url": "http://example.org/v", "compose": {"include": [include]}}
    )
    assert fault.check == "missing-import"


@pytest.mark.parametrize("path", ["sytem", "system.coding", "where(true)", "", "resolve()"])
def test_a_discriminator_that_leads_nowhere_is_found(faults: Check, profile: Profile, path: str) -> None:
    slices = by_system({"id": "Patient.identifier:a", "max": "1"}, discriminator=("value", path))
    found = faults(profile("p", "Patient", *slices))
    assert ("discriminator", "Patient.identifier") in {(fault.check, fault.element) for fault in found}


@pytest.mark.parametrize(
    "path", ["system", "type.coding.code", "assigner", "$this", "period.start", "assigner.resolve()"]
)
def test_a_discriminator_may_go_into_data_types_and_references(faults: Check, profile: Profile, path: str) -> None:
    slices = by_system({"id": "Patient.identifier:a", "max": "1"}, discriminator=("exists", path))
    assert faults(profile("p", "Patient", *slices)) == []


def test_a_slice_that_nothing_tells_apart_is_found(faults: Check, profile: Profile) -> None:
    (fault,) = faults(profile("p", "Patient", *by_system({"id": "Patient.identifier:a", "max": "1"})))
    assert (fault.check, fault.element) == ("undecidable-slice", "Patient.identifier:a")


def test_cardinalities_that_nothing_meets_are_found(faults: Check, profile: Profile) -> None:
    slices = by_system(
        {"id": "Patient.identifier:a", "min": 2},
        {"id": "Patient.identifier:a.system", "fixedUri": "http://a"},
    )
    slices[0] = {**slices[0], "max": "1"}
    found = faults(profile("p", "Patient", *slices, {"id": "Patient.name", "min": 3, "max": "2"}))
    assert {(fault.check, fault.element) for fault in found} == {
        ("impossible-count", "Patient.identifier"),
        ("impossible-count", "Patient.name"),
    }


def test_a_url_that_two_packages_define_in_one_version_is_found(
    compiled: Callable[..., Definitions], write_package: Callable[..., Path]
) -> None:
    value_set = {"resourceType": "ValueSet", "id": "v", "url": "http://example.org/v", "version": "1"}
    restated = write_package("restated", "1.0.0", value_set, restates=True)
    loaded = compiled(write_package("a", "1.0.0", value_set), write_package("b", "1.0.0", value_set), restated)
    (fault,) = run(loaded, {"ambiguous-canonical": all_checks()["ambiguous-canonical"]}, only=["a", "b", "restated"])
    assert fault.package == "b#1.0.0"
    assert "a#1.0.0" in fault.text.en


def test_steps_of_a_discriminator_path() -> None:
    assert steps_of("$this") == ["$this"]
    assert steps_of("a.resolve().b") == ["a", "resolve()", "b"]
    assert steps_of("extension('http://a.b/c').value") == ["extension('http://a.b/c')", "value"]
    assert steps_of("value.ofType(Quantity).code") == ["value", "ofType(Quantity)", "code"]
    assert steps_of("a or b") is None
    assert steps_of("") is None


def test_a_check_of_another_room_runs_like_our_own(core: Definitions) -> None:
    def every_patient(_: Definitions, entries: Sequence[Entry]) -> list[Finding]:
        return [Finding(one, "", Text("là", "there")) for one in entries if one.id == "Patient"]

    (fault,) = run(core, {"patients": every_patient})
    assert (fault.check, fault.package) == ("patients", "hl7.fhir.r4.core#4.0.1")


@pytest.mark.parametrize(
    "broken",
    [
        {"differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "binding": "none"}]}},
        {"differential": {"element": ["text"]}},
        {"baseDefinition": 5},
        {"snapshot": {"element": [{"id": "Patient.name"}]}},
    ],
)
def test_a_malformed_definition_is_a_fault_and_the_others_are_checked(
    faults: Check, profile: Profile, broken: dict[str, Any]
) -> None:
    bad = profile("bad", "Patient", {"id": "Patient.name", "sliceName": "a"}) | broken
    good = profile("good", "Patient", {"id": "Patient.name", "constraint": [{"key": "x-1", "severity": "error"}]})
    found = faults(bad, good)
    assert {fault.definition.rpartition("/")[2] for fault in found} == {"bad", "good"}
    assert "invariant-without-expression" in {fault.check for fault in found if fault.definition.endswith("good")}
