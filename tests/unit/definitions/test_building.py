"""Profiles get their snapshots when packages are compiled; what cannot be compiled is reported, and the rest loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions

Profile = Callable[..., dict[str, Any]]
Writer = Callable[..., Path]
EXAMPLE = "http://example.org/StructureDefinition/"


def element(definitions: Definitions, profile: str, identity: str) -> dict[str, Any]:
    structure = definitions.structure(EXAMPLE + profile)
    assert structure is not None
    found: dict[str, Any] = next(one for one in structure["snapshot"]["element"] if one["id"] == identity)
    return found


def test_a_profile_upon_a_profile_is_compiled_in_any_order(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    upper = profile("upper", f"{EXAMPLE}lower", {"id": "Patient.name", "max": "1"})
    lower = profile("lower", "Patient", {"id": "Patient.name", "min": 1})
    definitions = compiled(write_package("a", "1.0.0", upper, lower))
    assert (element(definitions, "upper", "Patient.name")["min"], definitions.reports) == (1, ())


def test_cyclic_profiles_are_reported_and_the_rest_loads(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    one = profile("one", f"{EXAMPLE}two", {"id": "Patient.name", "min": 1})
    two = profile("two", f"{EXAMPLE}one", {"id": "Patient.name", "min": 1})
    good = profile("good", "Patient", {"id": "Patient.name", "min": 1})
    definitions = compiled(write_package("a", "1.0.0", one, two, good))
    assert {report.definition for report in definitions.reports} == {f"{EXAMPLE}one", f"{EXAMPLE}two"}
    assert all("cyclic" in report.reason and report.fatal for report in definitions.reports)
    assert definitions.structure(f"{EXAMPLE}one") is None
    assert definitions.find("StructureDefinition", f"{EXAMPLE}one") is not None
    assert definitions.structure(f"{EXAMPLE}good") is not None


def test_a_profile_that_cannot_be_compiled_is_reported_with_element_and_reason(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    bad = profile("bad", "Patient", {"id": "Patient.nickname", "min": 1})
    lost = profile("lost", f"{EXAMPLE}nobody", {"id": "Patient.name", "min": 1})
    odd = profile("odd", "Patient", {"id": "Patient.name", "min": 1}) | {"differential": {"element": [{}]}}
    empty = profile("empty", "Patient", {"id": "Patient.name", "min": 1}) | {"differential": {}}
    definitions = compiled(write_package("a", "1.0.0", bad, lost, odd, empty))
    reports = {report.definition.removeprefix(EXAMPLE): report for report in definitions.reports}
    assert set(reports) == {"bad", "lost", "odd", "empty"}
    assert reports["bad"].element == "Patient.nickname"
    assert f"{EXAMPLE}nobody" in reports["lost"].reason


@pytest.mark.parametrize(
    "broken",
    [
        {"differential": {"element": ["text"]}},
        {"differential": {"element": [{"id": "Patient.name", "path": 5}]}},
        {"differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "type": [{}]}]}},
        {"differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "type": "HumanName"}]}},
        {"differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "constraint": [{"x": 1}]}]}},
        {"differential": {"element": [{"id": "Patient.name", "path": "Patient.name", "slicing": "open"}]}},
        {"differential": "none"},
        {"baseDefinition": 7},
        {"baseDefinition": None},
        {"type": None, "kind": None, "derivation": None, "url": None},
    ],
)
def test_a_profile_of_any_shape_never_stops_the_rest(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile, broken: dict[str, Any]
) -> None:
    bad = profile("bad", "Patient", {"id": "Patient.name", "min": 1}) | broken
    good = profile("good", "Patient", {"id": "Patient.name", "min": 1})
    definitions = compiled(write_package("a", "1.0.0", bad, good))
    assert definitions.structure(f"{EXAMPLE}good") is not None


def test_an_unknown_version_of_a_known_base_is_stood_in_for_and_said(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    base = profile("base", "Patient", {"id": "Patient.name", "min": 1}, version="1.0.0")
    upon = profile("upon", f"{EXAMPLE}base|7.0.0", {"id": "Patient.name", "max": "1"})
    definitions = compiled(write_package("a", "1.0.0", base, upon))
    assert element(definitions, "upon", "Patient.name")["min"] == 1
    (report,) = definitions.reports
    assert "7.0.0" in report.reason
    assert not report.fatal


def test_a_profile_upon_another_version_of_itself_that_is_not_there_does_not_recurse(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    itself = profile("itself", f"{EXAMPLE}itself|0.9.0", {"id": "Patient.name", "min": 1})
    definitions = compiled(write_package("a", "1.0.0", itself))
    (report,) = definitions.reports
    assert report.fatal
    assert definitions.structure(f"{EXAMPLE}itself") is None


def test_a_profile_builds_upon_the_release_that_its_package_depends_on(
    compiled: Callable[..., Definitions], write_package: Writer, profile: Profile
) -> None:
    old = write_package("base", "1.0.0", profile("b", "Patient", {"id": "Patient.name", "min": 1}, version="1.0.0"))
    new = write_package("base", "2.0.0", profile("b", "Patient", {"id": "Patient.name", "min": 2}, version="2.0.0"))
    upon = [profile(name, f"{EXAMPLE}b", {"id": "Patient.active", "min": 1}) for name in ("x", "y")]
    x = write_package("x", "1.0.0", upon[0], dependencies={"base": "1.0.0"})
    y = write_package("y", "1.0.0", upon[1], dependencies={"base": "2.0.0"})
    definitions = compiled(old, new, x, y)
    assert element(definitions, "x", "Patient.name")["min"] == 1
    assert element(definitions, "y", "Patient.name")["min"] == 2
    assert element(definitions, "b", "Patient.name")["min"] == 2


def test_the_projects_own_profiles_all_compile(compiled: Callable[..., Definitions]) -> None:
    definitions = compiled(Path(__file__).resolve().parents[3] / "profiles")
    assert definitions.reports == ()
    own = [entry for entry in definitions.entries("StructureDefinition") if entry.package == 1]
    assert own
    assert all(definitions.structure(entry.url) for entry in own)
