"""Lines that end before their Task, or with it, tell truly how they ended and what remains."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from fhirserver.prescription import elements
from fhirserver.prescription.elements import Flag
from tests.unit.workflow.life.server import Clock, InProcess, Json, execution, push

_MORPHINE = {"coding": [{"system": "http://www.whocc.no/atc", "code": "N02AA01"}], "text": "Morphine 10 mg"}
_WORDS = {"strength": "dix milligrammes", "dose": "un comprimé", "intakes": "une fois par jour"}


def _issued(server: InProcess, bundle: Json) -> tuple[str, list[str]]:
    """Return number and lines of a prescription that pharmacy A found."""
    status, answer = server.send("prescriber", "POST", "", bundle)
    assert status == 200, answer
    number = answer["identifier"]["value"]
    lines = ["/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer["entry"]][2:]
    return number, lines


def _pushed(server: InProcess, *kinds: str) -> tuple[str, list[str]]:
    return _issued(server, push(list(kinds), Clock.present, None))


def _task(server: InProcess, number: str) -> Json:
    found = server.operate("operator", "$find-prescription", number=number)[1]["entry"]
    task: Json = next(entry["resource"] for entry in found if entry["resource"]["resourceType"] == "Task")
    return task


def _standing(task: Json, line: str) -> dict[str, Any]:
    (entry,) = [each for each in task["input"] if each["valueReference"]["reference"] == line]
    (standing,) = elements.extensions(entry, elements.url("line-standing"))
    return {part["url"]: part for part in standing["extension"]}


def _given(server: InProcess, number: str, line: str, count: int) -> None:
    """Have pharmacy A take the prescription and deliver, without closing."""
    assert server.operate("pharmacy-a", "$take", number=number)[0] == 200
    body = execution(line, str(uuid.uuid4()), Clock.present, count, confirmed=False)
    assert server.send("pharmacy-a", "POST", "MedicationDispense", body)[0] == 201


def test_of_a_line_that_was_cancelled_the_task_says_that_nothing_remains_to_be_delivered(server: InProcess) -> None:
    number, (first, second) = _pushed(server, "single", "renewed")
    for line in (first, second):
        assert server.operate("prescriber", "$cancel", number=number, line=line, reason="other")[0] == 200
        told = _standing(_task(server, number), line)
        assert told["finished"]["valueBoolean"] is True
        assert told.keys().isdisjoint({"remaining", "next-possible-date", "next-quantity"})
        assert _standing(_task(server, number), second)["finished"]["valueBoolean"] is (line == second)


def test_of_a_prescription_that_was_replaced_the_task_says_that_nothing_remains_to_be_delivered(
    server: InProcess,
) -> None:
    number, (line,) = _pushed(server, "renewed")
    new = push(["single"], Clock.present, None)
    assert server.operate("prescriber", "$replace", number=number, bundle=new)[0] == 200
    assert _standing(_task(server, number), line)["finished"]["valueBoolean"] is True


def test_a_narcotic_of_which_nothing_was_delivered_is_not_completed_by_the_days_that_passed(server: InProcess) -> None:
    bundle = push(["single"], Clock.present, None)
    line = bundle["entry"][2]["resource"]
    line["medicationCodeableConcept"] = _MORPHINE
    days = {"value": 28, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}
    line["dispenseRequest"] = {"numberOfRepeatsAllowed": 0, "expectedSupplyDuration": days}
    line["extension"] = [
        {
            "url": elements.url("in-words"),
            "extension": [{"url": part, "valueString": text} for part, text in _WORDS.items()],
        }
    ]
    elements.set_flag(line, Flag.SECURED)
    number, (reference,) = _issued(server, bundle)
    Clock.present += timedelta(days=100)
    assert _task(server, number)["businessStatus"]["coding"][0]["code"] == "expired"
    assert server.stored([reference])[reference]["status"] == "stopped"


def test_a_line_that_was_delivered_whole_is_not_cancelled_though_nobody_closed(server: InProcess) -> None:
    number, (whole, other) = _pushed(server, "single", "renewed")
    _given(server, number, whole, 30)
    Clock.present += timedelta(hours=3)
    status, answer = server.operate("prescriber", "$cancel", number=number, line=whole, reason="other")
    assert status == 409, answer
    assert server.operate("prescriber", "$cancel", number=number, line=other, reason="other")[0] == 200
    assert {name: each["status"] for name, each in server.stored([whole, other]).items()} == {
        whole: "completed",
        other: "cancelled",
    }
    assert _task(server, number)["businessStatus"]["coding"][0]["code"] == "stopped"
