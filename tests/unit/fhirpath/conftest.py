"""An engine over R4 core, and resources to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine, Environment, Node

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"profile": ["http://example.org/profile"]},
    "contained": [
        {"resourceType": "Organization", "id": "org", "name": "Hôpital", "active": True},
        {"resourceType": "Practitioner", "id": "doc", "name": [{"family": "Roche"}]},
    ],
    "extension": [{"url": "http://example.org/one", "valueQuantity": {"value": 5, "unit": "mg"}}],
    "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "279035121518989", "use": "official"}],
    "active": True,
    "name": [
        {"use": "official", "family": "Dupont", "given": ["Anne", "Marie"], "period": {"start": "2001-05-06"}},
        {"use": "usual", "given": ["Nan"]},
    ],
    "telecom": [{"system": "phone", "value": "0102030405", "rank": 2}, {"system": "email", "value": "a@example.org"}],
    "gender": "female",
    "birthDate": "1979-03-12",
    "_birthDate": {
        "id": "b",
        "extension": [{"url": "http://example.org/time", "valueDateTime": "1979-03-12T10:00:00Z"}],
    },
    "deceasedBoolean": False,
    "address": [
        {"city": "Lyon", "_postalCode": {"extension": [{"url": "http://example.org/absent", "valueCode": "unknown"}]}}
    ],
    "managingOrganization": {"reference": "#org"},
    "generalPractitioner": [{"reference": "#doc"}, {"reference": "Practitioner/77"}],
}


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine(development())


@pytest.fixture
def patient() -> dict[str, Any]:
    return PATIENT


def plain(item: Any) -> Any:
    """Return what a test compares: the JSON value of a node, the text of dates and quantities."""
    if isinstance(item, Node):
        return item.value
    return item if isinstance(item, bool | int | str) else str(item)


@pytest.fixture(scope="session")
def ask(engine: Engine) -> Callable[..., list[Any]]:
    """Evaluate an expression on the patient with its type known beforehand and without: the result is the same."""

    def asked(
        expression: str, resource: dict[str, Any] = PATIENT, *, strict: bool = False, **services: Any
    ) -> list[Any]:
        env = Environment(resource, **services)
        typed = engine.compile(expression, resource["resourceType"], strict=strict).evaluate(resource, env)
        free = engine.compile(expression, strict=strict).evaluate(resource, env)
        kinds = [[getattr(item, "type", type(item)) for item in result] for result in (typed, free)]
        assert [plain(item) for item in typed] == [plain(item) for item in free]
        assert kinds[0] == kinds[1]
        return [plain(item) for item in typed]

    return asked
