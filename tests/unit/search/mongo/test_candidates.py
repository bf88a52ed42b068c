"""What is asked for alone has its candidates from an index: a composite by a parameter that covers one of its parts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis.strategies import floats

from fhirserver.definitions import Definitions
from fhirserver.errors import BadRequest
from fhirserver.search import INDEXES, Indexer, Registry, Rules, Searcher, parse
from fhirserver.search.types import position
from fhirserver.store import Draft, Store

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def observation(code: str, value: float) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": "kg", "system": UCUM, "code": "kg"},
    }


def document(code: str, target: str) -> dict[str, Any]:
    related = {"code": code, "target": {"reference": f"DocumentReference/{target}"}}
    return {"resourceType": "DocumentReference", "status": "current", "relatesTo": [related]}


def test_every_composite_has_a_part_that_another_parameter_covers(registry: Registry) -> None:
    composites = [
        parameter
        for resource_type in registry.types
        for parameter in registry.of(resource_type).by_code.values()
        if parameter.kind == "composite"
    ]
    assert len(composites) > 60
    assert [each.url for each in composites if not any(part.covering for part in each.components)] == []


def test_a_composite_reads_no_more_than_what_one_of_its_parts_selects(
    store: Store, registry: Registry, indexer: Indexer, rules: Rules
) -> None:
    store.prepare(INDEXES)
    for number in range(150):  # more than a query may examine for nothing
        for resource in (observation(f"{number}", number), document("replaces", f"d{number}")):
            store.create(Draft(resource, index=indexer.extract(resource)))
    searcher = Searcher(store, registry, rules)
    weighed = f"{LOINC}|7$7|{UCUM}|kg"
    assert len(searcher.ids("Observation", [("code-value-quantity", weighed)])) == 1
    assert len(searcher.ids("Observation", [("combo-code-value-quantity", f"{weighed},8$8,9$1")])) == 2
    replaced = "http://hl7.org/fhir/document-relationship-type|replaces"
    assert len(searcher.ids("DocumentReference", [("relationship", f"DocumentReference/d7${replaced}")])) == 1


def parameter(code: str, kind: str, expression: str, *parts: tuple[str, str]) -> dict[str, Any]:
    """A SearchParameter of an operator; parts are the url of a definition and an expression each."""
    return {
        "resourceType": "SearchParameter",
        "url": f"urn:operator:{code}",
        "code": code,
        "base": ["Observation"],
        "type": kind,
        "expression": expression,
        "component": [{"definition": url, "expression": path} for url, path in parts],
    }


CODE = ("http://hl7.org/fhir/SearchParameter/clinical-code", "code")


def test_a_parameter_of_which_earlier_resources_have_no_values_yet_finds_no_candidates(
    definitions: Definitions,
) -> None:
    alone = parameter("alone", "token", "Observation.component.interpretation")
    paired = parameter("paired", "composite", "Observation.component", ("urn:operator:alone", "interpretation"), CODE)
    registry = Registry(definitions)
    registry.adopt([alone, paired], frozenset({"urn:operator:alone"}))
    of_pair = registry.of("Observation").by_code["paired"].components
    assert [part.covering and part.covering.code for part in of_pair] == [None, "component-code"]
    registry.adopt([alone, paired])
    of_pair = registry.of("Observation").by_code["paired"].components
    assert [part.covering and part.covering.code for part in of_pair] == ["alone", "component-code"]


def test_a_composite_that_leaves_out_elements_is_found_by_a_parameter_that_takes_all(definitions: Definitions) -> None:
    final = parameter("final", "composite", "Observation.where(status = 'final')", CODE, CODE)
    of_final = Registry(definitions, [final]).of("Observation").by_code["final"].components
    assert [part.covering and part.covering.code for part in of_final] == ["code", "code"]


def test_a_composite_whose_elements_no_path_leads_to_is_not_offered(definitions: Definitions) -> None:
    chosen = "Observation.component.where(value.exists()).first()"
    registry = Registry(definitions, [parameter("chosen", "composite", chosen, CODE, CODE)])
    with pytest.raises(BadRequest, match="urn:operator:chosen"):
        parse(registry, ["Observation"], [("chosen", "a$b")])


def test_an_identifier_with_its_type_is_found_by_its_value(
    store: Store, registry: Registry, indexer: Indexer, rules: Rules
) -> None:
    store.prepare(INDEXES)
    for number in range(150):
        kind = {"coding": [{"system": "urn:types", "code": "INS"}]}
        resource = {"resourceType": "Patient", "identifier": [{"type": kind, "system": "urn:s", "value": f"{number}"}]}
        store.create(Draft(resource, index=indexer.extract(resource)))
    searcher = Searcher(store, registry, rules)
    assert len(searcher.ids("Patient", [("identifier:of-type", "urn:types|INS|7,urn:types|INS|8")])) == 2
    assert searcher.ids("Patient", [("identifier:of-type", "urn:types|RPPS|7")]) == []


def test_a_place_is_found_by_the_squares_of_a_degree_that_the_circle_touches(
    store: Store, registry: Registry, indexer: Indexer, rules: Rules
) -> None:
    store.prepare(INDEXES)
    for number in range(180):
        where = {"longitude": number - 90, "latitude": 48.5}
        resource = {"resourceType": "Location", "position": where}
        store.create(Draft(resource, index=indexer.extract(resource)))
    searcher = Searcher(store, registry, rules)
    assert len(searcher.ids("Location", [("near", "48.5|2|80|km")])) == 3


@given(
    latitude=floats(-90, 90),
    longitude=floats(-180, 180),
    distance=floats(0, 25_000),
    along=floats(0, 1),
    bearing=floats(0, 2 * math.pi),
)
def test_no_place_in_a_circle_is_outside_of_its_squares(
    latitude: float, longitude: float, distance: float, along: float, bearing: float
) -> None:
    circle = position.Circle(longitude, latitude, distance)
    angle = min(math.pi, along * distance / 6_378.1)
    inside = _destination(math.radians(latitude), math.radians(longitude), angle, bearing)
    (key,) = position.index_keys("near", [inside])
    assert any(first <= key < beyond for first, beyond in position.bounds("near", [circle]).ranges)


def _destination(latitude: float, longitude: float, angle: float, bearing: float) -> list[float]:
    """Return longitude and latitude, in degrees, of what lies so far from a place (all in radians)."""
    sine = math.sin(latitude) * math.cos(angle) + math.cos(latitude) * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1.0, min(1.0, sine)))
    east = math.sin(bearing) * math.sin(angle) * math.cos(latitude)
    turned = longitude + math.atan2(east, math.cos(angle) - math.sin(latitude) * sine)
    return [(math.degrees(turned) + 180) % 360 - 180, math.degrees(there)]
