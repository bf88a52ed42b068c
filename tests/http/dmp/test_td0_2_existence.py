"""TD0.2: does the DMP exist, is it active, may I read it; and the acts by which it changes ($dmp)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from fhirserver.demo import people
from fhirserver.dmp.records.views import ATTACHED, CLOSURE, TREATING
from tests.http.conftest import Client, Server, issue
from tests.http.dmp.conftest import Record, act, join, make_record, professional

Submit = Callable[..., dict[str, Any]]
OTHER = people.rpps("1000076000")


@pytest.fixture(scope="module")
def dmp_client(server: Server) -> Client:
    """A doctor's DMP software."""
    return Client(server, server.token("doctor", rpps=OTHER, dmp_mode="normal"))


@pytest.fixture
def operator(as_role: Callable[[str], Client]) -> Client:
    return as_role("operator")


@pytest.fixture
def patient(server: Server, record: Record) -> Client:
    ins = {"system": people.INS_TEST, "value": record.ins}
    return Client(server, server.token("patient", ins=ins, scope="patient/*.cruds"))


def ask(client: Client, record: Record, more: str = "") -> dict[str, Any]:
    answer = client.get(f"Patient?identifier={people.INS_TEST}|{record.ins}{more}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def extensions(patient: dict[str, Any]) -> dict[str, Any]:
    return {extension["url"]: extension for extension in patient["extension"]}


def test_td0_2_answers_no_entry_where_there_is_no_dmp(dmp_client: Client, doctor: Client, record: Record) -> None:
    answer = ask(dmp_client, record)
    assert answer["total"] == 0
    assert "entry" not in answer
    # the Patient that prescriptions use is there all the same
    assert ask(doctor, record)["total"] == 1


def test_td0_2_answers_an_active_patient_once_the_first_document_is_fed(
    dmp_client: Client, hospital: Client, record: Record, submit: Submit
) -> None:
    assert hospital.post("", submit(record)).status_code == 200
    (entry,) = ask(dmp_client, record)["entry"]
    assert entry["resource"]["active"] is True
    assert extensions(entry["resource"])[ATTACHED]["valueBoolean"] is False
    assert entry["search"]["mode"] == "match"


def test_td0_2_tells_the_readers_own_authorisation_by_revinclude(
    dmp_client: Client, operator: Client, record: Record
) -> None:
    assert act(operator, record, "create").status_code == 200
    asked = "&_revinclude=Consent:patient"
    found, consent = (entry["resource"] for entry in ask(dmp_client, record, asked)["entry"])
    assert consent["patient"]["reference"] == f"Patient/{found['id']}"
    assert consent["provision"]["type"] == "deny"
    join(dmp_client, record, OTHER)
    consent = ask(dmp_client, record, asked)["entry"][1]
    assert consent["resource"]["provision"]["type"] == "permit"
    assert consent["search"]["mode"] == "include"


@pytest.mark.parametrize(("mode", "reason"), [("emergency", "emergency"), ("regulation", "regulation")])
def test_td0_2_emergency_and_regulation_need_no_authorisation_unless_opposed(
    server: Server, operator: Client, record: Record, mode: str, reason: str
) -> None:
    client = Client(server, server.token("doctor", rpps=OTHER, dmp_mode=mode))
    act(operator, record, "create")
    consent = ask(client, record, "&_revinclude=Consent:patient")["entry"][1]["resource"]
    assert consent["policyRule"]["coding"][0]["code"] == reason
    act(operator, record, "oppose", what=("valueCode", mode))
    consent = ask(client, record, "&_revinclude=Consent:patient")["entry"][1]["resource"]
    assert consent["provision"]["type"] == "deny"


def test_td0_2_gives_the_part_that_is_asked_for(dmp_client: Client, patient: Client, record: Record) -> None:
    act(patient, record, "create")
    for counted in ("&_summary=count", "&_count=0&_revinclude=Consent:patient"):
        answer = ask(dmp_client, record, counted)
        assert (answer["total"], answer.get("entry")) == (1, None)
    (entry,) = ask(dmp_client, record, "&_elements=active")["entry"]
    assert {"active", "name"} & set(entry["resource"]) == {"active"}


def test_td0_2_shows_closure_attachment_and_treating_doctor(
    dmp_client: Client, operator: Client, record: Record
) -> None:
    act(operator, record, "create")
    act(operator, record, "attach")
    act(operator, record, "treat", who=professional(OTHER))
    shown = extensions(ask(dmp_client, record)["entry"][0]["resource"])
    assert shown[ATTACHED]["valueBoolean"] is True
    assert shown[TREATING]["valueReference"]["identifier"]["value"] == f"8{OTHER}"
    closed = act(
        operator,
        record,
        "close",
        motive=("valueCode", "deces"),
        reason=("valueString", "décès déclaré"),
        date=("valueDate", "2026-02-01"),
    )
    assert closed.status_code == 200, closed.text
    found = ask(dmp_client, record)["entry"][0]["resource"]
    assert found["active"] is False
    parts = {part["url"]: part for part in extensions(found)[CLOSURE]["extension"]}
    assert parts["dateFermeture"]["valueDate"] == "2026-02-01"
    assert parts["raisonFermeture"]["valueString"] == "décès déclaré"
    act(operator, record, "reopen")
    again = ask(dmp_client, record)["entry"][0]["resource"]
    assert again["active"] is True
    assert CLOSURE not in extensions(again)


def test_a_closed_dmp_is_neither_fed_nor_read_and_is_whole_again_when_reopened(  # noqa: PLR0913, PLR0917 - fixtures
    operator: Client, hospital: Client, dmp_client: Client, patient: Client, record: Record, submit: Submit
) -> None:
    hospital.post("", submit(record))
    join(dmp_client, record, OTHER)
    path = f"DocumentReference?{record.query}&status=current"
    assert dmp_client.get(path).json()["total"] == 1
    assert act(patient, record, "close", motive=("valueCode", "demande-titulaire")).status_code == 200
    for client in (dmp_client, hospital, patient):
        assert client.get(path).json()["total"] == 0
    refused = hospital.post("", submit(record))
    assert refused.status_code == 422
    assert issue(refused)["details"]["coding"][0]["code"] == "dmp-not-fed"
    assert act(operator, record, "reopen").status_code == 200
    assert dmp_client.get(path).json()["total"] == 1
    assert hospital.post("", submit(record)).status_code == 200


def test_an_opposition_to_creation_keeps_the_first_document_out(
    hospital: Client, patient: Client, record: Record, submit: Submit
) -> None:
    assert act(patient, record, "oppose", what=("valueCode", "creation")).status_code == 200
    assert hospital.post("", submit(record)).status_code == 422
    act(patient, record, "accept", what=("valueCode", "creation"))
    assert hospital.post("", submit(record)).status_code == 200


def test_an_opposition_to_feeding_leaves_what_is_there_readable(
    hospital: Client, patient: Client, record: Record, submit: Submit
) -> None:
    hospital.post("", submit(record))
    act(patient, record, "oppose", what=("valueCode", "feeding"))
    assert hospital.post("", submit(record)).status_code == 422
    assert patient.get(f"DocumentReference?{record.query}").json()["total"] == 1


def test_a_consent_is_for_one_consultation_and_may_be_withdrawn(
    hospital: Client, dmp_client: Client, record: Record, submit: Submit
) -> None:
    hospital.post("", submit(record))
    path = f"DocumentReference?{record.query}"
    assert dmp_client.get(path).json()["total"] == 0
    given = act(dmp_client, record, "consent", who=professional(OTHER), informed=("valueBoolean", True))
    assert given.status_code == 200, given.text
    assert dmp_client.get(path).json()["total"] == 1
    assert act(dmp_client, record, "withdraw", who=professional(OTHER)).status_code == 200
    assert dmp_client.get(path).json()["total"] == 0


def test_a_period_that_ends_today_holds_today(dmp_client: Client, patient: Client, record: Record) -> None:
    act(patient, record, "create")
    today = datetime.now(ZoneInfo("Europe/Paris")).date().isoformat()
    ends_today = ("valuePeriod", {"start": today, "end": today})
    assert act(patient, record, "join", who=professional(OTHER), period=ends_today).status_code == 200
    answer = dmp_client.get(f"Patient?identifier={people.INS_TEST}|{record.ins}&_revinclude=Consent:patient").json()
    consent = next(entry["resource"] for entry in answer["entry"] if entry["resource"]["resourceType"] == "Consent")
    assert consent["provision"]["type"] == "permit"


def test_a_blocked_professional_may_not_let_himself_in(
    operator: Client, patient: Client, dmp_client: Client, record: Record
) -> None:
    act(operator, record, "create")
    assert act(patient, record, "block", who=professional(OTHER)).status_code == 200
    refused = act(dmp_client, record, "join", who=professional(OTHER), informed=("valueBoolean", True))
    assert refused.status_code == 403
    assert act(patient, record, "unblock", who=professional(OTHER)).status_code == 200
    join(dmp_client, record, OTHER)


def test_acts_are_each_callers_own_to_do(operator: Client, dmp_client: Client, patient: Client, record: Record) -> None:
    act(operator, record, "create")
    for name in ("close", "oppose", "block", "represent", "attach"):
        assert act(dmp_client, record, name, who=professional(OTHER)).status_code == 403
    assert act(patient, record, "represent", who=professional(OTHER)).status_code == 403
    colleague = people.rpps("1000077000")
    assert (
        act(dmp_client, record, "join", who=professional(colleague), informed=("valueBoolean", True)).status_code == 403
    )
    uninformed = act(dmp_client, record, "join", who=professional(OTHER))
    assert uninformed.status_code == 403
    assert "informed" in uninformed.json()["issue"][0]["diagnostics"]
    unnamed = act(dmp_client, record, "join", informed=("valueBoolean", True))
    assert unnamed.status_code == 400
    assert "who" in unnamed.json()["issue"][0]["diagnostics"]
    assert dmp_client.get(f"{record.reference}/$dmp?act=leave").status_code == 400


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fly", {}),
        ("join", {}),
        ("join", {"who": ("valueString", "Dr X")}),
        ("oppose", {"what": ("valueCode", "everything")}),
        ("consent", {"who": professional(OTHER), "period": ("valuePeriod", {"start": "soon"})}),
        ("consent", {"who": professional(OTHER), "period": ("valuePeriod", {"end": 2026})}),
        ("consent", {"who": professional(OTHER), "period": ("valueString", "2026")}),
        ("join", {"who": professional(OTHER), "period": ("valuePeriod", {"start": "2099-02-01", "end": "2099-01-31"})}),
        ("close", {"date": ("valueDate", "2999-01-01")}),
        ("block", {"who": ("valueIdentifier", {"system": people.INS_TEST, "value": people.PATIENT_INS})}),
        ("block", {"who": professional("1234")}),
        ("treat", {"who": ("valueIdentifier", {"system": people.NATIONAL_STRUCTURE_ID, "value": "1750000019"})}),
        ("represent", {"who": professional(OTHER)}),
        ("represent", {"who": ("valueIdentifier", {"system": people.INS_TEST, "value": "123456789012345"})}),
        ("join", {"who": professional(OTHER), "periode": ("valuePeriod", {"end": "2026-11-22"})}),
        ("close", {"date": ("valueDate", "yesterday")}),
    ],
)
def test_an_act_that_cannot_be_read_is_refused_with_the_parameter(
    operator: Client, record: Record, name: str, parameters: dict[str, Any]
) -> None:
    act(operator, record, "create")
    assert act(operator, record, name, **parameters).status_code == 400


