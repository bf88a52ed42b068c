"""`$check-prescription` reads what an editor has so far, and says what is wrong with it; so does a push."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhirserver.demo import ordonnance, people
from tests.http.conftest import Client, issue
from tests.http.prescription.conftest import issue as issued_by
from tests.http.prescription.conftest import parameters


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
