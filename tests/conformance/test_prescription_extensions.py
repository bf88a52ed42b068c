"""Every mention that the project places in an extension is accepted where it belongs and refused elsewhere."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine
from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator

PROFILES = Path(__file__).parents[2] / "profiles"
Json = dict[str, Any]


@functools.cache
def validator() -> Validator:
    definitions = development(PROFILES)
    return Validator(definitions, Terminology(definitions), Engine(definitions))


def refused(resource: Json) -> list[str]:
    return [f"{issue.expression}: {issue.text.en}" for issue in validator().validate(resource) if issue.refuses]


def medicine() -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "authoredOn": "2026-01-05",
        "medicationCodeableConcept": {"text": "Médicament"},
    }


def device() -> Json:
    return {
        "resourceType": "DeviceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "codeCodeableConcept": {"text": "Pansement"},
    }


def act() -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "code": {"text": "NFS"},
    }


def dispense() -> Json:
    return {"resourceType": "MedicationDispense", "status": "completed", "medicationCodeableConcept": {"text": "M"}}


def supply() -> Json:
    return {"resourceType": "SupplyDelivery", "status": "completed"}


def parts(name: str, **content: tuple[str, Any]) -> Json:
    inner = [{"url": part, f"value{kind}": value} for part, (kind, value) in content.items()]
    return {"url": elements.url(name), "extension": inner}


@pytest.mark.parametrize("make", [medicine, device, act])
def test_a_line_with_every_flag_that_it_may_carry_is_accepted(make: Any) -> None:
    request = make()
    own = {Flag.OVERLAP, Flag.SINGLE_DELIVERY, Flag.OFF_LABEL}
    for flag in Flag:
        if make is medicine or flag not in own:
            elements.set_flag(request, flag)
    assert refused(request) == []


@pytest.mark.parametrize("flag", [Flag.OVERLAP, Flag.SINGLE_DELIVERY])
def test_a_mention_of_medicines_is_refused_on_a_device(flag: Flag) -> None:
    request = device()
    request["extension"] = [{"url": elements.url(flag), "valueBoolean": True}]
    assert len(refused(request)) == 1


VALUES: list[tuple[Any, str, str, Any]] = [
    (medicine, "replaced-prescriber", "Reference", {"reference": "Practitioner/2"}),
    (medicine, "scheduled-surgery", "Period", {"start": "2026-06-20", "end": "2026-06-22"}),
    (medicine, "accompaniment-form", "Identifier", {"value": "F-1"}),
    (medicine, "prior-approval", "Identifier", {"value": "DAP-1"}),
    (medicine, "next-possible-date", "Date", "2026-02-03"),
    (act, "execution-setting", "Code", "city"),
    (act, "line-renewals", "UnsignedInt", 2),
    (device, "line-quantity", "Quantity", {"value": 16, "unit": "pansement"}),
    (device, "line-renewals", "UnsignedInt", 0),
    (dispense, "delivery-outcome", "Code", "generic"),
    (dispense, "smallest-pack", "Quantity", {"value": 30, "unit": "comprimé"}),
    (dispense, "remaining-quantity", "Quantity", {"value": 12, "unit": "comprimé"}),
    (dispense, "remaining-deliveries", "UnsignedInt", 1),
    (supply, "executed-line", "Reference", {"reference": "DeviceRequest/1"}),
    (supply, "not-delivered-reason", "CodeableConcept", {"text": "rupture"}),
    (supply, "taken-back-reason", "CodeableConcept", {"text": "erreur de délivrance"}),
]


@pytest.mark.parametrize(("make", "name", "kind", "content"), VALUES)
def test_each_extension_is_accepted_where_it_belongs(make: Any, name: str, kind: str, content: Any) -> None:
    resource = make()
    elements.set_value(resource, name, kind, content)
    assert refused(resource) == []


@pytest.mark.parametrize(("make", "name", "kind", "content"), VALUES)
def test_each_extension_is_refused_on_a_patient(make: Any, name: str, kind: str, content: Any) -> None:
    patient: Json = {"resourceType": "Patient"}
    elements.set_value(patient, name, kind, content)
    assert len(refused(patient)) == 1


def test_the_complex_ones_are_accepted_and_without_a_mandatory_part_refused() -> None:
    confirmed = parts("confirmed-alert", rule=("Code", "weight"), reason=("String", "pesé"))
    agreed = parts("delivery-agreement", prescriber=("Reference", {"display": "Dr A"}), date=("Date", "2026-01-06"))
    spelled = parts("in-words", dose=("String", "un comprimé"))
    assert refused({**medicine(), "extension": [confirmed, spelled]}) == []
    assert refused({**dispense(), "extension": [confirmed, agreed]}) == []
    for extension in (confirmed, agreed):
        lacking = copy.deepcopy(extension)
        lacking["extension"].pop()
        assert refused({**dispense(), "extension": [lacking]}) != []
    assert refused({**medicine(), "extension": [parts("in-words", colour=("String", "bleu"))]}) != []


def test_a_code_that_is_no_outcome_is_refused() -> None:
    resource = dispense()
    elements.set_value(resource, "delivery-outcome", "Code", "magic")
    assert len(refused(resource)) == 1
