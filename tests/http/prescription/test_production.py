"""A server of production, whose operator lets patients read: test identities are refused, and each reads his own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from fhirserver.access import ins
from fhirserver.demo import people
from fhirserver.prescription import elements
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, start, stop
from tests.http.conftest import issue as first_issue
from tests.http.prescription.conftest import issue, of, parameters, push, task_of


@pytest.fixture(scope="module")
def production(mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running, process = start(
        tmp_path_factory.mktemp("production"),
        mongod.uri,
        database="production",
        profile_policy="base",
        mode="production",
        demo_issuer="on",
        patient_reads_prescriptions="on",
        workers="1",
    )
    yield running
    stop(process)


def test_a_test_ins_is_refused_and_named_while_a_real_one_is_issued(production: Server) -> None:
    prescriber = Client(production, production.token("prescriber"))
    refused = push(prescriber, of(people.INS_TEST, people.PATIENT_INS))
    assert refused.status_code == 422, refused.text
    told = first_issue(refused)
    assert told["expression"] == ["Bundle.entry[2].resource.subject"]
    assert "INS de test" in told["details"]["text"]
    assert issue(prescriber, of(ins.NIR, people.PATIENT_INS)).number


def test_a_patient_reads_his_own_by_his_token_and_nobody_elses_nor_by_number(production: Server) -> None:
    prescriber = Client(production, production.token("prescriber"))
    own = {"system": ins.NIR, "value": people.ins("1850578006084")}
    other = {"system": ins.NIR, "value": people.ins("2850578006084")}
    issued = issue(prescriber, of(own["system"], own["value"]))
    patient = Client(production, production.token("patient", ins=own))
    line = issued.reference("MedicationRequest")
    task = task_of(Client(production, production.token("operator")), issued.number)
    assert patient.get(line).status_code == 200
    assert patient.get(f"Task/{task['id']}").status_code == 200
    printed = next(each for each in task["output"] if each["type"]["coding"][0]["code"] == "print")
    printed = printed["valueReference"]["reference"]
    until = time.monotonic() + 60
    while (shown := patient.get(printed, Accept="application/pdf")).status_code == 404 and time.monotonic() < until:
        time.sleep(0.1)
    assert shown.content.startswith(b"%PDF-"), shown.text
    found = patient.get("MedicationRequest").json()["entry"]
    assert line.partition("/")[2] in {entry["resource"]["id"] for entry in found}
    assert patient.post("$find-prescription", parameters(number=issued.number)).status_code == 403
    stranger = Client(production, production.token("patient", ins=other))
    assert stranger.get(line).status_code == 404
    assert stranger.get(f"Task/{task['id']}").status_code == 404
    assert stranger.get(printed).status_code == 404


def test_a_representative_reads_a_minors_prescriptions_but_those_of_his_secret(production: Server) -> None:
    prescriber = Client(production, production.token("prescriber"))
    minor = {"system": ins.NIR, "value": people.ins("2110588321034")}

    def young(bundle: dict[str, Any]) -> None:
        of(minor["system"], minor["value"])(bundle)
        bundle["entry"][0]["resource"]["birthDate"] = f"{datetime.now(UTC).year - 15}-05-17"
        del bundle["entry"][3:]

    def secret(bundle: dict[str, Any]) -> None:
        young(bundle)
        elements.set_flag(bundle["entry"][2]["resource"], elements.Flag.MINOR_SECRET)

    told, hidden = (issue(prescriber, each).reference("MedicationRequest") for each in (young, secret))
    own = Client(production, production.token("patient", ins=minor))
    father = Client(production, production.token("patient", ins=minor, representative=people.ins("1700175123001")))
    patient = own.get(told).json()["subject"]["reference"]
    for method, asked in (
        ("GET", f"MedicationRequest?patient={patient}"),
        ("GET", f"{patient}/$everything"),
        ("POST", f"{patient}/$current-medications"),
    ):
        shown, seen = own.send(method, asked).text, father.send(method, asked).text
        for line in (told, hidden):
            assert line.split("/")[1] in shown, asked
        assert told.split("/")[1] in seen, asked
        assert hidden.split("/")[1] not in seen, asked
    assert [each.get(hidden).status_code for each in (own, father)] == [200, 404]
    for kind in ("MedicationRequest", "Task"):
        found = (each.get(f"{kind}?patient={patient}&_summary=count").json()["total"] for each in (own, father))
        assert list(found) == [2, 1], kind
