"""A composite's candidates come from an index: by the keys of a parameter that covers one of its parts."""

from __future__ import annotations

from typing import Any

from fhirserver.definitions import Definitions
from fhirserver.search import INDEXES, Indexer, Registry, Rules, Searcher
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


def test_a_composite_whose_elements_no_path_leads_to_is_not_offered(definitions: Definitions) -> None:
    chosen = "Observation.component.where(value.exists()).first()"
    registry = Registry(definitions, [parameter("chosen", "composite", chosen, CODE, CODE)])
    assert "chosen" not in registry.of("Observation").by_code
    assert registry.unusable == ["Observation.chosen (urn:operator:chosen)"]
