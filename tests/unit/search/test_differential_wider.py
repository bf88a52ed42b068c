"""Composites, filters, value sets and orders against the specification's rules, applied one resource at a time."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver import jsontext
from fhirserver.definitions import Definitions
from fhirserver.fhirpath import Engine, Environment, Node
from fhirserver.search import Indexer, Registry, Searcher, parse
from fhirserver.store import Draft, Store

from oracle import FIRST, Oracle, fold, pairs_of, span_of, strings_of  # isort: skip - stands beside this file
from population import BASE, Everything, Population, Questions  # isort: skip

COMPOSITES = [
    "code-value-quantity", "code-value-concept", "code-value-date", "code-value-string",
    "component-code-value-quantity", "combo-code-value-quantity", "combo-code-value-concept",
]  # fmt: skip
FILTERED = {
    "Patient": ["family", "name", "birthdate", "gender", "identifier", "general-practitioner", "active"],
    "Observation": ["code", "date", "status", "value-quantity", "subject", "value-string"],
    "RiskAssessment": ["probability", "subject"],
    "ValueSet": ["url", "date", "name"],
}
SORTED = {
    "Patient": ["family", "given", "birthdate", "gender", "identifier", "death-date"],
    "Observation": ["code", "date", "status", "value-string", "value-date"],
    "RiskAssessment": ["probability"],
    "ValueSet": ["url", "date"],
}
VALUE_SETS = {
    ("Patient", "gender"): (
        "http://hl7.org/fhir/ValueSet/administrative-gender",
        {"male", "female", "other", "unknown"},
    ),
    ("Observation", "status"): (
        "http://hl7.org/fhir/ValueSet/observation-status",
        {"final", "amended", "preliminary"},
    ),
}
OPERATORS: dict[str, list[tuple[str, str]]] = {
    "string": [("sw", ""), ("co", "contains"), *((each, each) for each in ("eq", "ew", "gt", "lt", "ge", "le"))],
    "token": [("eq", "")],
    "reference": [("eq", ""), ("re", "")],
    "uri": [("eq", "")],
}

Select = Callable[[str, str, str, str], set[str]]


@pytest.fixture(scope="module")
def everything(indexed: Store, indexer: Indexer) -> Everything:
    """A population, stored, by type and id."""
    found = Everything()
    for resource in Population(7).resources(300):
        read = jsontext.read(jsontext.write(resource))
        indexed.create(Draft(read, id=read["id"], index=indexer.extract(read)))
        found.setdefault(read["resourceType"], {})[read["id"]] = read
    return found


@pytest.fixture(scope="module")
def oracle(definitions: Definitions) -> Oracle:
    return Oracle(Engine(definitions), BASE)


def expression(registry: Registry, resource_type: str, code: str) -> str:
    """A parameter's expression on its type alone."""
    parameter = registry.of(resource_type).by_code[code]
    whole = registry.definitions.find("SearchParameter", parameter.url)
    assert whole is not None
    parts = [part.strip() for part in whole["expression"].split("|")]
    mine = [
        part for part in parts if part.startswith((f"{resource_type}.", f"({resource_type}.")) or part == resource_type
    ]
    return " | ".join(mine)


@pytest.fixture(scope="module")
def select(registry: Registry, oracle: Oracle, everything: Everything) -> Select:
    """The ids that one criterion selects by the rules."""

    def ids(resource_type: str, code: str, modifier: str, raw: str) -> set[str]:
        parameter = registry.of(resource_type).by_code[code]
        definition = {"type": parameter.kind, "expression": expression(registry, resource_type, code)}
        return {i for i, r in everything[resource_type].items() if oracle.matches(r, definition, modifier, raw)}

    return ids


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_the_parts_of_a_composite_hold_of_one_and_the_same_element(
    searcher: Searcher, definitions: Definitions, oracle: Oracle, everything: Everything, seed: int
) -> None:
    random, registry = Random(seed), searcher.registry
    code = random.choice(COMPOSITES)
    parameter = registry.of("Observation").by_code[code]
    definition = definitions.find("SearchParameter", parameter.url)
    assert definition is not None
    parts = list(zip(definition["component"], parameter.components, strict=True))
    raws = [Questions(random).value(component.kind, "", []) for _, component in parts]
    engine = Engine(definitions)

    def holds(element: Node, resource: dict[str, Any]) -> bool:
        for (declared, component), raw in zip(parts, raws, strict=True):
            # the specification's own slip: no type is called DateTime
            part = engine.compile(declared["expression"].replace("DateTime", "dateTime"))
            found = part.evaluate(element, Environment(resource))
            values = [(item.type.name, item.value) for item in found if isinstance(item, Node)]
            if not any(oracle._one(component.kind, "", of, value, raw) for of, value in values):
                return False
        return True

    of_type = expression(registry, "Observation", code)
    expected = {
        identity
        for identity, resource in everything["Observation"].items()
        if any(
            holds(e, resource) for e in engine.compile(of_type).evaluate(engine.node(resource), Environment(resource))
        )
    }
    assert set(searcher.ids("Observation", [(code, "$".join(raws))])) == expected, (code, raws)


