import json
from datetime import date, datetime

from fhirserver import jsontext
from fhirserver.demo import ordonnance, people
from fhirserver.issues import Text
from fhirserver.prescription import elements, lines
from fhirserver.prescription.alerts import Alert, Level, parameters
from fhirserver.prescription.checking import check, issues, refusals
from fhirserver.prescription.facts import Facts, patient_facts, prescriber_facts
from tests.unit.prescription.building import ADULT, DOCTOR, medicine

ON = date(2026, 1, 5)
FACTS = Facts(ON, ADULT, DOCTOR)


def glp1() -> dict:
    return medicine("A10BJ06")


def confirm(request: dict, rule: str, reason: str) -> dict:
    parts = [{"url": "rule", "valueCode": rule}, {"url": "reason", "valueString": reason}]
    return {**request, "extension": [{"url": elements.url("confirmed-alert"), "extension": parts}]}


def test_blocking_alerts_come_first() -> None:
    found = check([lines.read(glp1()), lines.read(medicine(dosageInstruction=[]))], FACTS)
    assert [alert.level for alert in found] == [Level.BLOCKING, Level.CONFIRM]


def test_an_alert_names_the_element_in_what_was_sent_and_its_legal_source() -> None:
    bundle = {"entry": [{"resource": {"resourceType": "Patient"}}, {"resource": medicine(lasting=None)}]}
    (alert,) = check(lines.read_all(bundle), FACTS)
    assert alert.expression == "Bundle.entry[1].resource.dispenseRequest"
    assert alert.source == "CSP R5132-3"


def test_a_blocking_alert_refuses_and_one_to_confirm_until_it_is() -> None:
    assert [issue.rule for issue in refusals([lines.read(medicine(lasting=None))], FACTS)] == [
        "prescription-duration-or-quantity"
    ]
    (issue,) = refusals([lines.read(glp1())], FACTS)
    assert issue.rule == "prescription-accompaniment-form"
    assert "confirmed-alert" in issue.text.en
    assert refusals([lines.read(confirm(glp1(), "accompaniment-form", "refus du patient"))], FACTS) == []


def test_a_confirmation_without_a_reason_or_of_another_rule_is_none() -> None:
    for request in (confirm(glp1(), "accompaniment-form", " "), confirm(glp1(), "weight", "pesé")):
        assert len(refusals([lines.read(request)], FACTS)) == 1


def test_what_is_confirmed_on_one_line_is_not_so_on_another() -> None:
    one, other = lines.read(confirm(glp1(), "accompaniment-form", "refus du patient")), lines.read(glp1())
    assert len(refusals([one, other], FACTS)) == 1
    assert refusals([one, one], FACTS) == []


def test_a_blocking_alert_cannot_be_confirmed() -> None:
    request = confirm(medicine(lasting=None), "duration-or-quantity", "inconnue")
    assert len(refusals([lines.read(request)], FACTS)) == 1


def test_a_confirmed_alert_is_still_said() -> None:
    sent = [lines.read(confirm(glp1(), "accompaniment-form", "refus du patient"))]
    (issue,) = issues(check(sent, FACTS))
    assert issue.severity == "warning"
    assert not issue.refuses


def test_the_answer_is_parameters_with_each_alert_in_both_languages() -> None:
    alert = Alert("weight", Level.BLOCKING, Text("Poids.", "Weight."), "MedicationRequest", "CSP R5132-3")
    answer = parameters([alert], {"resourceType": "OperationOutcome", "issue": []})
    assert json.loads(json.dumps(answer))["parameter"] == [
        {"name": "return", "resource": {"resourceType": "OperationOutcome", "issue": []}},
        {
            "name": "alert",
            "part": [
                {"name": "rule", "valueCode": "weight"},
                {"name": "level", "valueCode": "blocking"},
                {"name": "text", "valueString": "Poids."},
                {"name": "text-en", "valueString": "Weight."},
                {"name": "expression", "valueString": "MedicationRequest"},
                {"name": "source", "valueString": "CSP R5132-3"},
            ],
        },
    ]


def test_no_lines_give_no_alerts_of_lines() -> None:
    assert check([], FACTS) == []


def test_the_demonstrations_ordonnance_is_not_refused() -> None:
    bundle = jsontext.read(jsontext.write(ordonnance.bundle(people.PRESCRIBER_RPPS, _now())))
    sent = {entry["resource"]["resourceType"]: entry["resource"] for entry in bundle["entry"]}
    prescriber = prescriber_facts(sent["Practitioner"], profession="10")
    facts = Facts(_now().date(), patient_facts(sent["Patient"]), prescriber)
    assert refusals(lines.read_all(bundle), facts) == []


def _now() -> datetime:
    return datetime(2026, 6, 1, 12, tzinfo=lines.PARIS)
