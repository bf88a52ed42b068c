"""What FHIRPath costs: the error invariants of a MedicationRequest, and its search parameters.

`python scripts/measure_fhirpath.py [resource.json]`; figures are the least of several runs, in microseconds. The
figures of docs/decisions/fhirpath.md come from here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.definitions.elements import Elements
from fhirserver.fhirpath import Engine, Environment, Expression

PRESCRIPTION: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "contained": [{"resourceType": "Medication", "id": "m", "code": {"text": "Doliprane 500 mg"}}],
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Doliprane</div>'},
    "identifier": [{"system": "http://example.org/ids", "value": "1"}],
    "status": "active",
    "intent": "order",
    "medicationReference": {"reference": "#m"},
    "subject": {"reference": "Patient/1"},
    "authoredOn": "2024-05-01",
    "dosageInstruction": [
        {
            "text": "1 comprimé 3 fois par jour",
            "timing": {
                "repeat": {
                    "boundsPeriod": {"start": "2024-05-01", "end": "2024-05-06"},
                    "frequency": 3,
                    "period": Decimal(1),
                    "periodUnit": "d",
                }
            },
            "doseAndRate": [
                {"doseRange": {"low": {"value": 1, "unit": "cp"}, "high": {"value": 2, "unit": "cp"}}},
            ],
        }
    ],
    "dispenseRequest": {
        "expectedSupplyDuration": {"value": 5, "system": "http://unitsofmeasure.org", "code": "d"},
    },
}


def least(work: Callable[[], object], runs: int = 7, each: int = 1000) -> float:
    """Return the least time of one call, in microseconds."""
    best = float("inf")
    for _ in range(runs):
        began = time.perf_counter()
        for _ in range(each):
            work()
        best = min(best, (time.perf_counter() - began) / each)
    return best * 1e6


def invariants(definitions: Definitions, resource: dict[str, Any]) -> dict[tuple[str, str], tuple[str, Any]]:
    """Return each error invariant that meets a value of the resource: by key and context, expression and value."""
    elements = Elements(definitions)
    found: dict[tuple[str, str], tuple[str, Any]] = {}

    def declared(path: str, context: str, value: Any) -> None:
        structure = definitions.structure(path.partition(".")[0]) or {}
        for element in structure["snapshot"]["element"]:
            for constraint in element.get("constraint", ()) if element["path"] == path else ():
                if constraint["severity"] == "error":
                    found.setdefault((constraint["key"], context), (constraint["expression"], value))

    def walk(value: Any, place: str, context: str) -> None:
        declared(place, context, value)
        for name, held in value.items() if isinstance(value, dict) else ():
            element, choice = elements.names(place).get(name, (None, None))
            if element is None or choice is None or choice.code == "Resource":
                continue
            inner = element.content or choice.code
            for item in held if isinstance(held, list) else [held]:
                declared(element.path, inner, item)
                walk(item, inner, inner)

    walk(resource, resource["resourceType"], resource["resourceType"])
    return found


def main() -> None:
    """Measure, and print."""
    resource = jsontext.read(Path(sys.argv[1]).read_bytes()) if len(sys.argv) > 1 else PRESCRIPTION
    name = resource["resourceType"]
    definitions = development()
    began = time.perf_counter()
    engine = Engine(definitions)
    env = Environment(resource)
    met = invariants(definitions, resource)
    began = time.perf_counter()
    compiled = {place: engine.compile(expression, place[1]) for place, (expression, _) in met.items()}
    print(f"compiled {len(compiled)} invariants in {(time.perf_counter() - began) * 1000:.0f} ms\n")
    once: dict[str, tuple[Expression, Any]] = {}
    for (key, context), (_, value) in met.items():
        once.setdefault(key, (compiled[key, context], value))
    for key, (expression, value) in once.items():
        cost = least(lambda test=expression.test, value=value: test(value, env))
        print(f"{key:8} {expression.context!r:28} {cost:7.2f}  {expression.test(value, env)}")
    tests = [(expression.test, value) for expression, value in once.values()]
    print(f"\nthe {len(tests)} together {least(lambda: [test(value, env) for test, value in tests], each=200):.1f}")
    every = [(compiled[place].test, value) for place, (_, value) in met.items()]
    print(
        f"all {len(every)} pairs of invariant and type {least(lambda: [t(v, env) for t, v in every], each=200):.1f}\n"
    )
    search = Environment(resource, assume_references=True)
    parameters = [
        engine.compile(parameter["expression"], name)
        for parameter in definitions.all("SearchParameter")
        if name in parameter.get("base", ()) and parameter.get("expression")
    ]
    cost = least(lambda: [expression.evaluate(resource, search) for expression in parameters], each=100)
    print(f"values of its {len(parameters)} search parameters {cost:.1f}")


if __name__ == "__main__":
    main()
