from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import Unprocessable
from fhirserver.prescription import elements
from fhirserver.prescription.execution.deliveries import Agreement
from fhirserver.prescription.execution.executions import lines_of, read
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.rules.outcomes import Outcome
from tests.unit.prescription.building import tablets

TODAY = date(2026, 1, 6)


def dispense(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "authorizingPrescription": [{"reference": "MedicationRequest/1"}],
        "quantity": {"value": 28, "unit": "comprimé"},
        "whenHandedOver": "2026-01-05T23:30:00Z",
        **changes,
    }


def test_a_dispense_says_what_when_and_of_which_line() -> None:
    found = read(dispense(), TODAY)
    assert (found.on, found.outcome, found.amount) == (date(2026, 1, 6), Outcome.AS_IS, tablets(28))
    assert lines_of(dispense()) == ("MedicationRequest/1",)


def test_without_a_date_it_is_of_today_and_one_in_the_future_is_refused() -> None:
    assert read(dispense(whenHandedOver=None), TODAY).on == TODAY
    with pytest.raises(Unprocessable):
        read(dispense(whenHandedOver="2026-01-07"), TODAY)


@pytest.mark.parametrize(
    ("code", "outcome"), [("G", Outcome.GENERIC), ("BC", Outcome.BIOSIMILAR), (None, Outcome.GENERIC)]
)
def test_a_substitution_is_read_from_its_type(code: str | None, outcome: Outcome) -> None:
    kind = {"type": {"coding": [{"code": code}]}} if code else {}
    assert read(dispense(substitution={"wasSubstituted": True, **kind}), TODAY).outcome is outcome


def test_the_stated_outcome_decides_and_an_unknown_one_is_refused() -> None:
    resource = dispense()
    elements.set_value(resource, "delivery-outcome", "Code", "hybrid")
    assert read(resource, TODAY).outcome is Outcome.HYBRID
    elements.set_value(resource, "delivery-outcome", "Code", "magic")
    with pytest.raises(Unprocessable) as caught:
        read(resource, TODAY, "Bundle.entry[0].resource")
    assert caught.value.issues[0].expression == "Bundle.entry[0].resource.extension"


@pytest.mark.parametrize(
    "resource",
    [
        dispense(status="declined", statusReasonCodeableConcept={"coding": [{"code": "out-of-stock"}]}),
        {"resourceType": "Procedure", "status": "not-done", "statusReason": {"coding": [{"code": "out-of-stock"}]}},
        {
            "resourceType": "SupplyDelivery",
            "status": "abandoned",
            "extension": [
                {
                    "url": elements.url("not-delivered-reason"),
                    "valueCodeableConcept": {"coding": [{"code": "out-of-stock"}]},
                }
            ],
        },
    ],
)
def test_what_was_not_delivered_says_why(resource: dict[str, Any]) -> None:
    found = read(resource, TODAY)
    assert (found.outcome, found.reason) == (Outcome.NOT_DELIVERED, "out-of-stock")


def test_a_device_is_counted_by_its_supplied_item_and_names_its_line_by_extension() -> None:
    resource: dict[str, Any] = {
        "resourceType": "SupplyDelivery",
        "status": "completed",
        "suppliedItem": {"quantity": {"value": 16, "unit": "pansement"}},
        "occurrenceDateTime": "2026-01-05",
    }
    elements.set_value(resource, "executed-line", "Reference", {"reference": "DeviceRequest/1"})
    assert lines_of(resource) == ("DeviceRequest/1",)
    found = read(resource, TODAY)
    assert (found.amount, found.on) == (Amount(Decimal(16), "pansement"), date(2026, 1, 5))


def test_an_act_is_based_on_its_line() -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "basedOn": [{"reference": "ServiceRequest/1"}],
        "effectivePeriod": {"start": "2026-01-03", "end": "2026-01-04"},
    }
    assert lines_of(report) == ("ServiceRequest/1",)
    assert read(report, TODAY).on == date(2026, 1, 4)


def test_agreement_pack_dispenser_and_confirmations_are_read() -> None:
    resource = dispense(
        performer=[{"actor": {"reference": "Organization/1", "identifier": {"value": "1880780077"}}}],
        daysSupply={"value": 28, "code": "d"},
        extension=[
            {
                "url": elements.url("delivery-agreement"),
                "extension": [
                    {"url": "prescriber", "valueReference": {"reference": "Practitioner/1"}},
                    {"url": "date", "valueDate": "2026-01-06"},
                ],
            },
            {"url": elements.url("smallest-pack"), "valueQuantity": {"value": 30, "unit": "comprimé"}},
            {
                "url": elements.url("confirmed-alert"),
                "extension": [
                    {"url": "rule", "valueCode": "early-delivery"},
                    {"url": "reason", "valueString": "voyage"},
                ],
            },
        ],
    )
    found = read(resource, TODAY)
    assert found.agreement == Agreement("Practitioner/1", TODAY)
    assert found.pack == tablets(30)
    assert found.dispenser == {"Organization/1", "1880780077"}
    assert found.confirmed == {"early-delivery": "voyage"}
    assert found.days == 28


@pytest.mark.parametrize(
    ("outcome", "changes"),
    [
        ("as-is", {"status": "declined"}),
        ("not-delivered", {"status": "completed"}),
        ("as-is", {"substitution": {"wasSubstituted": True}}),
        ("generic", {"substitution": {"wasSubstituted": False}}),
    ],
)
def test_an_outcome_that_status_or_substitution_deny_is_refused(outcome: str, changes: dict[str, Any]) -> None:
    resource = dispense(**changes)
    elements.set_value(resource, "delivery-outcome", "Code", outcome)
    with pytest.raises(Unprocessable) as caught:
        read(resource, TODAY)
    assert caught.value.issues[0].rule == "prescription-outcome"
