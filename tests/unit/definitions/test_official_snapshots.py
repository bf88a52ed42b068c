"""The snapshots made here, against the official ones of FHIR R4 and of every French package.

Compared are element ids and order, cardinality, types with their profiles, fixed, pattern, minimum and maximum
values, bindings, slicing, constraints, modifier flags and content references. `snapshot_differences.json` lists what
differs, with the reason; a difference that is no longer there must leave the list.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.definitions.cache import Entry
from fhirserver.definitions.snapshots import Generator

PACKAGES = Path(__file__).resolve().parents[4] / "shared" / "packages"
LIST = Path(__file__).with_name("snapshot_differences.json")
PLAIN = ("min", "max", "maxLength", "contentReference")
VALUES = ("fixed", "pattern", "minValue", "maxValue")


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    archives = sorted(PACKAGES.glob("*.tgz"))
    if not archives:
        pytest.skip(f"the official packages are not in {PACKAGES}")
    return development(*archives)


@pytest.mark.parametrize("part", range(4))
def test_each_snapshot_equals_the_official_one_but_for_the_listed_differences(
    definitions: Definitions, part: int
) -> None:
    generator = Generator(definitions)
    listed = [place for group in json.loads(LIST.read_text()) for place in group["where"]]
    compared = 0
    unlisted = []
    used: Counter[int] = Counter()
    names = set()
    for position, entry in enumerate(definitions.entries("StructureDefinition")):
        structure = definitions.definition(entry)
        if position % 4 != part or "differential" not in structure or not _brings_snapshot(definitions, entry):
            continue
        compared += 1
        name = f"{definitions.packages[entry.package]} {entry.url.rpartition('/')[2]}"
        names.add(name)
        for aspect, element, official, made in differences(structure, generator.of_entry(entry).elements):
            matching = [i for i, place in enumerate(listed) if _covers(place, name, aspect, element)]
            used.update(matching)
            if not matching:
                unlisted.append(f"{name} {element} {aspect}: official {official}, made {made}")
    assert compared > 200
    assert not unlisted
    exact = [i for i, place in enumerate(listed) if f"{place['package']} {place['structure']}" in names]
    assert [listed[i] for i in exact if not used[i]] == []


def _brings_snapshot(definitions: Definitions, entry: Entry) -> bool:
    # what the two example profiles of FHIR without a snapshot have, was made here
    return entry.id not in ("example-composition", "example-section-library")


def _covers(place: dict[str, str], name: str, aspect: str, element: str) -> bool:
    return (
        fnmatchcase(name, f"{place['package']} {place['structure']}")
        and aspect == place["aspect"]
        and fnmatchcase(element, place.get("elements", "*"))
    )


def differences(official: dict[str, Any], made: list[dict[str, Any]]) -> Iterator[tuple[str, str, Any, Any]]:
    theirs = {element["id"]: element for element in official["snapshot"]["element"]}
    ours = {element["id"]: element for element in made}
    for identity in theirs.keys() - ours.keys():
        yield "missing", identity, "there", "not there"
    for identity in ours.keys() - theirs.keys():
        yield "extra", identity, "not there", "there"
    shared = [element["id"] for element in official["snapshot"]["element"] if element["id"] in ours]
    if shared != [element["id"] for element in made if element["id"] in theirs]:
        yield "order", official["type"], "", ""
    for identity in shared:
        left, right = facts(theirs[identity]), facts(ours[identity])
        for aspect in sorted(left.keys() | right.keys()):
            if left.get(aspect) == right.get(aspect):
                continue
            only_versions = _without_versions(left.get(aspect)) == _without_versions(right.get(aspect))
            yield ("version" if only_versions else aspect), identity, left.get(aspect), right.get(aspect)


def facts(element: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: element[key] for key in PLAIN if key in element}
    found |= {key: jsontext.canonical(value) for key, value in element.items() if key.startswith(VALUES)}
    found["isModifier"] = element.get("isModifier", False)
    found["type"] = [
        [type_.get("code"), *type_.get("profile", ()), "→", *type_.get("targetProfile", ())]
        for type_ in element.get("type", ())
    ]
    found["constraint"] = sorted(
        (constraint["key"], constraint["severity"], constraint.get("expression", ""))
        for constraint in element.get("constraint", ())
    )
    if "binding" in element:
        found["binding"] = [
            element["binding"].get("strength"),
            element["binding"].get("valueSet", "").partition("|")[0],
        ]
    if "slicing" in element:
        slicing = element["slicing"]
        discriminators = [(one["type"], one["path"]) for one in slicing.get("discriminator", ())]
        found["slicing"] = [discriminators, slicing.get("ordered", False), slicing.get("rules")]
    return found


def _without_versions(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_versions(item) for item in value]
    if isinstance(value, bytes):
        value = value.decode().strip('"')
    return value.partition("|")[0] if isinstance(value, str) and "//" in value else value
