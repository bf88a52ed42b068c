from datetime import date
from decimal import Decimal

import pytest

from fhirserver.prescription import lines
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.lines import group_of, patients, read, read_all, with_group
from fhirserver.prescription.professions import Kind
from tests.unit.prescription.building import device, medicine, service, tablets

NUMBER = {"system": "urn:oid:1.2.3", "value": "0A"}
EDITOR = {"system": "urn:oid:1.2.250.1.999.42.1", "value": "ORD-1"}
ACT = service("58410-2", "http://loinc.org")


def test_the_number_stands_in_requisition_of_acts_and_group_identifier_of_the_others() -> None:
    assert with_group(ACT, NUMBER)["requisition"] == NUMBER
    assert with_group(medicine(), NUMBER)["groupIdentifier"] == NUMBER
    assert group_of(with_group(device(), NUMBER)) == NUMBER


def test_the_editors_own_group_becomes_an_identifier_once() -> None:
    request = medicine(groupIdentifier=EDITOR, identifier=[{"system": "s", "value": "v"}])
    numbered = with_group(request, NUMBER)
    assert numbered["identifier"] == [{"system": "s", "value": "v"}, EDITOR]
    assert with_group({**numbered, "groupIdentifier": EDITOR}, NUMBER)["identifier"] == numbered["identifier"]
    assert request["groupIdentifier"] == EDITOR


def test_the_same_number_again_changes_nothing() -> None:
    numbered = with_group(medicine(), NUMBER)
    assert with_group(numbered, NUMBER) == numbered


def test_a_line_says_its_kind_quantity_days_and_renewals() -> None:
    line = read(medicine(lasting=28, renewals=2))
    assert (line.kind, line.quantity, line.days, line.total_days) == (Kind.PHARMACY, tablets(28), 28, 84)
    thing = read(device(line_quantity=("Quantity", {"value": 16, "unit": "u"}), line_renewals=("UnsignedInt", 1)))
    assert (thing.quantity, thing.renewals) == (Amount(Decimal(16), "u"), 1)
    act = read({**ACT, "quantityQuantity": {"value": 10, "unit": "séance"}})
    assert act.quantity == Amount(Decimal(10), "séance")


def test_a_stated_quantity_decides_over_the_posology() -> None:
    request = medicine()
    request["dispenseRequest"]["quantity"] = {"value": 30, "unit": "comprimé"}
    assert read(request).quantity == tablets(30)


def test_an_active_order_is_live_and_a_draft_plan_or_proposal_is_not() -> None:
    assert read(medicine()).is_active
    assert not read(medicine(status="draft")).is_active
    assert not read(medicine(intent="plan")).is_active
    assert not read(medicine(intent="proposal")).is_active
    assert read(medicine(intent="option")).is_active


def test_the_lines_of_a_bundle_are_read_in_order_with_what_they_refer_to() -> None:
    request = medicine(medicationReference={"reference": "urn:uuid:m"})
    del request["medicationCodeableConcept"]
    coding = {"system": "s", "code": "A1", "display": "Médicament A"}
    bundle = {
        "entry": [
            {"fullUrl": "urn:uuid:m", "resource": {"resourceType": "Medication", "code": {"coding": [coding]}}},
            {"resource": request},
            {"resource": {"resourceType": "Patient"}},
            {"resource": ACT},
        ]
    }
    first, second = read_all(bundle)
    assert (first.title, first.codings, first.location) == (
        "Médicament A",
        (("s", "A1"),),
        "Bundle.entry[1].resource",
    )
    assert second.at("code") == "Bundle.entry[3].resource.code"


def test_ingredients_are_read_down_to_the_substance() -> None:
    substance = {"resourceType": "Medication", "id": "s", "code": {"coding": [{"system": "s", "code": "S1"}]}}
    mixture = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"text": "mélange"},
        "ingredient": [{"itemReference": {"reference": "#s"}}],
    }
    request = medicine(medicationReference={"reference": "#m"}, contained=[mixture, substance])
    del request["medicationCodeableConcept"]
    assert read(request).codings == (("s", "S1"),)


def test_a_medicine_elsewhere_is_looked_for() -> None:
    request = medicine(medicationReference={"reference": "Medication/9"})
    del request["medicationCodeableConcept"]
    assert read(request).codings == ()
    stored = {"Medication/9": {"resourceType": "Medication", "code": {"text": "Médicament 9"}}}
    assert read(request, resolve=stored.get).title == "Médicament 9"


def test_a_mixture_that_names_itself_ends() -> None:
    endless = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemReference": {"reference": "#m"}}]}
    request = medicine(medicationReference={"reference": "#m"}, contained=[endless])
    assert len(read(request).medications) == 3


def test_the_patients_of_lines_for_two_are_two() -> None:
    assert patients([read(medicine()), read(ACT)]) == {"Patient/1"}
    assert len(patients([read(medicine()), read(medicine(subject={"reference": "Patient/2"}))])) == 2


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2016-12-31T23:59:60Z", date(2017, 1, 1)),
        ("9999-12-31T23:59:59Z", date(9999, 12, 31)),
        ("0001-01-01T00:00:00+14:00", date(1, 1, 1)),
        ("2026-02-30T00:00:00Z", None),
        ("2026-02-03T12:60:00Z", None),
    ],
)
def test_every_instant_that_fhir_allows_has_a_day(written: str, day: date | None) -> None:
    assert lines.day(written) == day
