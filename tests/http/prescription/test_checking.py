"""`$check-prescription` reads what an editor has so far, and says what is wrong with it; so does a push."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhirserver.demo import ordonnance, people
from tests.http.conftest import Client, issue
from tests.http.prescription.conftest import dispense, parameters, task_of
from tests.http.prescription.conftest import issue as issued_by


def unsent() -> dict[str, Any]:
    """The demonstration's ordonnance, without a group: no other push is the same."""
    bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC) - timedelta(minutes=1))
    for entry in bundle["entry"][2:]:
        for element in ("groupIdentifier", "requisition"):
            entry["resource"].pop(element, None)
    return bundle


def test_every_line_of_a_bundle_without_full_urls_is_checked(prescriber: Client) -> None:
    bundle = unsent()
    orders = [entry["resource"] for entry in bundle["entry"][2:]]
    for order in orders:
        order["authoredOn"] = "2099-01-01"
    answer = prescriber.post(
        "$check-prescription",
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order} for order in orders]},
    )
    assert answer.status_code == 200, answer.text
    rules = [each["part"][0]["valueCode"] for each in answer.json()["parameter"] if each["name"] == "alert"]
    assert rules.count("future-date") == len(orders)


@pytest.mark.parametrize("operation", ["", "$check-prescription", "$issue-prescription"])
@pytest.mark.parametrize(
    ("at", "element", "wrong"),
    [
        (0, "name", ["Dupont"]),
        (0, "birthDate", {}),
        (1, "telecom", "0102030405"),
        (1, "identifier", [[]]),
        (1, "qualification", [{"code": "10"}]),
        (2, "intent", ["order"]),
        (2, "groupIdentifier", []),
        (2, "dosageInstruction", {"text": "matin"}),
    ],
)
def test_an_element_of_the_wrong_json_type_is_refused_by_name(
    operation: str, at: int, element: str, wrong: Any, prescriber: Client
) -> None:
    bundle = unsent()
    bundle["entry"][at]["resource"][element] = wrong
    bundle["entry"][at]["request"].pop("ifNoneExist", None)
    answer = prescriber.post(operation, bundle)
    assert answer.status_code == 400, answer.text
    assert element in issue(answer)["expression"][0]


@pytest.mark.parametrize("coding", [{"code": {"x": 1}}, {"code": "error", "display": {}}, {"code": "error", "x": 1}])
def test_a_reason_that_is_not_fhir_does_not_enter_a_task(coding: dict[str, Any], prescriber: Client) -> None:
    issued = issued_by(prescriber)
    given = parameters(number=issued.number)
    given["parameter"].append({"name": "reason", "valueCodeableConcept": {"coding": [coding]}})
    refused = prescriber.post("$cancel", given)
    assert refused.status_code == 400, refused.text
    assert issue(refused)["expression"][0].startswith("Parameters.parameter[1].value")
    assert prescriber.get(issued.reference("MedicationRequest")).json()["status"] == "active"


@pytest.mark.parametrize("url", [["urn:uuid:1"], {}, 1])
def test_a_full_url_that_is_no_text_links_nothing(url: Any, prescriber: Client) -> None:
    bundle = unsent()
    bundle["entry"][3]["fullUrl"] = url
    assert prescriber.post("$check-prescription", bundle).status_code == 200


def test_an_observation_that_comes_along_is_read_before_it_is_used(prescriber: Client) -> None:
    line = copy.deepcopy(unsent()["entry"][2]["resource"])
    weight = {"resourceType": "Observation", "status": "final", "code": "29463-7"}
    answer = prescriber.post("$check-prescription", parameters(line=line, observation=weight))
    assert answer.status_code == 400, answer.text
    assert issue(answer)["expression"] == ["Observation.code"]


def _for_a_child(named: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A dose by weight for a child of four; the line names what it is counted by."""
    bundle = unsent()
    patient, line = bundle["entry"][0], bundle["entry"][2]["resource"]
    del bundle["entry"][3:]
    patient["resource"]["birthDate"] = f"{datetime.now(UTC).year - 4}-01-01"
    patient["resource"]["identifier"][0]["value"] = people.ins(f"{uuid.uuid4().int % 10**13:013d}")
    patient["request"]["ifNoneExist"] = f"identifier={patient['resource']['identifier'][0]['value']}"
    line["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"] = {"value": 15, "unit": "mg/kg"}
    line["dispenseRequest"]["quantity"] = {"value": 15000, "unit": "mg"}
    line["supportingInformation"] = [named]
    line.update(more)
    return bundle


def _weight(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "valueQuantity": {"value": 16, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        **more,
    }


def test_the_weight_of_a_child_may_be_known_already_or_stand_in_the_line(prescriber: Client, operator: Client) -> None:
    contained = _for_a_child({"reference": "#poids"}, contained=[_weight(id="poids")])
    assert prescriber.post("", contained).status_code == 200
    missing = _for_a_child({"display": "poids à demander"})
    assert prescriber.post("", missing).status_code == 422
    patient = operator.post("Patient", missing["entry"][0]["resource"]).json()["id"]
    known = operator.post("Observation", _weight(subject={"reference": f"Patient/{patient}"})).json()["id"]
    missing["entry"][2]["resource"]["supportingInformation"] = [{"reference": f"Observation/{known}"}]
    issued = prescriber.post("", missing)
    assert issued.status_code == 200, issued.text
    other = _for_a_child({"reference": f"Observation/{known}"})
    refused = prescriber.post("", other)
    assert refused.status_code == 422, "somebody else's weight"


@pytest.mark.parametrize(
    ("at", "element", "value", "rule"),
    [(0, "value", "284058832102533", "ins"), (1, "value", f"8{people.DOCTOR_RPPS}", "requester")],
)
def test_an_ins_or_a_prescriber_that_a_push_would_refuse_is_told_before(
    at: int, element: str, value: str, rule: str, prescriber: Client
) -> None:
    bundle = unsent()
    bundle["entry"][at]["resource"]["identifier"][0][element] = value
    bundle["entry"][at]["request"].pop("ifNoneExist", None)
    answer = prescriber.post("$check-prescription", bundle)
    assert answer.status_code == 200, answer.text
    assert blocking(answer.json()) == {rule}
    assert prescriber.post("", bundle).status_code in (403, 422)


def blocking(told: dict[str, Any]) -> set[str]:
    found = [{part["name"]: part for part in each["part"]} for each in told["parameter"] if each["name"] == "alert"]
    return {one["rule"]["valueCode"] for one in found if one["level"]["valueCode"] == "blocking"}


def test_a_patient_who_is_but_named_in_words_is_refused(prescriber: Client) -> None:
    bundle = unsent()
    for entry in bundle["entry"][2:]:
        entry["resource"]["subject"] = {"display": "Mme Dupont"}
    refused = prescriber.post("", bundle)
    assert refused.status_code == 422, refused.text
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[2].resource.subject"]


def test_a_delivery_names_the_patient_whom_the_line_names_by_identifier(prescriber: Client, pharmacist: Client) -> None:
    known = {"identifier": {"system": people.INS_TEST, "value": people.PATIENT_INS}}

    def by_identifier(bundle: dict[str, Any]) -> None:
        del bundle["entry"][0]
        for entry in bundle["entry"][1:]:
            entry["resource"]["subject"] = known

    issued = issued_by(prescriber, by_identifier)
    task = task_of(pharmacist, issued.number)["id"]
    pharmacist.post(f"Task/{task}/$take", parameters())
    given = pharmacist.post("MedicationDispense", dispense(issued.reference("MedicationRequest"), 15000))
    assert given.status_code == 201, given.text
    assert given.json()["subject"] == known