def comparison(random: Random, registry: Registry, select: Select, resource_type: str) -> tuple[str, set[str]]:
    """One comparison of a filter, and what it selects."""
    parameter = registry.of(resource_type).by_code[random.choice(FILTERED[resource_type])]
    if random.random() < 0.1:
        wanted = random.choice(["true", "false"])
        missing = "false" if wanted == "true" else "true"
        return f"{parameter.code} pr {wanted}", select(resource_type, parameter.code, "missing", missing)
    while True:
        targets = sorted(parameter.targets & {"Patient", "Practitioner", "Organization"})
        raw = Questions(random).value(parameter.kind, "", targets)
        if "\\|" not in raw:  # a filter has no way to write it
            break
    if parameter.kind in OPERATORS:
        operator, modifier = random.choice(OPERATORS[parameter.kind])
        text, found = raw, select(resource_type, parameter.code, modifier, raw)
        if random.random() < 0.2:
            equal = select(resource_type, parameter.code, dict(OPERATORS[parameter.kind])["eq"], raw)
            operator, found = "ne", everyone(select, resource_type) - equal
    else:
        prefixed = raw[:2].isalpha()
        operator, text = (raw[:2], raw[2:]) if prefixed else ("eq", raw)
        found = select(resource_type, parameter.code, "", raw)
    plain = text.replace("\\,", ",").replace("\\$", "$").replace("\\\\", "\\")
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'{parameter.code} {operator} "{quoted}"', found


def everyone(select: Select, resource_type: str) -> set[str]:
    code = FILTERED[resource_type][0]
    return select(resource_type, code, "missing", "true") | select(resource_type, code, "missing", "false")


def tree(random: Random, registry: Registry, select: Select, resource_type: str, depth: int) -> tuple[str, set[str]]:
    """A filter, and what it selects."""
    if depth == 0 or random.random() < 0.3:
        return comparison(random, registry, select, resource_type)
    if random.random() < 0.2:
        text, found = tree(random, registry, select, resource_type, depth - 1)
        return f"not ({text})", everyone(select, resource_type) - found
    (one, first), (other, second) = (tree(random, registry, select, resource_type, depth - 1) for _ in range(2))
    if random.random() < 0.5:  # a filter is read from left to right: its begin needs no brackets
        return f"{one} and ({other})", first & second
    return f"{one} or ({other})", first | second


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_a_filter_selects_by_and_or_and_not_what_its_comparisons_select(
    searcher: Searcher, registry: Registry, select: Select, seed: int
) -> None:
    random = Random(seed)
    resource_type = random.choice(sorted(FILTERED))
    text, expected = tree(random, registry, select, resource_type, 2)
    assert set(searcher.ids(resource_type, [("_filter", text)])) == expected, text


@pytest.mark.parametrize(("resource_type", "code"), sorted(VALUE_SETS))
def test_a_value_set_selects_its_codes_and_not_in_all_the_others(
    searcher: Searcher, everything: Everything, select: Select, resource_type: str, code: str
) -> None:
    url, codes = VALUE_SETS[resource_type, code]
    inside = set().union(*(select(resource_type, code, "", each) for each in codes))
    assert set(searcher.ids(resource_type, [(f"{code}:in", url)])) == inside
    assert set(searcher.ids(resource_type, [(f"{code}:not-in", url)])) == set(everything[resource_type]) - inside


def sort_values(kind: str, found: list[tuple[str, Any]]) -> list[Any]:
    """All that a resource could be sorted by."""
    match kind:
        case "string":
            return [fold(text) for of, value in found for text in strings_of(of, value)]
        case "date":
            # a period without a begin stands where what has no date stands
            return [span[0] for of, value in found if (span := span_of(of, value)) and span[0] != FIRST]
        case "number":
            return [float(value) for _, value in found]
        case "token":
            return [(code or "", system or "") for of, value in found for system, code in pairs_of(of, value)]
        case _:
            return [value for _, value in found]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_the_order_is_that_of_the_lowest_or_the_highest_value_missing_ones_as_the_lowest_of_all(
    searcher: Searcher, registry: Registry, oracle: Oracle, everything: Everything, seed: int
) -> None:
    random = Random(seed)
    resource_type = random.choice(sorted(SORTED))
    code, descending = random.choice(SORTED[resource_type]), random.random() < 0.5
    kind, of_type = registry.of(resource_type).by_code[code].kind, expression(registry, resource_type, code)
    pairs = [("_sort", ("-" if descending else "") + code), ("_count", "1000")]
    page = searcher.run(parse(registry, [resource_type], pairs, rules=searcher.rules))
    given_keys = []
    for match in page.matches:
        found = sort_values(kind, oracle.values(everything[resource_type][match.id], of_type))
        given_keys.append((bool(found), (max if descending else min)(found)) if found else (False,))
    assert len(given_keys) == len(everything[resource_type])
    assert given_keys == sorted(given_keys, reverse=descending), (resource_type, pairs)
