"""The event that creates a patient's DMP, where the operator chose another one than the first document."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from fhirserver.demo import people
from fhirserver.records.feeding import RELIABILITY
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, start, stop
from tests.http.dmp.conftest import Record, act, build_submission


@pytest.fixture(scope="module", params=["identity", pytest.param("never", marks=pytest.mark.long("one server more"))])
def choosing(
    mongod: LocalMongod, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[str, Server]]:
    """A server, and the event that creates records there."""
    chosen: str = request.param
    folder = tmp_path_factory.mktemp(chosen)
    running, process = start(
        folder, mongod.uri, database=f"created-{chosen}", workers="1", outbox_processes="0", dmp_creation=chosen
    )
    yield chosen, running
    stop(process)
    assert "Traceback" not in running.log.read_text(), running.log.read_text()[-3000:]


def provisional(operator: Client) -> Record:
    """Store a patient whose identity is not qualified yet."""
    number = people.ins(f"2840588{uuid.uuid4().int % 10**6:06d}")
    patient = stating(people.patient(), "PROV")
    patient["identifier"][0]["value"] = number
    created = operator.post("Patient", patient)
    assert created.status_code == 201, created.text
    return Record(patient, f"Patient/{created.json()['id']}", number)


def stating(patient: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a Patient whose identity has a status."""
    # the profile of the INS asks for a qualified identity
    stated = {name: value for name, value in copy.deepcopy(patient).items() if name != "meta"}
    (reliability,) = (each for each in stated["extension"] if each["url"] == RELIABILITY)
    reliability["extension"][0]["valueCoding"]["code"] = status
    return stated


def qualify(operator: Client, record: Record) -> None:
    answer = operator.put(record.reference, stating(operator.get(record.reference).json(), "VALI"))
    assert answer.status_code == 200, answer.text


def has_dmp(server: Server, record: Record) -> bool:
    client = Client(server, server.token("doctor", dmp_mode="normal"))
    found = client.get(f"Patient?identifier={people.INS_TEST}|{record.ins}").json()
    return bool(found.get("entry"))


def test_the_chosen_event_creates_a_record_and_no_other_does(choosing: tuple[str, Server]) -> None:
    chosen, server = choosing
    operator, hospital = (Client(server, server.token(persona)) for persona in ("operator", "hospital"))
    custodian = f"Organization/{operator.post('Organization', people.hospital()).json()['id']}"
    record = provisional(operator)
    assert not has_dmp(server, record)
    qualify(operator, record)
    assert has_dmp(server, record) is (chosen == "identity")
    fed = hospital.post("", build_submission(record, custodian))
    assert fed.status_code == (200 if chosen == "identity" else 422), fed.text
    if chosen == "never":
        assert act(operator, record, "create").status_code == 200
        assert has_dmp(server, record)


def test_an_opposition_keeps_a_qualified_identity_from_creating_a_record(choosing: tuple[str, Server]) -> None:
    _, server = choosing
    operator = Client(server, server.token("operator"))
    record = provisional(operator)
    assert act(operator, record, "oppose", what=("valueCode", "creation")).status_code == 200
    qualify(operator, record)
    assert not has_dmp(server, record)


@pytest.mark.parametrize("part", ["x", {"url": "identityStatus", "valueCoding": "VALI"}])
def test_an_identity_status_that_cannot_be_read_is_refused(choosing: tuple[str, Server], part: object) -> None:
    _, server = choosing
    operator = Client(server, server.token("operator"))
    record = provisional(operator)
    broken = {**operator.get(record.reference).json(), "extension": [{"url": RELIABILITY, "extension": [part]}]}
    assert operator.put(record.reference, broken).status_code in (400, 422)
