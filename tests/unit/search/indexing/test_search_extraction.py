"""Index values: paths walk to the elements that FHIRPath finds, and values take the form that queries compare."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.errors import Failure
from fhirserver.fhirpath import Environment, Node
from fhirserver.search import Indexer, Registry, Setting
from fhirserver.search.declared import own
from fhirserver.search.declared.places import places
from fhirserver.search.indexing.walk import Node as Tree
from fhirserver.search.values.instants import END, span

from population import Population  # isort: skip - stands beside this file

PACKAGES = Path(__file__).parents[4].parent / "shared" / "packages"


def examples() -> Iterator[dict[str, Any]]:
    """Resources of the French packages' examples, and of our own population."""
    yield from Population(11).resources(150)
    for package in sorted(PACKAGES.glob("*.tgz")):
        with tarfile.open(package) as archive:
            for member in archive:
                content = archive.extractfile(member) if "/example/" in member.name else None
                if content is None or not member.name.endswith(".json"):
                    continue
                try:
                    yield from nested(jsontext.read(content.read()))
                except Failure:
                    continue


def nested(resource: Any) -> Iterator[dict[str, Any]]:
    if isinstance(resource, dict) and "resourceType" in resource:
        yield resource
        for entry in resource.get("entry", ()) if resource["resourceType"] == "Bundle" else ():
            yield from nested(entry.get("resource"))


def walked(registry: Registry, resource: dict[str, Any], code: str) -> list[tuple[str, str]]:
    """What the paths of a parameter lead to: FHIR type and JSON."""
    parameter = registry.of(resource["resourceType"]).by_code[code]
    tree = Tree()
    found: list[tuple[str, str]] = []
    for path in parameter.paths:
        for place in places(registry.elements, resource["resourceType"], path):

            def note(value: Any, _: Any, place: Any = place) -> None:
                literal = value.get("reference", "") if isinstance(value, dict) else ""
                if not place.points_to or f"{place.points_to}/" in literal:
                    found.append((place.fhir_type, jsontext.canonical(value).decode()))

            tree.reach(place.moves).collectors.append(note)
    tree.collect(resource, {})
    return sorted(set(found))


def evaluated(registry: Registry, resource: dict[str, Any], code: str) -> list[tuple[str, str]]:
    """What the engine finds for the same expression."""
    parameter = registry.of(resource["resourceType"]).by_code[code]
    ours = {each["url"]: each for each in own.PARAMETERS}
    whole = ours.get(parameter.url) or registry.definitions.find("SearchParameter", parameter.url) or {}
    kind = resource["resourceType"]
    parts = [part.strip() for part in whole["expression"].split("|")]
    foreign = {f"{start}{other}." for other in registry.types - {kind} for start in ("", "(")}
    mine = [part for part in parts if not part.startswith(tuple(foreign)) and part not in registry.types - {kind}]
    # each part by itself: a union would drop values that FHIRPath takes for equal, such as 5 mg and > 5 mg
    items = [
        item
        for part in mine
        for item in registry.engine.compile(part).evaluate(
            registry.engine.node(resource), Environment(resource, assume_references=True)
        )
    ]
    nodes = [item for item in items if isinstance(item, Node) and item.value is not None]
    return sorted({(node.type.name, jsontext.canonical(node.value).decode()) for node in nodes})


def stored(found: list[tuple[str, str]]) -> list[str]:
    """The values, but for references that are no literal ones: to what is contained, or conditional."""
    return [text for _, text in found if not re.search(r'"reference":"(#|\w+\?|urn:)', text)]


def test_every_path_leads_to_the_elements_that_the_fhirpath_engine_finds(registry: Registry) -> None:
    compared = 0
    for resource in examples():
        for code, parameter in registry.of(resource["resourceType"]).by_code.items():
            if not parameter.paths or "Extension" in parameter.leaf_types or parameter.kind == "composite":
                continue
            expected = evaluated(registry, resource, code)
            found = walked(registry, resource, code)
            assert stored(found) == stored(expected), (resource.get("id"), code)
            compared += bool(expected)
    assert compared > 1_000


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": "x", "birthDate": 5, "identifier": "y", "gender": ["a"]},
        {"resourceType": "Patient", "name": [None, 1, {"family": 3}], "birthDate": "never", "contained": "x"},
        {"resourceType": "Observation", "valueQuantity": {"value": "many"}, "subject": "Patient/1", "component": [[]]},
        {"resourceType": "Bundle", "entry": [None, {}, {"resource": 5}]},
    ],
)
def test_elements_without_the_form_of_their_type_are_passed_over(indexer: Indexer, resource: dict[str, Any]) -> None:
    indexer.extract(resource)


def test_a_value_is_kept_once(indexer: Indexer) -> None:
    found = indexer.extract({"resourceType": "Patient", "name": [{"family": "A"}, {"family": "A"}]})
    assert found["x"]["family"] == ["a"]
    assert found["k"].count("family=a") == 1


def test_a_reference_to_this_server_is_kept_alike_however_it_is_written(registry: Registry) -> None:
    indexer = Indexer(registry, Setting(bases=("https://a.fr/fhir/",)))
    for written in ("Patient/1", "https://a.fr/fhir/Patient/1", "Patient/1/_history/7"):
        found = indexer.extract({"resourceType": "Observation", "subject": {"reference": written}})
        assert found["x"]["subject"] == found["x"]["patient"] == ["Patient/1"]
        assert found["a"] == ["Patient/1"]


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2024", "2023-12-31T23:00:00Z", "2024-12-31T23:00:00Z"),
        ("2024-03", "2024-02-29T23:00:00Z", "2024-03-31T22:00:00Z"),
        ("2024-03-31", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
        ("2024-10-27", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"),
        ("2024-12", "2024-11-30T23:00:00Z", "2024-12-31T23:00:00Z"),
        ("2024-01-01T00:00", "2023-12-31T23:00:00Z", "2023-12-31T23:01:00Z"),
        ("2024-01-01T00:00:00+02:00", "2023-12-31T22:00:00Z", "2023-12-31T22:00:01Z"),
        ("2024-01-01T00:00:00-00:30", "2024-01-01T00:30:00Z", "2024-01-01T00:30:01Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:01Z"),
    ],
)
def test_a_date_is_the_span_that_its_precision_covers_in_paris(text: str, begin: str, end: str) -> None:
    assert span(text, "Europe/Paris") == (span(begin, "UTC")[0], span(end, "UTC")[0])


def test_a_fraction_of_a_second_is_as_wide_as_its_last_digit() -> None:
    begin, end = span("2024-01-01T00:00:00.25Z", "UTC")
    assert end - begin == 10_000
    assert begin % 1_000_000 == 250_000


def test_the_last_year_ends_with_time_itself() -> None:
    assert span("9999", "Europe/Paris")[1] == END
    assert span("9999-12-31", "Europe/Paris")[1] == END


def test_absolute_references_are_local_under_any_number_of_addresses(registry: Registry) -> None:
    indexer = Indexer(registry, Setting("Europe/Paris", ()))
    for number in [*range(20), 0, 19]:
        base = f"https://name-{number}.example/fhir/"
        observation = {"resourceType": "Observation", "id": "o", "subject": {"reference": f"{base}Patient/1"}}
        found = indexer.extract(observation, base)
        assert (found["x"]["subject"], found["a"]) == (["Patient/1"], ["Patient/1"])
