"""The folder of profiles is a FHIR package that holds facts and the project's own words only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

PROFILES = Path(__file__).parents[2] / "profiles"
FILES = sorted(PROFILES.glob("*/*.json"))
DEFINITIONS = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in FILES]
DRAFTS = ("fr-core-service-request", "fr-core-medication-dispense", "fr-core-medication-request")


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(keys(item) for item in value))
    return set()


def empty(value: Any) -> bool:
    if isinstance(value, dict | list):
        return not value or any(empty(item) for item in (value.values() if isinstance(value, dict) else value))
    return value is None or value == ""


def test_each_file_is_named_after_the_kind_and_id_that_it_holds() -> None:
    assert [
        path.name for path, it in DEFINITIONS if (path.parent.name, path.stem) != (it["resourceType"], it["id"])
    ] == []


def test_no_canonical_url_is_stated_twice() -> None:
    urls = [(it["resourceType"], it["url"]) for _, it in DEFINITIONS]
    assert len(urls) == len(set(urls))


def test_each_definition_names_its_url_version_name_and_status() -> None:
    assert [path.name for path, it in DEFINITIONS if not {"url", "version", "name", "status"} <= it.keys()] == []


def test_nothing_of_a_publisher_travels_along() -> None:
    foreign = {"text", "publisher", "contact", "mapping", "example", "jurisdiction", "snapshot", "copyright", "alias"}
    assert {path.name: sorted(found) for path, it in DEFINITIONS if (found := keys(it) & foreign)} == {}


def test_no_object_list_or_text_is_empty() -> None:
    assert [path.name for path, it in DEFINITIONS if empty(it)] == []


def test_each_profile_has_a_title_a_description_and_each_slice_a_word_of_its_own() -> None:
    silent = []
    for path, it in DEFINITIONS:
        if it["resourceType"] == "StructureDefinition":
            if not it.get("title") or not it.get("description"):
                silent.append(path.name)
            silent += [e["id"] for e in it["differential"]["element"] if "sliceName" in e and not e.get("short")]
    assert silent == []


@pytest.mark.parametrize("name", DRAFTS)
def test_a_reading_of_a_draft_says_that_it_is_one(name: str) -> None:
    profile = json.loads((PROFILES / "StructureDefinition" / f"{name}.json").read_text(encoding="utf-8"))
    assert profile["status"] == "draft"
    assert profile["experimental"] is True
    assert "brouillon" in profile["description"]
    assert "draft" in profile["description"]


def test_the_package_depends_on_r4_alone() -> None:
    manifest = json.loads((PROFILES / "package.json").read_text(encoding="utf-8"))
    assert manifest["name"] == "fhirserver.profiles"
    assert manifest["dependencies"] == {"hl7.fhir.r4.core": "4.0.1"}


def test_the_folder_stays_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 6_000_000
