"""Calls of the terminology operations, and what their answers hold."""

from __future__ import annotations

from typing import Any

ROLES = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
GENDER = "http://hl7.org/fhir/administrative-gender"
PLANTS = "http://test.example/plants"


def call(**values: Any) -> dict[str, Any]:
    """Return Parameters; `_` in a name stands for `-`; a dict with resourceType is a resource."""

    def one(name: str, value: Any) -> dict[str, Any]:
        name = name.replace("_", "-")
        if isinstance(value, dict) and "resourceType" in value:
            return {"name": name, "resource": value}
        kind = {
            bool: "Boolean",
            int: "Integer",
            dict: "CodeableConcept" if "coding" in (value if isinstance(value, dict) else {}) else "Coding",
        }
        return {"name": name, f"value{kind.get(type(value), 'String')}": value}

    listed = [
        one(name, item) for name, value in values.items() for item in (value if isinstance(value, list) else [value])
    ]
    return {"resourceType": "Parameters", "parameter": listed}


def value_of(answer: dict[str, Any], name: str) -> Any:
    found = [next(v for k, v in one.items() if k != "name") for one in answer["parameter"] if one["name"] == name]
    return found[0] if found else None


def plants(**include: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "url": "http://x", "compose": {"include": [{"system": PLANTS, **include}]}}


def codes(result: dict[str, Any]) -> list[str]:
    return [one["code"] for one in result["expansion"].get("contains", ())]
