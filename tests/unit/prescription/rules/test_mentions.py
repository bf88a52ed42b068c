from datetime import date
from decimal import Decimal

import pytest

from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.facts import PatientFacts, PrescriberFacts, patient_facts, prescriber_facts
from tests.unit.prescription.building import ADULT, alerts, device, dosage, medicine, serious, service

KG = Amount(Decimal(18), "kg", "http://unitsofmeasure.org", "kg")
CM = Amount(Decimal(110), "cm", "http://unitsofmeasure.org", "cm")


def by_weight(unit: str = "mg/kg") -> dict:
    return medicine(dosageInstruction=[dosage(15, unit)])


def child(**known: object) -> PatientFacts:
    return PatientFacts(**{"named": True, "sex": "male", "birth_date": date(2020, 1, 6), "birth_known": True, **known})


def test_a_complete_line_raises_no_alert() -> None:
    assert alerts(medicine()) == {}


def test_what_is_prescribed_must_be_named() -> None:
    assert serious({**medicine(), "medicationCodeableConcept": {}})["denomination"] == "blocking"
    assert serious({**device(line_renewals=("UnsignedInt", 0)), "codeCodeableConcept": {}}) == {
        "denomination": "blocking"
    }


def test_a_medicine_that_cannot_be_read_is_not_named() -> None:
    request = medicine(medicationReference={"reference": "Medication/9"})
    del request["medicationCodeableConcept"]
    assert serious(request)["denomination"] == "blocking"


@pytest.mark.parametrize("stated", [None, "2026", "2026-01"])
def test_the_day_of_drafting_is_mandatory(stated: str | None) -> None:
    request = medicine()
    request["authoredOn"] = stated
    assert serious(request)["date"] == "blocking"


def test_a_date_in_the_future_is_refused_and_today_is_not() -> None:
    assert serious(medicine(drafted="2026-01-06"))["future-date"] == "blocking"
    assert serious(medicine(drafted="2026-01-05T23:30:00+01:00")) == {}
    assert serious(medicine(drafted="2026-01-05T23:30:00Z"))["future-date"] == "blocking"


def test_the_posology_is_mandatory_as_structure_or_as_text() -> None:
    assert serious(medicine(dosageInstruction=[]))["posology"] == "blocking"
    assert serious(medicine(dosageInstruction=[{"text": "un le soir"}])) == {}


def test_duration_or_number_of_units_is_mandatory() -> None:
    assert serious(medicine(lasting=None))["duration-or-quantity"] == "blocking"
    counted = medicine(lasting=None)
    counted["dispenseRequest"]["quantity"] = {"value": 30, "unit": "comprimé"}
    assert serious(counted) == {}


@pytest.mark.parametrize("value", [0, -5])
def test_a_quantity_is_more_than_nothing(value: int) -> None:
    request = medicine()
    request["dispenseRequest"]["quantity"] = {"value": value, "unit": "comprimé"}
    assert serious(request)["quantity"] == "blocking"


def test_renewals_are_mandatory_on_a_device_and_may_be_none() -> None:
    assert serious(device())["device-renewals"] == "blocking"
    assert serious(device(line_renewals=("UnsignedInt", 0))) == {}


def test_renewals_are_not_asked_of_acts() -> None:
    assert serious(service("58410-2", "http://loinc.org")) == {}


@pytest.mark.parametrize("unit", ["mg/kg", "dose_kg", "dose correspondant à la graduation de 7 kg"])
def test_a_childs_dose_by_weight_needs_the_weight(unit: str) -> None:
    assert serious(by_weight(unit), patient=child())["weight"] == "blocking"
    assert serious(by_weight(unit), patient=child(weight=KG, height=CM)) == {}


def test_a_dose_by_weight_in_words_needs_the_weight_too() -> None:
    for text, asked in (("15 mg/kg 3 fois par jour", True), ("10 mg par kg", True), ("pour un enfant de 20 kg", False)):
        found = serious(medicine(dosageInstruction=[{"text": text}]), patient=child())
        assert ("weight" in found) is asked


def test_a_missing_height_is_said_and_for_a_dose_by_surface_refused() -> None:
    assert alerts(by_weight(), patient=child(weight=KG))["height"] == "information"
    assert alerts(by_weight("mg/m2"), patient=child(weight=KG))["height"] == "blocking"


