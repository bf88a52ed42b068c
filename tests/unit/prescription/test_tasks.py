"""The Task of a prescription: what it says, and what is read back from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import Unprocessable
from fhirserver.prescription import issuing, lines, number
from fhirserver.prescription.execution.quantities import Amount
from fhirserver.prescription.execution.standing import Delivered
from fhirserver.prescription.executor import Executor
from fhirserver.prescription.issuing import Sent
from fhirserver.prescription.professions import Kind
from fhirserver.prescription.rules.outcomes import Outcome
from fhirserver.prescription.rules.tables import shipped
from fhirserver.prescription.states import State
from fhirserver.prescription.tasks import Hold, View

ROOT = "urn:oid:2.25.1"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
TODAY = date(2026, 3, 2)


def medicine(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "requester": {"reference": "Practitioner/1"},
        "authoredOn": "2026-03-02",
        "groupIdentifier": {"system": "urn:editor", "value": "1"},
        "medicationCodeableConcept": {"text": "x"},
        "dispenseRequest": {"quantity": {"value": 30, "unit": "comprimé"}, "numberOfRepeatsAllowed": 0},
        **more,
    }


def biology() -> dict[str, Any]:
    body = medicine(
        resourceType="ServiceRequest",
        category=[{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}],
    )
    for name in ("groupIdentifier", "medicationCodeableConcept", "dispenseRequest"):
        del body[name]
    return {**body, "requisition": {"system": "urn:editor", "value": "1"}, "code": {"text": "NFS"}}


def sent(*resources: dict[str, Any]) -> list[Sent]:
    return [
        Sent(lines.read(each, f"Bundle.entry[{at}].resource"), f"{each['resourceType']}/{at}", at)
        for at, each in enumerate(resources)
    ]


def planned(*resources: dict[str, Any]) -> issuing.Plan:
    (prescription,) = issuing.prescriptions(sent(*resources), ROOT)
    return issuing.plan(prescription, number.issue(), ROOT, None, NOW, shipped())


def test_lines_of_one_group_become_one_prescription_with_a_task_of_each_kind() -> None:
    plan = planned(medicine(), medicine(), biology())
    assert set(plan.tasks) == {Kind.PHARMACY, Kind.LABORATORY}
    assert len(View(plan.tasks[Kind.PHARMACY]).lines) == 2
    assert plan.resources[0]["groupIdentifier"] == plan.resources[2]["requisition"]
    assert plan.resources[0]["identifier"] == [{"system": "urn:editor", "value": "1"}]


def test_groups_are_prescriptions_of_their_own_and_lines_without_one_belong_together() -> None:
    other = medicine(groupIdentifier={"system": "urn:editor", "value": "2"})
    bare = medicine()
    del bare["groupIdentifier"]
    assert [len(each.sent) for each in issuing.prescriptions(sent(medicine(), other, bare, bare), ROOT)] == [1, 1, 2]


@pytest.mark.parametrize("element", ["subject", "requester"])
def test_a_line_of_another_patient_or_prescriber_is_refused_by_its_element(element: str) -> None:
    stranger = medicine(**{element: {"reference": "Patient/2"}})
    with pytest.raises(Unprocessable) as refused:
        issuing.prescriptions(sent(medicine(), stranger), ROOT)
    assert refused.value.issues[0].expression == f"Bundle.entry[1].resource.{element}"


def test_a_number_of_ours_is_not_an_editors_to_give() -> None:
    with pytest.raises(Unprocessable):
        issuing.prescriptions(sent(medicine(groupIdentifier={"system": ROOT, "value": "1"})), ROOT)


def test_what_is_no_live_order_is_not_issued() -> None:
    assert issuing.is_order(medicine())
    assert not issuing.is_order(medicine(status="draft"))
    assert not issuing.is_order(medicine(intent="plan"))
    assert not issuing.is_order({**medicine(), "resourceType": "Task"})


def test_a_task_remembers_its_holder_and_its_deliveries_exactly() -> None:
    task = planned(medicine()).tasks[Kind.PHARMACY]
    view = View(task)
    hold = Hold(Executor("1", "2").key, NOW, NOW + timedelta(hours=2), recorded=True, first=3)
    view.give(hold, {"display": "x"})
    assert view.hold == hold
    view.give(None)
    assert view.hold is None
    assert "owner" not in task
    delivered = Delivered(TODAY, Amount(Decimal("0.10"), "comprimé"), Outcome.AS_IS, 1)
    view.add("MedicationDispense/1", view.lines[0], delivered)
    assert view.delivered(view.lines[0]) == (delivered,)
    assert view.executed
    assert view.withdraw("MedicationDispense/1")
    assert not view.delivered()
    assert not view.withdraw("MedicationDispense/1")


def test_a_task_says_what_remains_of_each_line() -> None:
    (prescription,) = issuing.prescriptions(sent(medicine()), ROOT)
    task = issuing.plan(prescription, number.issue(), ROOT, None, NOW, shipped()).tasks[Kind.PHARMACY]
    view = View(task)
    by_reference = {each.reference: each.line for each in prescription.sent}
    view.add("MedicationDispense/1", view.lines[0], Delivered(TODAY, Amount(Decimal(12), "comprimé")))
    standing = view.stand(by_reference, shipped(), TODAY)[view.lines[0]]
    assert standing.remaining is not None
    assert standing.remaining.value == 18
    assert view.state is State.ISSUED
