"""Resources to patch, and patches of each kind as they are sent."""

from __future__ import annotations

import json
from typing import Any

from fhirserver import jsontext
from fhirserver.interactions.patching import Patcher

JSON_PATCH = "application/json-patch+json"
ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><br /><p>a &#233;</p></div>'


def document(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "a",
        "text": {"status": "generated", "div": XHTML},
        "extension": [
            {"url": "http://other/ext", "valueDecimal": jsontext.Number("1.50")},
            {"url": ARCHIVED, "valueBoolean": False},
        ],
        "status": "current",
        "securityLabel": [{"coding": [{"system": "http://s", "code": "N"}]}],
        "content": [{"attachment": {"title": "x"}}],
        **changes,
    }


def patient(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", "name": [{"family": "Martin", "given": ["Jean", "Paul"]}], **changes}


def json_patch(patcher: Patcher, resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return patcher.read(JSON_PATCH, json.dumps(operations).encode())(resource)


def operation(**parts: Any) -> dict[str, Any]:
    def part(name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict) and {"part", "resource"} & value.keys():
            return {"name": name, **value}
        if isinstance(value, dict):
            return {"name": name, **value}
        return {"name": name, ("valueInteger" if isinstance(value, int) else "valueString"): value}

    return {"name": "operation", "part": [part(name, value) for name, value in parts.items()]}


def fhirpath_patch(patcher: Patcher, resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return patcher.from_resource({"resourceType": "Parameters", "parameter": list(operations)})(resource)


def xml_patch(patcher: Patcher, resource: dict[str, Any], inside: str) -> dict[str, Any]:
    text = f'<diff xmlns="http://hl7.org/fhir">{inside}</diff>'
    return patcher.read("application/xml-patch+xml", text.encode())(resource)
