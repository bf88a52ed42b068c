"""The 89 example requests of the eprescription guide, from push to `$close`, but those that a rule refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.prescription import elements
from fhirserver.prescription.lines import paris_day
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import AsRole, another_pharmacist, parameters, state, task_of
from tests.http.prescription.french import guide

Json = dict[str, Any]

IN_WORDS = "prescription-in-words"
REFUSED = {
    # narcotics, of which nothing is written in words: CSP R5132-29
    "HAS-05b-Presc-ACTISKENAN": IN_WORDS,
    "HAS-15-Presc-Morphine": IN_WORDS,
    "HAS-31-Presc-DUROGESIC": IN_WORDS,
    "Presc-Fentanyl-patch72h-TL3j": IN_WORDS,
    "Presc-MATRIFEN-patch-TL72h": IN_WORDS,
    "TradPN13FHIR-Presc-Morphine-PCA": IN_WORDS,
    # codeine: measures of 1 March 2025
    "HAS-04b-Presc-DAFALGANCODEINE": IN_WORDS,
    "HAS-14-1-Presc-CODOLIPRANE": IN_WORDS,
    "Presc-CODOLIPRANE-MedCodeableConcept": IN_WORDS,
    "Presc-ParacetamolCodeine-500mg30mg": IN_WORDS,
}
"""Written by hand beforehand: each example that is refused, and the rule that refuses it."""
LONGER_THAN_A_MONTH = {
    "HAS-11-2-Presc-EVRA",
    "HAS-30-1-Presc-Hydrocortisone",
    "Presc-BISOPROLOL-SANDOZ-DosesRationnelles",
    "Presc-CLARADOL-TLMardisVendredis",
}
"""Written by hand beforehand: treatments of several months, of which one delivery brings a part (CSP R5132-12)."""
NOT_COMPUTABLE = "prescription-quantity-not-computable"

pytestmark = [
    pytest.mark.skipif(not guide.PACKAGE.exists(), reason="the eprescription package is not beside the project"),
    pytest.mark.wasteful("a whole guide through one server"),
]


def pushed(client: Client, bundle: Json) -> tuple[str | None, str | None]:
    """Push a transaction; return the number, or the rule that refuses it."""
    answer = client.send("POST", "", jsontext.write(bundle))
    if answer.status_code == 200:
        return answer.json()["identifier"]["value"], None
    assert answer.status_code == 422, answer.text
    issue = next(each for each in answer.json()["issue"] if each["severity"] == "error")
    return None, issue["details"]["coding"][0]["code"]


def due(task: Json, today: str) -> dict[str, Json | None]:
    """Return what each line may get today; None where it is not counted."""
    found = {}
    for entry in task["input"]:
        standing = next(elements.extensions(entry, elements.url("line-standing")))
        if elements.part(standing, "next-possible-date") == today:
            found[entry["valueReference"]["reference"]] = elements.part(standing, "next-quantity")
    return found


def handed_over(line: Json, quantity: Json | None, number: int, *, confirmed: bool = False) -> Json:
    """Return what a pharmacy records of a line: all that remains, or one box where that cannot be counted."""
    medicine = {name: line[name] for name in ("medicationCodeableConcept", "medicationReference") if name in line}
    body: Json = {
        "resourceType": "MedicationDispense",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.7", "value": f"{line['id']}-{number}"}],
        "status": "completed",
        **medicine,
        "subject": line["subject"],
        "authorizingPrescription": [{"reference": f"MedicationRequest/{line['id']}"}],
        "quantity": quantity or {"value": 1, "unit": "boîte"},
        "whenHandedOver": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if confirmed:
        parts = [{"url": "rule", "valueCode": "quantity-not-computable"}, {"url": "reason", "valueString": "une boîte"}]
        body["extension"] = [{"url": elements.url("confirmed-alert"), "extension": parts}]
    return body


def executed(pharmacist: Client, number: str) -> str:
    """Find, take, deliver what may be delivered today, and close; return the state that this leads to."""
    where, today = f"Task/{task_of(pharmacist, number)['id']}", paris_day(datetime.now(UTC)).isoformat()
    task = pharmacist.post(f"{where}/$take", parameters()).json()
    for turn in range(4):
        lines = due(task, today)  # of alternatives, the first that is delivered closes the others
        if not lines:
            break
        reference, quantity = next(iter(lines.items()))
        line = pharmacist.get(reference).json()
        answer = pharmacist.post(f"{where}/$dispense", parameters(dispense=handed_over(line, quantity, turn)))
        if quantity is None:
            assert answer.status_code == 422, answer.text
            assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == NOT_COMPUTABLE
            body = handed_over(line, quantity, turn, confirmed=True)
            answer = pharmacist.post(f"{where}/$dispense", parameters(dispense=body))
        assert answer.status_code == 200, f"{reference}: {answer.text}"
        task = answer.json()["parameter"][0]["resource"]
    assert not due(task, today), "what may be delivered today was delivered"
    closed = pharmacist.post(f"{where}/$close", parameters())
    assert closed.status_code == 200, closed.text
    return state(closed.json()["parameter"][0]["resource"])


@pytest.mark.parametrize(("editor_of", "count"), [("prescriber", 47), ("hospital", 42)])
def test_the_examples_go_from_push_to_close_but_those_listed_with_their_rule(
    editor_of: str, count: int, as_role: AsRole, server: Server
) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    editor, pharmacist = as_role(editor_of), another_pharmacist(server)
    of_city = editor_of == "prescriber"
    chosen = {name: found for name, found in guide.examples() if guide.in_the_city(found) is of_city}
    assert sum(len(guide.requests(found)) for found in chosen.values()) == count
    refused, ended = {}, {}
    for name, resources in chosen.items():
        bundle = guide.transaction(name, resources, now)
        number, rule = pushed(editor, bundle)
        if rule is not None:
            refused[name] = rule
            number, rule = pushed(editor, guide.written_in_words(bundle))
        assert number is not None, (name, rule)
        ended[name] = executed(pharmacist, number)
    assert refused == {name: rule for name, rule in REFUSED.items() if name in chosen}
    assert ended == {name: "partly-executed" if name in LONGER_THAN_A_MONTH else "executed" for name in chosen}
