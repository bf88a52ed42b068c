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

LABORATORY = [{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}]
NURSING = [{"coding": [{"system": "http://snomed.info/sct", "code": "9632001"}]}]
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
        line.pop("category")
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


def test_a_midwife_takes_imaging_that_holds_an_ultrasound_of_hers_and_executes_that_line_alone(
    server: Server, prescriber: Client
) -> None:
    def two(bundle: dict[str, Any]) -> None:
        act("JNQM001", "Échographie de datation")(bundle)
        entry = bundle["entry"][2]
        code = {"coding": [{"system": CCAM, "code": "ZCQH001"}], "text": "Scanner abdominopelvien"}
        bundle["entry"].append({**entry, "fullUrl": uuid.uuid4().urn, "resource": {**entry["resource"], "code": code}})

    issued, midwife, dentist = issue(prescriber, two), professional(server, "50"), professional(server, "40")
    task = task_of(midwife, issued.number, "imaging")
    assert {each["coding"][0]["code"] for each in task["performerType"]} == {"10", "50", "98"}
    assert dentist.post(f"Task/{task['id']}/$take", parameters()).status_code == 403
    assert midwife.post("$take", parameters(number=issued.number)).status_code == 200
    ultrasound, scanner = (issued.reference("ServiceRequest", at) for at in (0, 1))
    refused = midwife.post("DiagnosticReport", report(scanner))
    assert refused.status_code == 403, refused.text
    assert "Scanner abdominopelvien" in refused.text
    assert midwife.post("DiagnosticReport", report(ultrasound)).status_code == 201
    assert midwife.post(f"Task/{task['id']}/$close", parameters()).status_code == 200
    radiologist = professional(server, "10")
    assert radiologist.post("$take", parameters(number=issued.number)).status_code == 200
    assert radiologist.post("DiagnosticReport", report(scanner)).status_code == 201


@pytest.mark.parametrize("flag", [elements.Flag.OPPOSITION, elements.Flag.PREGNANCY_TERMINATION])
def test_what_was_found_is_hidden_as_the_report_that_tells_of_it(
    flag: elements.Flag, server: Server, prescriber: Client
) -> None:
    issued, other = issue(prescriber, act("1104", "Bêta-hCG", flag, category=LABORATORY)), professional(server, "10")
    laboratory = Client(server, server.token("laboratory", structure=f"1{uuid.uuid4().int % 10**9:09d}"))
    line = issued.reference("ServiceRequest")
    measured = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Bêta-hCG"},
        "subject": {"reference": issued.reference("Patient")},
        "valueString": "1200 UI/L",
    }
    named = {**measured, "basedOn": [{"reference": line}]}
    task = f"Task/{task_of(laboratory, issued.number, 'laboratory')['id']}"
    assert laboratory.post(f"{task}/$take", parameters()).status_code == 200
    alone = laboratory.post("Observation", named)
    assert alone.status_code == 201, alone.text
    cited = uuid.uuid4().urn
    entries = [(cited, measured), (uuid.uuid4().urn, report(line, result=[{"reference": cited}]))]
    pushed = laboratory.post(
        "",
        {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
                for url, one in entries
            ],
        },
    )
    assert pushed.status_code == 200, pushed.text
    location = pushed.json()["entry"][0]["response"]["location"]
    found = [f"Observation/{alone.json()['id']}", "/".join(location.split("/")[-4:-2])]
    search = "Observation?_id=" + ",".join(each.partition("/")[2] for each in found)
    knows = flag is elements.Flag.PREGNANCY_TERMINATION
    for client, sees in ((laboratory, True), (prescriber, knows), (other, False)):
        assert [client.get(each).status_code for each in found] == [200 if sees else 404] * 2
        assert client.get(search).json()["total"] == (2 if sees else 0)
    corrected = {**alone.json(), "status": "corrected"}
    bare = {name: content for name, content in corrected.items() if name != "basedOn"}
    assert laboratory.put(found[0], bare).status_code == 405
    assert laboratory.put(found[0], corrected).status_code == 200
    assert other.get(found[0]).status_code == 404


