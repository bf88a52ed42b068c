"""Examples of bodies and parameters, which a demonstration token may send as they stand, in the description's order.

The example of `transaction` stores what the others speak of, under the id `exemple`.
"""

from __future__ import annotations

from typing import Any, Final

ID: Final = "exemple"
SYSTEM: Final = "urn:oid:1.2.250.1.999.42.9"
CODES: Final = "https://fhir.example.fr/CodeSystem/exemple"
VALUES: Final = "https://fhir.example.fr/ValueSet/exemple"
MAP: Final = "https://fhir.example.fr/ConceptMap/exemple"

PATIENT: Final[dict[str, Any]] = {
    "resourceType": "Patient",
    "id": ID,
    "identifier": [{"system": SYSTEM, "value": "EXEMPLE-1"}],
    "name": [{"family": "MOREL", "given": ["Camille"]}],
    "gender": "female",
    "birthDate": "1984-05-17",
}
OBSERVATION: Final[dict[str, Any]] = {
    "resourceType": "Observation",
    "id": ID,
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}], "text": "Température corporelle"},
    "subject": {"reference": f"Patient/{ID}"},
    "effectiveDateTime": "2026-06-01T08:30:00+02:00",
    "valueQuantity": {"value": 37.2, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel"},
}
_COMPOSITION: Final[dict[str, Any]] = {
    "resourceType": "Composition",
    "id": ID,
    "status": "final",
    "type": {"text": "Synthèse"},
    "subject": {"reference": f"Patient/{ID}"},
    "date": "2026-06-01T09:00:00+02:00",
    "author": [{"display": "Dr Hélène LEFÈVRE"}],
    "title": "Synthèse médicale",
    "section": [{"title": "Mesures", "entry": [{"reference": f"Observation/{ID}"}]}],
}
_CODE_SYSTEM: Final[dict[str, Any]] = {
    "resourceType": "CodeSystem",
    "id": ID,
    "url": CODES,
    "version": "1",
    "name": "Exemple",
    "status": "active",
    "content": "complete",
    "concept": [{"code": "tout", "display": "Tout", "concept": [{"code": "partie", "display": "Partie"}]}],
}
_VALUE_SET: Final[dict[str, Any]] = {
    "resourceType": "ValueSet",
    "id": ID,
    "url": VALUES,
    "name": "Exemple",
    "status": "active",
    "compose": {"include": [{"system": CODES}]},
}
_CONCEPT_MAP: Final[dict[str, Any]] = {
    "resourceType": "ConceptMap",
    "id": ID,
    "url": MAP,
    "name": "Exemple",
    "status": "active",
    "sourceUri": VALUES,
    "targetUri": "http://hl7.org/fhir/ValueSet/administrative-gender",
    "group": [
        {
            "source": CODES,
            "target": "http://hl7.org/fhir/administrative-gender",
            "element": [{"code": "tout", "target": [{"code": "other", "equivalence": "relatedto"}]}],
        }
    ],
}
_STORED: Final = (PATIENT, OBSERVATION, _COMPOSITION, _CODE_SYSTEM, _VALUE_SET, _CONCEPT_MAP)
_TAG: Final = {"name": "meta", "valueMeta": {"tag": [{"system": "https://fhir.example.fr/tags", "code": "exemple"}]}}


def parameters(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return Parameters."""
    return {"resourceType": "Parameters", "parameter": list(parts)}


def _put(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}


_GET: Final = {"request": {"method": "GET", "url": f"Patient/{ID}"}}
_PATCHES: Final[dict[str, Any]] = {
    "application/json-patch+json": [{"op": "replace", "path": "/birthDate", "value": "1984-05-18"}],
    "application/merge-patch+json": {"birthDate": "1984-05-19"},
    "application/xml-patch+xml": '<diff xmlns:f="http://hl7.org/fhir">'
    '<replace sel="f:Patient/f:birthDate/@value">1984-05-20</replace></diff>',
    "application/fhir+json": parameters(
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "Patient.birthDate"},
                {"name": "value", "valueDate": "1984-05-21"},
            ],
        }
    ),
}

BODIES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "transaction": {
        "application/fhir+json": {
            "transaction": {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [*map(_put, _STORED), _GET],
            },
            "batch": {"resourceType": "Bundle", "type": "batch", "entry": [_GET]},
        },
        "application/fhir+xml": {
            "batch": '<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><request><method value="GET"/>'
            f'<url value="Patient/{ID}"/></request></entry></Bundle>'
        },
    },
    "create": {
        "application/fhir+json": {"patient": {key: value for key, value in PATIENT.items() if key != "identifier"}},
        "application/fhir+xml": {
            "patient": '<Patient xmlns="http://hl7.org/fhir"><name><family value="MOREL"/></name></Patient>'
        },
    },
    "update": {"application/fhir+json": {"patient": PATIENT}},
    "conditional-update": {
        "application/fhir+json": {"patient": {key: value for key, value in PATIENT.items() if key != "id"}}
    },
    "patch": {media: {"birth-date": body} for media, body in _PATCHES.items()},
    "conditional-patch": {media: {"birth-date": body} for media, body in _PATCHES.items()},
    "search-form": {"application/x-www-form-urlencoded": {"by-id": f"_id={ID}&_count=5"}},
    "search-system-form": {"application/x-www-form-urlencoded": {"by-id": f"_type=Patient&_id={ID}"}},
}
"""By the name of a route, media type and name of the example: a JSON value, or text for what is not JSON."""

QUERIES: Final[dict[str, dict[str, str]]] = {
    "ValueSet$expand": {"url": VALUES},
    "ValueSet$validate-code": {"url": VALUES, "system": CODES, "code": "tout"},
    "ValueSet-{id}$validate-code": {"system": CODES, "code": "tout"},
    "CodeSystem$validate-code": {"url": CODES, "code": "tout"},
    "CodeSystem-{id}$validate-code": {"code": "tout"},
    "CodeSystem$lookup": {"system": CODES, "code": "tout"},
    "CodeSystem-{id}$lookup": {"code": "tout"},
    "CodeSystem$subsumes": {"system": CODES, "codeA": "tout", "codeB": "partie"},
    "CodeSystem-{id}$subsumes": {"codeA": "tout", "codeB": "partie"},
    "ConceptMap$translate": {"url": MAP, "system": CODES, "code": "tout", "source": VALUES},
    "ConceptMap-{id}$translate": {"system": CODES, "code": "tout"},
    "$find-prescription": {"number": "urn:oid:1.2.250.1.999.42.1|0"},
}
"""Query parameters of operations that GET may invoke."""

INPUTS: Final[dict[str, dict[str, Any]]] = {
    "validate": parameters({"name": "resource", "resource": PATIENT}),
    "meta-add": parameters(_TAG),
    "meta-delete": parameters(_TAG),
    "everything": parameters({"name": "_count", "valueInteger": 5}),
}
"""Bodies of operations, by name; others are told by their query parameters, written as Parameters."""

OF_A_BODY: Final = frozenset({"validate", "check-prescription", "issue-prescription", "generate-metadata"})
"""Operations that take a resource unless they are invoked on one: no address holds it."""

STATE: Final = frozenset(
    "find-prescription take release dispense close cancel issue-prescription check-prescription replace "  # noqa: SIM905 - one list
    "history-of-prescription current-medications dmp generate-metadata reindex".split()
)
"""Operations on what other acts have made: a prescription that is issued, a DMP record. `scripts/demo` shows them."""
