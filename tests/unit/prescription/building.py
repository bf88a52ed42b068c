"""Lines, facts and deliveries for the tests of prescription/; what a test does not speak of is in order."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import Failure
from fhirserver.prescription import elements, lines
from fhirserver.prescription.checking import check
from fhirserver.prescription.execution.deliveries import Decision, Delivery, decide
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.facts import Facts, PatientFacts, PrescriberFacts
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.rules.tables import shipped

ATC = "http://www.whocc.no/atc"
UCD = "http://data.esante.gouv.fr/ansm/medicament/UCD"
TABLES = shipped()
DOCTOR = PrescriberFacts("10", named=True, identified=True, address=True, phone=True, email=True)
ADULT = PatientFacts(named=True, sex="female", birth_date=date(1984, 5, 17), birth_known=True)


def days(count: int) -> dict[str, Any]:
    return {"value": count, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}


def tablets(count: float | str) -> Amount:
    return Amount(Decimal(str(count)), "comprimé")


def dosage(dose: float = 1, unit: str = "comprimé", **repeat: Any) -> dict[str, Any]:
    return {
        "timing": {"repeat": repeat or {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "doseAndRate": [{"doseQuantity": {"value": dose, "unit": unit}}],
    }


def medicine(
    code: str = "C07AB07",
    *,
    drafted: str = "2026-01-05",
    system: str = ATC,
    lasting: int | None = 28,
    renewals: int | None = 0,
    **changes: Any,
) -> dict[str, Any]:
    """Return a MedicationRequest of one tablet a day; a code in no table is treated as of list I."""
    request: dict[str, Any] = {}
    if lasting is not None:
        request["expectedSupplyDuration"] = days(lasting)
    if renewals is not None:
        request["numberOfRepeatsAllowed"] = renewals
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "requester": {"reference": "Practitioner/1"},
        "authoredOn": drafted,
        "medicationCodeableConcept": {"coding": [{"system": system, "code": code, "display": code}]},
        "dosageInstruction": [dosage()],
        "dispenseRequest": request,
        **changes,
    }


def spelled(request: dict[str, Any], **parts: str) -> dict[str, Any]:
    written = [{"url": name, "valueString": text} for name, text in parts.items()]
    request.setdefault("extension", []).append({"url": elements.url("in-words"), "extension": written})
    return request


def device(**extensions: Any) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "DeviceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "requester": {"reference": "Practitioner/1"},
        "authoredOn": "2026-01-05",
        "codeCodeableConcept": {"text": "Pansement hydrocellulaire"},
    }
    for name, (kind, content) in extensions.items():
        elements.set_value(resource, name.replace("_", "-"), kind, content)
    return resource


def service(code: str, system: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "requester": {"reference": "Practitioner/1"},
        "authoredOn": "2026-01-05",
        "code": {"coding": [{"system": system, "code": code, "display": code}]},
        **changes,
    }


def line(request: dict[str, Any] | None = None) -> lines.Line:
    return lines.read(request or medicine())


def alerts(*requests: dict[str, Any], **facts: Any) -> dict[str, str]:
    """Each rule that speaks of these lines, with the weightiest level of its alerts."""
    known = Facts(**{"on": date(2026, 1, 5), "patient": ADULT, "prescriber": DOCTOR, **facts})
    found: dict[str, str] = {}
    for alert in check([lines.read(each) for each in requests], known):
        found.setdefault(alert.rule, str(alert.level))
    return found


def serious(*requests: dict[str, Any], **facts: Any) -> dict[str, str]:
    """As `alerts`, without those that are for information."""
    return {rule: level for rule, level in alerts(*requests, **facts).items() if level != "information"}


def delivery(count: float | str | None = None, on: str = "2026-01-06", **more: Any) -> Delivery:
    amount = None if count is None else tablets(count)
    return Delivery(date.fromisoformat(on), **{"outcome": Outcome.AS_IS, "amount": amount, **more})


def run(request: dict[str, Any], *asked: Delivery) -> list[Decision]:
    """Deliver one after the other, each upon what was delivered before."""
    decisions: list[Decision] = []
    for each in asked:
        before = tuple(decision.counted for decision in decisions)
        decisions.append(decide(line(request), before, each, TABLES))
    return decisions


def refused(kind: type[Failure], request: dict[str, Any], *asked: Delivery) -> tuple[str | None, str]:
    """Deliver all but the last, which must be refused; return its rule and its French text."""
    before = tuple(decision.counted for decision in run(request, *asked[:-1]))
    with pytest.raises(kind) as caught:
        decide(line(request), before, asked[-1], TABLES)
    return caught.value.issues[0].rule, caught.value.issues[0].text.fr
