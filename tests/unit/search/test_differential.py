"""The Mongo queries against the specification's rules, applied one resource at a time."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine
from fhirserver.search import Indexer, Registry, Searcher, parse
from fhirserver.search.declared.parameters import Parameter
from fhirserver.store import Draft, Store

from oracle import Oracle  # isort: skip - stands beside this file
from population import BASE, Everything, Population, Questions  # isort: skip

ASKED = {
    "Patient": ["name", "family", "given", "address", "address-city", "birthdate", "death-date", "gender", "active",
                "identifier", "telecom", "phone", "email", "general-practitioner", "deceased", "_tag", "_profile", "_security"],  # noqa: E501 - data
    "Observation": ["code", "category", "date", "subject", "patient", "performer", "status", "value-quantity",
                    "value-concept", "value-string", "value-date", "component-code", "component-value-quantity", "combo-code",  # noqa: E501 - data
                    "combo-value-quantity", "_tag", "_profile"],
    "ValueSet": ["url", "name", "reference", "date", "status"],
    "RiskAssessment": ["probability", "subject", "patient"],
}  # fmt: skip
MODIFIERS = {
    "token": ["", "", "", "not", "missing", "text"],
    "string": ["", "", "exact", "contains", "missing"],
    "date": ["", "", "", "missing"],
    "number": ["", "", "missing"],
    "quantity": ["", "", "", "missing"],
    "reference": ["", "", "", "missing", "identifier", "type"],
    "uri": ["", "below", "above", "missing"],
}


@pytest.fixture(scope="module")
def everything(indexed: Store, indexer: Indexer) -> Everything:
    """A population, stored, by type and id."""
    found = Everything()
    for resource in Population(6).resources(400):
        # as the server reads it: numbers keep their digits
        read = jsontext.read(jsontext.write(resource))
        indexed.create(Draft(read, id=read["id"], index=indexer.extract(read)))
        found.setdefault(read["resourceType"], {})[read["id"]] = read
    return found


@pytest.fixture(scope="module")
def oracle(definitions: Definitions) -> Oracle:
    return Oracle(Engine(definitions), BASE)


def definition_of(registry: Registry, parameter: Parameter) -> dict[str, Any]:
    """The parameter's expression on its type alone."""
    whole = registry.definitions.find("SearchParameter", parameter.url)
    assert whole is not None
    parts = [part.strip() for part in whole["expression"].split("|")]
    roots = (f"{parameter.resource_type}.", f"({parameter.resource_type}.", "Resource.", "DomainResource.")
    mine = [part for part in parts if part.startswith(roots)]
    return {"type": parameter.kind, "expression": " | ".join(mine)}


def question(registry: Registry, random: Random, resource_type: str) -> tuple[Parameter, str, str]:
    parameter = registry.of(resource_type).by_code[random.choice(ASKED[resource_type])]
    modifier = random.choice(MODIFIERS[parameter.kind])
    if modifier == "type":
        modifier = random.choice(sorted(parameter.targets & {"Patient", "Group", "Device", "Practitioner"}) or [""])
    if modifier == "identifier" and parameter.canonical:
        modifier = ""
    if modifier == "text" and parameter.leaf_types & {"code", "boolean"}:
        modifier = ""
    if parameter.code == "identifier" and random.random() < 0.2:
        modifier = "of-type"
    make = Questions(random)
    count = 1 if modifier == "missing" or random.random() < 0.7 else random.randrange(2, 4)
    targets = sorted(parameter.targets & {"Patient", "Group", "Device", "Practitioner", "Organization"})
    kind = "uri" if parameter.canonical and parameter.kind == "reference" else parameter.kind
    return parameter, modifier, ",".join(make.value(kind, modifier, targets) for _ in range(count))


@settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_every_single_criterion_selects_what_the_rules_select(
    searcher: Searcher, registry: Registry, oracle: Oracle, everything: Everything, seed: int
) -> None:
    random = Random(seed)
    resource_type = random.choice(sorted(ASKED))
    parameter, modifier, raw = question(registry, random, resource_type)
    name = f"{parameter.code}:{modifier}" if modifier else parameter.code
    found = set(searcher.ids(resource_type, [(name, raw)]))
    definition = definition_of(registry, parameter)
    expected = {i for i, r in everything[resource_type].items() if oracle.matches(r, definition, modifier, raw)}
    assert found == expected, (resource_type, name, raw)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_several_criteria_select_what_each_of_them_selects(
    searcher: Searcher, registry: Registry, oracle: Oracle, everything: Everything, seed: int
) -> None:
    random = Random(seed)
    resource_type = random.choice(sorted(ASKED))
    pairs: list[tuple[str, str]] = []
    expected = set(everything[resource_type])
    for _ in range(random.randrange(2, 4)):
        parameter, modifier, raw = question(registry, random, resource_type)
        pairs.append((f"{parameter.code}:{modifier}" if modifier else parameter.code, raw))
        definition = definition_of(registry, parameter)
        expected &= {i for i in expected if oracle.matches(everything[resource_type][i], definition, modifier, raw)}
    assert set(searcher.ids(resource_type, pairs)) == expected, (resource_type, pairs)


def subjects(resource: dict[str, Any]) -> str:
    """Which patient a resource is about, as `Patient/id`; empty where that is not said literally."""
    literal = str(resource.get("subject", {}).get("reference", "")).removeprefix(BASE).partition("/_history")[0]
    return literal if literal.startswith("Patient/") else ""


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_chain_selects_by_what_the_referred_resource_meets_and_has_by_what_the_referring_one_meets(
    searcher: Searcher, registry: Registry, oracle: Oracle, everything: Everything, seed: int
) -> None:
    random = Random(seed)
    forward = random.random() < 0.5
    inner_type = "Patient" if forward else "Observation"
    parameter, modifier, raw = question(registry, random, inner_type)
    if parameter.code == "identifier" and forward:
        return  # finds logical references as well
    inner = f"{parameter.code}:{modifier}" if modifier else parameter.code
    definition = definition_of(registry, parameter)
    met = {i for i, r in everything[inner_type].items() if oracle.matches(r, definition, modifier, raw)}
    observations = everything["Observation"]
    if forward:
        expected = {i for i, r in observations.items() if subjects(r).removeprefix("Patient/") in met}
        found = searcher.ids("Observation", [(f"subject:Patient.{inner}", raw)])
    else:
        referred = {subjects(observations[i]).removeprefix("Patient/") for i in met}
        expected = referred & set(everything["Patient"])
        found = searcher.ids("Patient", [(f"_has:Observation:subject:{inner}", raw)])
    assert set(found) == expected, (inner, raw)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_pages_of_any_order_hold_each_match_once(
    searcher: Searcher, registry: Registry, everything: Everything, seed: int
) -> None:
    random = Random(seed)
    resource_type = random.choice(sorted(ASKED))
    codes = [random.choice([*ASKED[resource_type], "_id", "_lastUpdated"]) for _ in range(random.randrange(1, 4))]
    sort = ",".join(random.choice(["", "-"]) + code for code in codes)
    pairs = [("_sort", sort), ("_count", str(random.randrange(1, 40)))]
    query = parse(registry, [resource_type], pairs, rules=searcher.rules)
    seen: list[str] = []
    after: tuple[Any, ...] | None = None
    while True:
        page = searcher.run(searcher.turned(query, after))
        seen += [match.id for match in page.matches]
        after = page.next
        if after is None:
            break
    assert sorted(seen) == sorted(everything[resource_type]), sort
