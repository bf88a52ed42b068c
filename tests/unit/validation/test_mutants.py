"""Systematic mutants of valid examples: the expected fault is found, at the expected element."""

from __future__ import annotations

import copy
import json
import re
import tarfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from fhirserver import jsontext
from fhirserver.validation import Validator
from fhirserver.validation.elements.formats import FORMATS
from fhirserver.validation.profiles.tree import Element

from .conftest import ROOT, SHARED


class Mutant(NamedTuple):
    """A resource with one fault.

    Attributes:
        kind: of the fault.
        where: FHIRPath of the faulty element, choices without their type.
        resource: the resource.
    """

    kind: str
    where: str
    resource: dict[str, Any]


class Place(NamedTuple):
    """One value of a resource: how to reach it, and the element definition that it is judged by."""

    steps: tuple[Any, ...]
    where: str
    definition: Element
    type: str


WRONG_VALUES = {
    "date": "2024-13-45", "dateTime": "2024-02-31", "instant": "2024", "time": "25:00", "code": " x ", "id": "a b",
    "uri": "a b", "url": "a b", "canonical": "a b", "oid": "1.2", "uuid": "x", "base64Binary": "=", "positiveInt": 0,
    "unsignedInt": -1,
}  # fmt: skip
WRONG_TYPES = {"string": {"x": "y"}, "boolean": "true", "number": "12"}


def of_type(kit: Any, element: Element) -> list[Element]:
    """Return the children of an element, from its profile or its data type."""
    if element.below:
        return element.below
    for one in element.types:
        root = (
            kit.tree((one.get("profile") or [one["code"]])[0])
            if one["code"] not in ("", "Extension", "Resource")
            else None
        )
        if root is not None:
            return root.below
    return []


def places(kit: Any, value: dict[str, Any], element: Element, steps: tuple[Any, ...], where: str) -> Iterator[Place]:
    """Yield what lies below an object, extensions and nested resources apart."""
    for child in of_type(kit, element):
        stem = child.name.removesuffix("[x]")
        if stem in ("extension", "modifierExtension", "contained", "resource", "id", "meta", "text") or child.slices:
            continue
        for key, held in value.items():
            if key != child.name and not (
                child.name.endswith("[x]") and key.startswith(stem) and key[len(stem)].isupper()
            ):
                continue
            code = next(
                (
                    one["code"]
                    for one in child.types
                    if key == child.name or key[len(stem) :].lower() == one["code"].lower()
                ),
                "",
            )
            items = enumerate(held) if isinstance(held, list) else [(None, held)]
            for index, item in items:
                at = (*steps, key) if index is None else (*steps, key, index)
                named = f"{where}.{stem}" if index is None else f"{where}.{stem}[{index}]"
                yield Place(at, named, child, code)
                if isinstance(item, dict):
                    yield from places(kit, item, child, at, named)


def get(value: Any, steps: tuple[Any, ...]) -> Any:
    for step in steps:
        value = value[step]
    return value


def put(resource: dict[str, Any], steps: tuple[Any, ...], value: Any) -> dict[str, Any]:
    made = copy.deepcopy(resource)
    get(made, steps[:-1])[steps[-1]] = value
    return made


def drop(resource: dict[str, Any], steps: tuple[Any, ...]) -> dict[str, Any]:
    made = copy.deepcopy(resource)
    del get(made, steps[:-1])[steps[-1]]
    return made


BROKEN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Period": [("per-1", {"start": "2024-06-02", "end": "2024-05-02"})],
    "Quantity": [("qty-3", {"value": 1, "code": "mg"})],
    "Ratio": [("rat-1", {"numerator": {"value": 1}})],
    "Range": [("rng-2", {"low": {"value": 5}, "high": {"value": 1}})],
    "ContactPoint": [("cpt-2", {"value": "x"})],
    "Reference": [("ref-1", {"reference": "#absent"})],
    "Attachment": [("att-1", {"data": "QQ=="})],
    "Duration": [("drt-1", {"value": 1, "code": "d", "system": "http://autre.example"})],
    "Timing": [
        ("tim-1", {"repeat": {"duration": 1}}),
        ("tim-2", {"repeat": {"period": 1}}),
        ("tim-5", {"repeat": {"period": -1, "periodUnit": "d"}}),
        ("tim-8", {"repeat": {"countMax": 2}}),
        ("tim-10", {"repeat": {"timeOfDay": ["10:00:00"], "when": ["HS"]}}),
    ],
}
"""For a data type, values that break one of its invariants."""


def broken_invariants(resource: dict[str, Any], place: Place, value: Any) -> Iterator[Mutant]:
    """Yield a mutant for each invariant of the value's type."""
    if not isinstance(value, dict):
        return
    for key, broken in BROKEN.get(place.type, []):
        where = f"{place.where}.repeat" if place.type == "Timing" else place.where
        yield Mutant(key, where, put(resource, place.steps, broken))