def test_a_corrected_report_stands_beside_the_first_and_executes_nothing_anew(
    server: Server, prescriber: Client
) -> None:
    issued = issue(prescriber, act("5201", "ECBU", category=LABORATORY))
    place = f"1{uuid.uuid4().int % 10**9:09d}"
    laboratory, other = (
        Client(server, server.token("laboratory", structure=each)) for each in (place, f"{int(place) - 1}")
    )
    line = issued.reference("ServiceRequest")
    for each in (other, laboratory):
        task = f"Task/{task_of(each, issued.number, 'laboratory')['id']}"
    assert laboratory.post(f"{task}/$take", parameters()).status_code == 200
    unfinished = laboratory.post("DiagnosticReport", report(line, status="preliminary"))
    assert "sans nommer la ligne" in unfinished.text
    assert laboratory.post("DiagnosticReport", report(line)).status_code == 201
    assert laboratory.post(f"{task}/$close", parameters()).status_code == 200
    assert other.post("DiagnosticReport", report(line, status="corrected")).status_code in (409, 412)
    for status in ("corrected", "amended"):
        changed = laboratory.post("DiagnosticReport", report(line, status=status))
        assert changed.status_code == 201, changed.text
    assert len(prescriber.get(f"DiagnosticReport?based-on={line}").json()["entry"]) == 3
    told = laboratory.post("$history-of-prescription", parameters(number=issued.number)).text
    assert told.count("résultat corrigé") == 2
    assert prescriber.get(line).json()["status"] == "completed"


def test_what_a_practice_holds_its_nurses_execute_without_finding_it_again(server: Server, prescriber: Client) -> None:
    def injections(bundle: dict[str, Any]) -> None:
        act("x", "Injection", quantityQuantity={"value": 4, "unit": "acte"}, category=NURSING)(bundle)

    issued, practice = issue(prescriber, injections), f"1{uuid.uuid4().int % 10**9:09d}"
    nurse, colleague = (professional(server, "60", structure=practice) for _ in range(2))
    line, task = issued.reference("ServiceRequest"), task_of(nurse, issued.number, "nursing")["id"]
    done = {"resourceType": "Procedure", "status": "completed", "basedOn": [{"reference": line}]}
    done |= {"subject": {"reference": issued.reference("Patient")}, "code": {"text": "Injection"}}
    done["identifier"] = [{"system": "urn:oid:1.2.250.1.999.8", "value": str(uuid.uuid4())}]
    assert colleague.post("Procedure", done).status_code == 404
    assert nurse.post(f"Task/{task}/$take", parameters()).status_code == 200
    assert colleague.post("Procedure", done).status_code == 201
    assert colleague.get(f"Task?_id={task}").json()["total"] == 1
    closed = [each.post(f"Task/{task}/$close", parameters()) for each in (colleague, nurse)]
    assert [each.status_code for each in closed] == [200, 200], "a lost answer is the practice's to recover"
    assert closed[0].json()["parameter"][1] == closed[1].json()["parameter"][1]
    stranger = professional(server, "60")
    assert [stranger.get(each).status_code for each in (f"Task/{task}", line)] == [404, 404]


def test_of_several_lines_an_execution_tells_only_what_holds_for_all(server: Server, prescriber: Client) -> None:
    def two(bundle: dict[str, Any]) -> None:
        act("1104", "NFS", category=LABORATORY)(bundle)
        entry = bundle["entry"][2]
        thrice = {**entry["resource"], "quantityQuantity": {"value": 3, "unit": "dosage"}}
        bundle["entry"].append({**entry, "fullUrl": uuid.uuid4().urn, "resource": thrice})

    issued, laboratory = issue(prescriber, two), Client(server, server.token("laboratory"))
    assert laboratory.post("$take", parameters(number=issued.number)).status_code == 200
    once, thrice = (issued.reference("ServiceRequest", at) for at in (0, 1))
    of_both = laboratory.post(
        "DiagnosticReport", report(once, basedOn=[{"reference": each} for each in (once, thrice)])
    )
    assert [each["valueCode"] for each in of_both.json()["extension"]] == ["as-is"]
    assert "remaining-quantity" in laboratory.post("DiagnosticReport", report(thrice)).text


def test_an_act_and_its_report_are_one_execution(server: Server, prescriber: Client) -> None:
    for together in (True, False):
        issued, doctor = issue(prescriber, act("NFQK001", "Radiographie du genou")), professional(server, "10")
        line = issued.reference("ServiceRequest")
        task = doctor.post("$take", parameters(number=issued.number)).json()["id"]
        done = {name: content for name, content in report(line).items() if name != "identifier"}
        done |= {"resourceType": "Procedure", "status": "completed", "identifier": [{"value": uuid.uuid4().hex}]}
        done["subject"] = {"reference": issued.reference("Patient")}
        parts = [report(line), done]
        if together:
            entries = [{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in parts]
            pushed = doctor.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert pushed.status_code == 200, pushed.text
        else:
            assert doctor.post("Procedure", done).status_code == 201
        assert doctor.post(f"Task/{task}/$close", parameters()).status_code == 200
        if not together:
            assert doctor.post("DiagnosticReport", parts[0]).status_code == 201, "written the day after"
        assert doctor.post("DiagnosticReport", report(line)).status_code == 409