@pytest.mark.parametrize(
    ("birth", "asked", "end"),
    [
        ("2014-05-17", None, "2032-05-16T22:00:00+00:00"),
        ("2012-02-29", None, "2030-02-28T23:00:00+00:00"),
        ("2014-05-17", "2030-01-01T00:00:00Z", "2030-01-01T00:00:00+00:00"),
        ("2014-05-17", "2040-01-01T00:00:00Z", "2032-05-16T22:00:00+00:00"),
        ("1984-05-17", None, None),
    ],
    ids=["minor", "born on 29 February", "ends before", "ends after", "of age"],
)
def test_who_represents_a_minor_does_so_until_he_comes_of_age(
    operator: Client, birth: str, asked: str | None, end: str | None
) -> None:
    record = make_record(operator, birth)
    act(operator, record, "create")
    who = ("valueIdentifier", {"system": people.INS_TEST, "value": people.PATIENT_INS})
    period = {"period": ("valuePeriod", {"end": asked})} if asked else {}
    answer = act(operator, record, "represent", who=who, **period)
    assert answer.status_code == 200, answer.text
    kinds = {entry["resource"]["resourceType"]: entry["resource"] for entry in answer.json()["entry"]}
    assert kinds["RelatedPerson"]["period"].get("end") == end


def test_the_dmp_of_a_patient_without_ins_is_not_there(operator: Client) -> None:
    created = operator.post("Patient", {"resourceType": "Patient", "name": [{"family": "X"}]})
    if created.status_code == 201:
        assert operator.get(f"Patient/{created.json()['id']}/$dmp").status_code == 404


