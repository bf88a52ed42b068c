from __future__ import annotations

from typing import Any

import pytest

from fhirserver.definitions import Definitions, development
from fhirserver.operations.terminology.expand import MAX_AT_ONCE
from fhirserver.terminology import Terminology
from fhirserver.terminology.codesystem import from_resource
from tests.unit.operations.terminology.building import PLANTS


@pytest.fixture(scope="module")
def core() -> Definitions:
    return development()


@pytest.fixture(scope="module")
def terminology(core: Definitions) -> Terminology:
    def concept(code: str, display: str, *below: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"code": code, "display": display, **({"concept": list(below)} if below else {}), **more}

    oak = concept("oak", "Oak", designation=[{"language": "fr", "value": "Chêne"}], definition="Grows acorns.")
    elm = concept("elm", "Elm", property=[{"code": "status", "valueCode": "retired"}])
    tree = concept("tree", "Tree", oak, elm, property=[{"code": "notSelectable", "valueBoolean": True}])
    plants = {
        "resourceType": "CodeSystem",
        "url": PLANTS,
        "version": "1",
        "title": "Plants",
        "content": "complete",
        "caseSensitive": True,
        "concept": [tree, concept("moss", "Moss")],
    }
    grouped = {**plants, "url": "http://test.example/grouped", "hierarchyMeaning": "grouped-by"}
    part = {**plants, "url": "http://test.example/part", "content": "fragment"}
    large = {
        "resourceType": "CodeSystem",
        "url": "http://test.example/large",
        "content": "complete",
        "concept": [{"code": str(n), "display": f"Number {n}"} for n in range(MAX_AT_ONCE + 5)],
    }
    french = {
        "resourceType": "ConceptMap",
        "url": "http://test.example/map",
        "sourceUri": "http://test.example/vs-plants",
        "targetUri": "http://test.example/vs-wood",
        "group": [
            {
                "source": PLANTS,
                "target": "http://test.example/wood",
                "element": [
                    {"code": "oak", "target": [{"code": "chene", "display": "Chêne", "equivalence": "wider"}]},
                    {"code": "moss", "target": [{"equivalence": "unmatched"}]},
                    {
                        "code": "elm",
                        "target": [
                            {
                                "code": "orme",
                                "equivalence": "equal",
                                "dependsOn": [{"property": "http://test.example/region", "value": "south"}],
                                "product": [{"property": "http://test.example/p", "system": "http://s", "value": "v"}],
                            }
                        ],
                    },
                ],
                "unmapped": {"mode": "fixed", "code": "autre"},
            }
        ],
    }
    return Terminology(core, [from_resource(one) for one in (plants, grouped, part, large)], value_sets=[french])
