"""Terminology over R4 core and a few code systems of the tests' own."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.definitions import Definitions, development
from fhirserver.terminology import Terminology
from fhirserver.terminology.codesystem import from_resource

ANIMALS = "http://test.example/animals"


def animals(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "CodeSystem",
        "url": ANIMALS,
        "version": "1.0",
        "name": "Animals",
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "language": "en",
        "property": [{"code": "legs", "type": "integer"}, {"code": "pet", "type": "boolean"}],
        "concept": [
            {
                "code": "animal",
                "display": "Animal",
                "property": [{"code": "notSelectable", "valueBoolean": True}],
                "concept": [
                    {
                        "code": "mammal",
                        "display": "Mammal",
                        "concept": [
                            {
                                "code": "dog",
                                "display": "Dog",
                                "definition": "Barks.",
                                "designation": [{"language": "fr", "value": "Chien"}],
                                "property": [
                                    {"code": "legs", "valueInteger": 4},
                                    {"code": "pet", "valueBoolean": True},
                                ],
                            },
                            {
                                "code": "whale",
                                "display": "Whale",
                                "property": [{"code": "legs", "valueInteger": 0}],
                            },
                        ],
                    },
                    {
                        "code": "bird",
                        "display": "Bird",
                        "property": [{"code": "legs", "valueInteger": 2}],
                        "concept": [
                            {
                                "code": "dodo",
                                "display": "Dodo",
                                "property": [{"code": "status", "valueCode": "retired"}],
                            }
                        ],
                    },
                ],
            },
            {"code": "bat", "display": "Bat", "property": [{"code": "parent", "valueCode": "mammal"}]},
        ],
        **changes,
    }


def value_set(name: str, *includes: dict[str, Any], exclude: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    compose: dict[str, Any] = {"include": list(includes)}
    if exclude:
        compose["exclude"] = exclude
    return {
        "resourceType": "ValueSet",
        "url": f"http://test.example/vs/{name}",
        "status": "active",
        "compose": compose,
    }


@pytest.fixture(scope="session")
def core() -> Definitions:
    return development()


@pytest.fixture(scope="session")
def zoo(core: Definitions) -> Terminology:
    french = {
        "resourceType": "CodeSystem",
        "url": "http://test.example/animals-fr",
        "content": "supplement",
        "supplements": ANIMALS,
        "language": "fr",
        "concept": [{"code": "whale", "designation": [{"language": "fr", "value": "Baleine"}]}],
    }
    part = animals(url="http://test.example/part", content="fragment")
    sets = [
        value_set("all", {"system": ANIMALS}),
        value_set("pets", {"system": ANIMALS, "concept": [{"code": "dog"}, {"code": "bat"}]}),
        value_set("fragment", {"system": "http://test.example/part"}),
        value_set("elsewhere", {"system": "http://test.example/nowhere"}),
        value_set("loop-a", {"valueSet": ["http://test.example/vs/loop-b"]}),
        value_set(
            "loop-b", {"valueSet": ["http://test.example/vs/pets"]}, {"valueSet": ["http://test.example/vs/loop-a"]}
        ),
    ]
    return Terminology(
        core,
        [from_resource(animals()), from_resource(french), from_resource(part)],
        value_sets=sets,
    )
