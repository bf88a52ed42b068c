"""The restated code systems, value sets and search parameters hold what the official ones do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fhirserver.definitions import Definitions
from tests.conformance.restated.packages import (
    Json,
    official,
    own,
    restated,
)


def concepts(system: Json) -> Iterator[tuple[Any, ...]]:
    def walk(items: list[Json], parent: str | None) -> Iterator[tuple[Any, ...]]:
        for item in items:
            names = {d["value"] for d in item.get("designation", [])} | {item.get("display")}
            kept = ("status", "notSelectable", "deprecated", "deprecationDate", "dateFin", "subsumedBy")
            properties = [
                (p["code"], next(str(v) for k, v in p.items() if k.startswith("value")))
                for p in item.get("property", [])
                if p["code"] in kept
            ]
            yield item["code"], item.get("display"), parent, frozenset(names), tuple(properties)
            yield from walk(item.get("concept", []), item["code"])

    yield from walk(system.get("concept", []), None)


def test_each_restated_code_system_has_the_concepts_of_the_official_one() -> None:
    keys = ("version", "content", "caseSensitive", "hierarchyMeaning", "valueSet")
    wrong = [
        mine["id"]
        for mine, other in restated("CodeSystem")
        if list(concepts(mine)) != list(concepts(other)) or any(mine.get(k) != other.get(k) for k in keys)
    ]
    assert wrong == []


def expansion(value_set: Json, definitions: Definitions) -> list[tuple[Any, ...]]:
    """Return system, code and display of what a value set holds; a filter stands for itself."""
    found: list[tuple[Any, ...]] = []
    for part in ("include", "exclude"):
        for include in value_set["compose"].get(part, []):
            place = (part, include.get("system"), include.get("version"))
            found += [(*place, "value set", url) for url in include.get("valueSet", [])]
            found += [(*place, "filter", json.dumps(f, sort_keys=True)) for f in include.get("filter", [])]
            found += [(*place, c["code"], c.get("display")) for c in include.get("concept", [])]
            if "system" in include and not include.keys() & {"filter", "concept"}:
                system = definitions.find("CodeSystem", include["system"])
                found += [(*place, "all", None), *((*place, c[0], c[1]) for c in concepts(system or {}))]
    return found


def test_each_restated_value_set_expands_to_the_codes_of_the_official_one(
    restatement: Definitions, originals: Definitions
) -> None:
    wrong = [
        mine["id"]
        for mine, other in restated("ValueSet")
        if mine["version"] != other["version"] or expansion(mine, restatement) != expansion(other, originals)
    ]
    assert wrong == []


def test_each_restated_search_parameter_finds_what_the_official_one_finds() -> None:
    keys = [
        "version",
        "code",
        "base",
        "type",
        "expression",
        "target",
        "multipleOr",
        "multipleAnd",
        "comparator",
        "modifier",
        "chain",
        "component",
        "derivedFrom",
        "xpathUsage",
        "status",
    ]
    wrong = [
        (mine["id"], key)
        for mine, other in restated("SearchParameter")
        for key in keys
        if mine.get(key) != other.get(key)
    ]
    assert wrong == []
    assert len(restated("SearchParameter")) == 9


def test_what_the_profiles_bind_strictly_is_stated_wherever_the_official_packages_have_it() -> None:
    theirs = official()
    missing = set()
    for (kind, _), definition in own().items():
        if kind == "StructureDefinition":
            for element in definition["differential"]["element"]:
                binding = element.get("binding", {})
                url = binding.get("valueSet", "").partition("|")[0]
                strict = binding.get("strength") in ("required", "extensible")
                if strict and ("ValueSet", url) in theirs and ("ValueSet", url) not in own():
                    missing.add(url)
    assert missing == set()