def test_the_whole_record_is_shown_to_the_patient_and_only_his_part_to_a_professional(
    operator: Client, dmp_client: Client, patient: Client, record: Record
) -> None:
    act(operator, record, "create")
    join(dmp_client, record, OTHER)
    act(patient, record, "oppose", what=("valueCode", "regulation"))
    act(patient, record, "notify", event=("valueCode", "access"))

    def kinds(client: Client) -> list[str]:
        answer = client.get(f"{record.reference}/$dmp")
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["resourceType"] for entry in answer.json()["entry"]]

    assert kinds(patient) == ["Patient", "Consent", "Consent", "CareTeam"]
    assert kinds(dmp_client) == ["Patient", "Consent", "CareTeam"]


@pytest.mark.wasteful("all Basic resources are looked through")
def test_the_records_own_resource_is_neither_read_nor_written_by_others(
    operator: Client, doctor: Client, patient: Client, record: Record
) -> None:
    act(operator, record, "create")
    found = [
        entry["resource"] for entry in operator.get(f"Basic?identifier={people.INS_TEST}|{record.ins}").json()["entry"]
    ]
    (resource,) = found
    for client in (doctor, patient):
        assert client.get(f"Basic/{resource['id']}").status_code in (403, 404)
        searched = client.get(f"Basic?identifier={people.INS_TEST}|{record.ins}")
        assert searched.status_code == 403 or searched.json()["total"] == 0
    changed = {**resource, "identifier": resource["identifier"][:1], "language": "fr"}
    assert operator.put(f"Basic/{resource['id']}", changed).status_code == 405
    assert operator.delete(f"Basic/{resource['id']}").status_code == 405