def test_the_weight_is_asked_until_the_eighteenth_birthday() -> None:
    assert "weight" in serious(by_weight(), patient=child(birth_date=date(2008, 1, 6)))
    assert "weight" not in serious(by_weight(), patient=child(birth_date=date(2008, 1, 5)))


def test_an_adult_needs_no_weight_and_a_dose_in_tablets_neither() -> None:
    assert serious(by_weight(), patient=ADULT) == {}
    assert serious(medicine(), patient=child()) == {}


@pytest.mark.parametrize(
    "patient",
    [
        PatientFacts(named=False, sex="male", birth_known=True),
        PatientFacts(named=True, sex=None, birth_known=True),
        PatientFacts(named=True, sex="male", birth_known=False),
    ],
)
def test_the_patients_names_sex_and_birth_date_are_mandatory(patient: PatientFacts) -> None:
    assert serious(medicine(), patient=patient) == {"patient-traits": "blocking"}


def test_the_prescribers_name_and_identifier_are_mandatory_and_contacts_are_asked_for() -> None:
    known = {"profession": "10", "named": True, "identified": True}
    assert serious(medicine(), prescriber=PrescriberFacts(**{**known, "named": False})) == {
        "prescriber-mentions": "blocking"
    }
    assert serious(medicine(), prescriber=PrescriberFacts(**{**known, "identified": False})) == {
        "prescriber-mentions": "blocking"
    }
    assert alerts(medicine(), prescriber=PrescriberFacts(**known)) == {"prescriber-mentions": "information"}
    reached = {**known, "address": True, "phone": True, "email": True}
    assert alerts(medicine(), prescriber=PrescriberFacts(**reached)) == {}
    unqualified = PrescriberFacts(**{**reached, "profession": None})
    assert alerts(medicine(), prescriber=unqualified) == {"prescriber-mentions": "information"}


def test_what_is_not_known_here_is_not_judged() -> None:
    assert alerts(medicine(), patient=None, prescriber=None) == {}


def test_traits_and_measures_are_read_from_resources() -> None:
    patient = {"name": [{"family": "MOREL", "given": ["Camille"]}], "gender": "female", "birthDate": "2020-02-29"}
    weights = [
        {
            "status": "final",
            "effectiveDateTime": on,
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "valueQuantity": {"value": value, "unit": "kg"},
        }
        for on, value in (("2026-01-02", 18), ("2025-06-01", 16))
    ]
    known = patient_facts(patient, weights)
    assert (known.named, known.sex, known.birth_date) == (True, "female", date(2020, 2, 29))
    assert known.weight == Amount(Decimal(18), "kg")
    assert known.height is None


def test_the_prescriber_is_read_from_person_role_and_structure() -> None:
    person = {
        "name": [{"family": "LEFÈVRE"}],
        "identifier": [{"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "810000421353"}],
        "qualification": [{"code": {"coding": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "50"}]}}],
    }
    structure = {"telecom": [{"system": "phone", "value": "1"}], "address": [{"city": "Épinal"}]}
    known = prescriber_facts(person, None, structure)
    assert known == PrescriberFacts("50", named=True, identified=True, address=True, phone=True, email=False)
    assert prescriber_facts(person, profession="10").profession == "10"


@pytest.mark.parametrize("dose", [0, -1])
def test_a_dose_is_a_positive_number(dose: int) -> None:
    assert serious(medicine(dosageInstruction=[dosage(dose)]))["quantity"] == "blocking"


@pytest.mark.parametrize(
    "prohibited", [medicine(doNotPerform=True), service("58410-2", "http://loinc.org", doNotPerform=True)]
)
def test_what_is_not_to_be_done_is_no_line_to_execute(prohibited: dict) -> None:
    assert alerts(prohibited)["do-not-perform"] == "blocking"


def test_a_quantity_has_a_value_and_what_is_said_of_a_device_is_said_once() -> None:
    thing = device(line_renewals=("UnsignedInt", 0), line_quantity=("Quantity", {"unit": "pansement"}))
    assert serious(thing) == {"quantity": "blocking"}
    thing = device(line_renewals=("UnsignedInt", 0))
    assert serious({**thing, "extension": thing["extension"] * 2}) == {"quantity": "blocking"}
    assert serious(service("AMK 8", "urn:fhirserver:CodeSystem:ngap", quantityQuantity={"unit": "séance"})) == {
        "quantity": "blocking"
    }
