"""Acts: imaging, biology and care, executed by those whose profession prescribes as well."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.prescription import elements
from tests.http.conftest import Client, Server
from tests.http.prescription.conftest import find, issue, parameters, task_of

CCAM = "https://smt.esante.gouv.fr/terminologie-ccam"


def professional(server: Server, profession: str, **claims: Any) -> Client:
    """A professional whom no other test knows."""
    number = people.rpps(f"1{uuid.uuid4().int % 10**9:09d}")
    named = {"rpps": number, "structure": f"1{uuid.uuid4().int % 10**9:09d}", **claims}
    return Client(server, server.token("nurse", profession=profession, **named))


def act(code: str, title: str, *flags: elements.Flag, **more: Any) -> Callable[[dict[str, Any]], None]:
    """Leave one act in an ordonnance."""

    def change(bundle: dict[str, Any]) -> None:
        bundle["entry"] = [*bundle["entry"][:2], bundle["entry"][-1]]
        line = bundle["entry"][2]["resource"]
        del line["category"]
        line |= {"code": {"coding": [{"system": CCAM, "code": code}], "text": title}, **more}
        for flag in flags:
            elements.set_flag(line, flag)

    return change


def report(line: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:oid:1.2.250.1.999.8", "value": str(uuid.uuid4())}],
        "basedOn": [{"reference": line}],
        "status": "final",
        "code": {"text": "Compte rendu"},
        **more,
    }


@pytest.mark.parametrize("flag", [elements.Flag.OPPOSITION, elements.Flag.PREGNANCY_TERMINATION])
def test_a_doctor_executes_by_its_number_what_other_prescribers_do_not_see(
    flag: elements.Flag, server: Server, prescriber: Client
) -> None:
    issued = issue(prescriber, act("JNQM001", "Échographie de datation", flag))
    line, doctor, other = issued.reference("ServiceRequest"), professional(server, "10"), professional(server, "10")
    task = f"Task/{task_of(doctor, issued.number, 'imaging')['id']}"
    assert doctor.post(f"{task}/$take", parameters()).status_code == 200
    given = doctor.post("DiagnosticReport", report(line))
    assert given.status_code == 201, given.text
    made = f"DiagnosticReport/{given.json()['id']}"
    assert doctor.post(f"{task}/$close", parameters()).status_code == 200
    assert [doctor.get(each).status_code for each in (task, made)] == [200, 200]
    assert doctor.get(f"DiagnosticReport?based-on={line}").json()["total"] == 1
    assert [other.get(each).status_code for each in (task, made)] == [404, 404]
    find(prescriber, issued.number)
    sees = 200 if flag is elements.Flag.PREGNANCY_TERMINATION else 404
    assert prescriber.get(made).status_code == sees, "the patient opposed that he sees the execution"
    assert prescriber.get(f"DiagnosticReport?based-on={line}").json()["total"] == (sees == 200)
