"""The smallest resource of each type, made from its definition: what is required, and no more."""

from __future__ import annotations

from typing import Any

from fhirserver.definitions import development
from fhirserver.definitions.elements import Element, Elements
from fhirserver.terminology import Terminology
from fhirserver.terminology.expansion import expansion

_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">mot</div>'
VALUES: dict[str, Any] = {
    "base64Binary": "QUE=",
    "boolean": True,
    "canonical": "http://example.org/canonical",
    "code": "en",
    "date": "2026-01-02",
    "dateTime": "2026-01-02T03:04:05Z",
    "decimal": 1,
    "id": "a1",
    "instant": "2026-01-02T03:04:05Z",
    "integer": 1,
    "markdown": "mot",
    "positiveInt": 1,
    "string": "mot",
    "unsignedInt": 1,
    "uri": "http://example.org/uri",
    "url": "http://example.org/url",
    "Attachment": {"title": "mot"},
    "CodeableConcept": {"text": "mot"},
    "Coding": {"display": "mot"},
    "Identifier": {"value": "mot"},
    "Narrative": {"status": "generated", "div": _DIV},
    "Period": {"start": "2026-01-02"},
    "Quantity": {"value": 1},
    "Reference": {"display": "mot"},
    "Resource": {"resourceType": "Basic", "code": {"text": "mot"}},
}
"""A value of each data type that something requires."""
_SETS = "http://hl7.org/fhir/ValueSet"
LARGE: dict[str, dict[str, str]] = {
    f"{_SETS}/mimetypes": {"system": "urn:ietf:bcp:13", "code": "text/plain"},
    f"{_SETS}/languages": {"system": "urn:ietf:bcp:47", "code": "fr"},
    f"{_SETS}/all-languages": {"system": "urn:ietf:bcp:47", "code": "fr"},
    f"{_SETS}/currencies": {"system": "urn:iso:std:iso:4217", "code": "EUR"},
}
"""A code of value sets that have no end."""
_NAMED = {"software": {"name": "mot"}, "description": "mot", "implementation": {"description": "mot"}}
ALSO: dict[str, dict[str, Any]] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"participant": [{"status": "accepted", "actor": {"display": "mot"}}]},
    "AppointmentResponse": {"actor": {"display": "mot"}},
    "Bundle": {"type": "collection"},
    "CapabilityStatement": {**_NAMED, "rest": [{"mode": "server"}]},
    "Consent": {"policyRule": {"text": "mot"}},
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "mot"}]},
    "ImmunizationRecommendation": {
        "recommendation": [{"targetDisease": {"text": "mot"}, "forecastStatus": {"text": "mot"}}]
    },
    "InsurancePlan": {"name": "mot"},
    "Linkage": {"item": [{"type": "source", "resource": {"display": "mot"}}] * 2},
    "Organization": {"name": "mot"},
    "PaymentNotice": {"amount": {"value": 1, "currency": "EUR"}},
    "PaymentReconciliation": {"paymentAmount": {"value": 1, "currency": "EUR"}},
    "StructureDefinition": {"differential": {"element": [{"path": "Basic", "id": "Basic"}]}, "type": "Basic"},
    "TerminologyCapabilities": _NAMED,
}
"""What invariants ask for beside what is required."""


class Smallest:
    """Makes resources of R4's own types."""

    def __init__(self) -> None:
        self._definitions = development()
        self._elements = Elements(self._definitions)
        self._terminology = Terminology(self._definitions)

    def of(self, kind: str) -> dict[str, Any]:
        """Return a resource of a type."""
        return {"resourceType": kind, **self._object(kind), **ALSO.get(kind, {})}

    def components(self, canonical: str) -> list[str]:
        """Return the types of the components of a composite search parameter."""
        found = self._definitions.find("SearchParameter", canonical)
        assert found is not None, canonical
        parts = [self._definitions.find("SearchParameter", part["definition"]) for part in found["component"]]
        return [str(part and part["type"]) for part in parts]

    def _object(self, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in self._elements.of(path).values():
            if element.minimum:
                name, choice = next(iter(element.json_names().items()))
                value = self._value(element, choice.code)
                made[name] = [value] if element.is_array else value
        return made

    def _value(self, element: Element, code: str) -> Any:
        if element.binding and code in ("code", "CodeableConcept", "Coding") and element.binding[0] == "required":
            coding = LARGE.get(element.binding[1].partition("|")[0]) or self._first(element.binding[1])
            return coding["code"] if code == "code" else {"coding": [coding]} if code == "CodeableConcept" else coding
        if code in VALUES:
            return VALUES[code]
        return self._object(element.content or code)

    def _first(self, value_set: str) -> dict[str, str]:
        resource = self._terminology.value_set(value_set)
        assert resource is not None, value_set
        entry = next(iter(expansion(self._terminology, resource).entries))
        return {"system": entry.system, "code": entry.code}