def mutants(kit: Any, resource: dict[str, Any], root: Element) -> Iterator[Mutant]:
    """Yield every mutant of a resource that must be refused."""
    kind = resource["resourceType"]
    yield Mutant("unknown element", f"{kind}.inconnu", {**resource, "inconnu": "x"})
    for place in places(kit, resource, root, (), kind):
        steps, where = place.steps, place.where
        value = get(resource, steps)
        single = not isinstance(steps[-1], int)
        if single or f"_{steps[-2]}" not in get(resource, steps[:-2]):  # a null that a sibling stands for is right
            yield Mutant("null", where, put(resource, steps, None))
        if single:
            yield Mutant("array", where, put(resource, steps, [value]))
        else:
            yield Mutant("no array", re.sub(r"\[\d+\]$", "", where), put(resource, steps[:-1], value))
            yield Mutant("empty array", re.sub(r"\[\d+\]$", "", where), put(resource, steps[:-1], []))
        if place.definition.least and (single or len(get(resource, steps[:-1])) == 1):
            yield Mutant("required", where.rpartition(".")[0], drop(resource, steps if single else steps[:-1]))
        most = place.definition.most
        if most.isdigit() and not single and len(get(resource, steps[:-1])) == int(most):
            many = [*get(resource, steps[:-1]), value]
            yield Mutant("too many", re.sub(r"\[\d+\]$", "", where), put(resource, steps[:-1], many))
        yield from broken_invariants(resource, place, value)
        yield from of_object(resource, place, value) if isinstance(value, dict) else of_primitive(resource, place)


def of_object(resource: dict[str, Any], place: Place, value: dict[str, Any]) -> Iterator[Mutant]:
    """Yield mutants of one object."""
    steps, where = place.steps, place.where
    yield Mutant("empty object", where, put(resource, steps, {}))
    yield Mutant("string for object", where, put(resource, steps, "texte"))
    yield Mutant("unknown element", f"{where}.inconnu", put(resource, steps, {**value, "inconnu": 1}))
    yield Mutant("id alone", where, put(resource, steps, {"id": "x"}))


def of_primitive(resource: dict[str, Any], place: Place) -> Iterator[Mutant]:
    """Yield mutants of one primitive value."""
    steps, where = place.steps, place.where
    if place.type not in FORMATS:
        return
    yield Mutant("JSON type", where, put(resource, steps, WRONG_TYPES[FORMATS[place.type].json]))
    if place.type in WRONG_VALUES:
        yield Mutant("format", where, put(resource, steps, WRONG_VALUES[place.type]))
    if FORMATS[place.type].json == "string":
        yield Mutant("empty string", where, put(resource, steps, ""))
    if (place.definition.definition.get("binding") or {}).get("strength") == "required" and place.type == "code":
        yield Mutant("code", where, put(resource, steps, "nimporte"))


def near(found: str, wanted: str) -> bool:
    """Return whether an expression names the expected element, its parent or its child."""
    plain = re.sub(r"\.ofType\(\w+\)", "", found)
    short, long = sorted((plain.split("."), wanted.split(".")), key=len)
    return len(long) - len(short) <= 1 and all(
        one == other or (one.partition("[")[0] == other.partition("[")[0] and ("[" in one) != ("[" in other))
        for one, other in zip(short, long, strict=False)
    )


def survivors(validator: Validator, resource: dict[str, Any], canonical: str) -> tuple[int, list[str]]:
    """Return how many mutants were made, and those that were accepted or refused elsewhere only."""
    profile = validator.kit.profile(canonical)
    assert profile is not None
    assert [one for one in validator.validate(resource, [canonical]) if one.refuses] == []
    missed: list[str] = []
    count = 0
    for mutant in mutants(validator.kit, resource, profile.root):
        count += 1
        found = [one.expression or "" for one in validator.validate(mutant.resource, [canonical]) if one.refuses]
        if not any(near(one, mutant.where) for one in found):
            missed.append(f"{mutant.kind} at {mutant.where}: {found[:3]}")
    return count, missed


CASES = json.loads((ROOT / "tests" / "unit" / "validation" / "valid_examples.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_mutant_of_our_own_examples_is_caught_at_its_element(french: Validator, case: Any) -> None:
    resource = jsontext.read(json.dumps(case["resource"]).encode())
    count, missed = survivors(french, resource, case["profile"])
    assert count >= case["least"]
    assert missed == []


def official_examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for package in sorted((SHARED / "packages").glob("*.tgz")):
        with tarfile.open(package) as archive:
            for member in archive:
                if (
                    "/example" in member.name
                    and member.name.endswith(".json")
                    and not member.name.endswith(".index.json")
                ):
                    resource = jsontext.read(archive.extractfile(member).read())  # type: ignore[union-attr]
                    if "resourceType" in resource and resource["resourceType"] != "Bundle":
                        yield f"{package.name}:{member.name}", resource


def test_every_mutant_of_the_valid_official_examples_is_caught_at_its_element(official: Validator) -> None:
    total, examples = 0, 0
    for name, resource in official_examples():
        claims = resource.get("meta", {}).get("profile", [])
        if len(claims) != 1 or any(one.refuses for one in official.validate(resource)):
            continue
        count, missed = survivors(official, resource, claims[0])
        assert missed == [], name
        total += count
        examples += 1
    assert examples >= 10
    assert total >= 2000


def test_every_mutant_of_the_official_r4_examples_is_caught_at_its_element(plain: Validator) -> None:
    folder = SHARED / "suites" / "examples"
    if not folder.is_dir():
        pytest.skip("the official examples are not beside the project")
    total, kinds = 0, set()
    for file in sorted(folder.glob("*.json")):
        resource = jsontext.read(file.read_bytes())
        if any(one.refuses for one in plain.validate(resource)):
            continue
        canonical = f"http://hl7.org/fhir/StructureDefinition/{resource['resourceType']}"
        count, missed = survivors(plain, resource, canonical)
        assert missed == [], file.name
        total += count
        kinds.add(resource["resourceType"])
    assert total >= 10_000
    assert len(kinds) >= 55
