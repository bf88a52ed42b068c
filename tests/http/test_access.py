"""Who may do what, over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fhirserver.access import issuer
from fhirserver.demo import ordonnance, people
from fhirserver.store import Store
from fhirserver.store.local import LocalMongod
from tests.http.conftest import Client, Server, issue

AsRole = Callable[[str], Client]


def observation(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def patient(**ins: str) -> dict[str, Any]:
    # never the demonstration's patient: other tests find him by his INS
    return {"resourceType": "Patient", "identifier": [{**issuer.TEST_INS, **ins}]}


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/fhir/metadata"])
def test_health_metrics_and_metadata_need_no_token(server: Server, path: str) -> None:
    assert requests.get(server.root + path, timeout=10).status_code == 200


def test_without_a_token_everything_else_is_refused_with_a_challenge(anonymous: Client) -> None:
    for answer in (anonymous.get("Patient/1"), anonymous.get("Patient"), anonymous.post("", {}), anonymous.get("x")):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert issue(answer)["code"] == "login"


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _forged(server: Server) -> dict[str, str]:
    good = server.token("operator")
    header, _, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    other = ec.generate_private_key(ec.SECP256R1())
    public = issuer.private_key(server.state).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = f"{_part({'alg': 'HS256', 'kid': 'demo'})}.{_part(claims)}"
    mac = base64.urlsafe_b64encode(hmac.new(pem, confused.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    return {
        "garbage": "garbage",
        "another key": jwt.encode(claims, other, "ES256", headers={"kid": "demo"}),
        "alg none": f"{_part({'alg': 'none'})}.{_part(claims)}.",
        "the public key as a secret": f"{confused}.{mac}",
        "changed claims": f"{header}.{_part({**claims, 'x': 1})}.{signature}",
        "expired": server.token("operator", exp=1_000_000_000),
        "not yet": server.token("operator", nbf=9_000_000_000),
        "another audience": server.token("operator", aud="elsewhere"),
        "another issuer": server.token("operator", iss="https://elsewhere.example"),
        "no role": server.token("operator", role="king"),
        "an unknown role beside a profession": server.token("prescriber", role="king"),
        "too long": "x" * 10_000,
        "an end beyond all time": server.token("operator", exp=10**400),
        "no text": server.token("operator", rpps="\ud800"),
        "nobody": server.token("operator", sub=""),
        "a representative of whom nothing would be known": server.token("patient", representative=170017512300159),
        "a secret connection that would be none": server.token("doctor", secret_connection=["true"]),
        "a professional whom nobody could block": server.token("doctor", rpps=10000693076),
        "several INS": server.token("patient", ins={**issuer.TEST_INS, "value": "1,185057800608436"}),
    }


def test_tokens_that_cannot_be_trusted_are_refused(server: Server) -> None:
    for name, token in _forged(server).items():
        answer = Client(server, token).get("Patient/1")
        assert answer.status_code == 401, name
        assert "invalid_token" in answer.headers["WWW-Authenticate"], name


def test_the_claim_for_which_a_token_is_refused_is_named_in_both_languages(server: Server) -> None:
    for claim, value in (("aud", "elsewhere"), ("iss", "https://elsewhere.example"), ("nbf", 9_000_000_000)):
        told = Client(server, server.token("operator", **{claim: value})).get("Patient/1").json()["issue"][0]
        assert f"({claim}" in told["details"]["text"]
        assert f"({claim}" in told["diagnostics"]


def test_a_token_that_is_refused_leaves_a_line_in_the_log(server: Server) -> None:
    answer = Client(server, "garbage").get("Patient/1")
    (line,) = (one for one in server.log.read_text().splitlines() if answer.headers["X-Request-Id"] in one)
    assert "127.0.0.1 refused" in line
    assert "garbage" not in line


def test_a_pharmacist_reads_prescriptions_but_does_not_write_them(operator: Client, as_role: AsRole) -> None:
    body = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "x"},
        "subject": {"display": "y"},
    }
    # a draft starts no workflow; what is issued is shown by its number only
    created = as_role("prescriber").post("MedicationRequest", {**body, "status": "draft"})
    assert created.status_code == 201
    pharmacist = as_role("pharmacist")
    assert pharmacist.get(f"MedicationRequest/{created.json()['id']}").status_code == 200
    refused = pharmacist.post("MedicationRequest", body)
    assert refused.status_code == 403
    assert issue(refused)["code"] == "forbidden"


def test_a_scope_that_does_not_cover_the_interaction_refuses_it(server: Server) -> None:
    reader = Client(server, server.token("operator", scope="system/Patient.rs"))
    assert reader.get("Patient?identifier=x").status_code == 200
    assert reader.post("Patient", {"resourceType": "Patient"}).status_code == 403
    assert reader.get("Observation?status=final").status_code == 403
    assert reader.get("_history").status_code == 403


def test_a_patient_reads_his_own_record_and_nothing_else(operator: Client, server: Server) -> None:
    ins = {**issuer.TEST_INS, "value": people.ins("2850578006085")}
    own = operator.post("Patient", patient(**ins)).json()["id"]
    others = operator.post("Patient", patient(value="185057800608436")).json()["id"]
    mine = operator.post("Observation", observation(own)).json()["id"]
    theirs = operator.post("Observation", observation(others)).json()["id"]
    me = Client(server, server.token("patient", ins=ins))
    assert me.get(f"Patient/{own}").status_code == 200
    assert me.get(f"Observation/{mine}").status_code == 200
    for path in (f"Patient/{others}", f"Observation/{theirs}", f"Observation/{theirs}/_history/1"):
        assert me.get(path).status_code == 404
    assert me.get(f"Observation/{theirs}/_history").status_code == 404
    found = {entry["resource"]["id"] for entry in me.get("Observation?_count=1000").json().get("entry", [])}
    assert mine in found
    assert theirs not in found
    patients = {entry["resource"]["id"] for entry in me.get("Patient?_count=1000").json()["entry"]}
    assert own in patients
    assert others not in patients
    assert me.get(f"Observation?subject=Patient/{others}").json()["total"] == 0
    assert me.post("Observation", observation(own)).status_code == 403
    assert me.put(f"Observation/{mine}", {**observation(own), "id": mine}).status_code == 403
    assert me.delete(f"Observation/{mine}").status_code == 403
    assert me.get("Observation/_history").status_code == 403


def test_a_patient_who_has_an_ins_is_given_no_other_by_professionals(operator: Client, as_role: AsRole) -> None:
    made = operator.post("Patient", {**patient(value="185057800608436"), "gender": "male"}).json()
    place, pharmacist, second = (
        f"Patient/{made['id']}",
        as_role("pharmacist"),
        {**issuer.TEST_INS, "value": "285057800608489"},
    )
    add = json.dumps([{"op": "add", "path": "/identifier/-", "value": second}]).encode()
    for refused in (
        pharmacist.put(place, {**made, "identifier": [*made["identifier"], second]}),
        pharmacist.put(place, {**made, "identifier": [second]}),
        pharmacist.patch(place, add, Content_Type="application/json-patch+json"),
    ):
        assert refused.status_code == 422, refused.text
        assert issue(refused)["expression"] == ["Patient.identifier"]
    assert pharmacist.put(place, {**made, "gender": "female"}).status_code == 200
    bare = {key: value for key, value in made.items() if key != "identifier"}
    assert pharmacist.put(place, bare).status_code == 200
    assert pharmacist.put(place, {**made, "identifier": [second]}).status_code == 422, "in two steps as in one"
    assert pharmacist.put(place, {**made, "gender": "male"}).status_code == 200, "his own comes back"
    assert operator.put(place, {**made, "identifier": [*made["identifier"], second]}).status_code == 200
    assert operator.delete(place).status_code == 204


def test_a_patient_finds_what_is_his_own_alone_by_every_search(operator: Client, server: Server) -> None:
    ins = {**issuer.TEST_INS, "value": "285057800608489"}
    own, me = operator.post("Patient", patient(**ins)).json()["id"], Client(server, server.token("patient", ins=ins))
    others = operator.post("Patient", patient(value="185057800608436")).json()["id"]
    for made in (_communication, _list, _line, _binary):
        mine, theirs = (operator.post(made(each)["resourceType"], made(each)).json()["id"] for each in (own, others))
        kind = made(own)["resourceType"]
        for query in (f"{kind}?_id={mine},{theirs}", f"?_type={kind},Goal&_id={mine},{theirs}", f"{kind}?_count=1000"):
            found = {each["resource"]["id"] for each in me.get(query).json().get("entry", ())}
            assert theirs not in found, query
            assert mine in found or kind == "Binary", query


def _communication(patient: str) -> dict[str, Any]:
    return {"resourceType": "Communication", "status": "completed", "subject": {"reference": f"Patient/{patient}"}}


def _list(patient: str) -> dict[str, Any]:
    return {**_communication(patient), "resourceType": "List", "status": "current", "mode": "working"}


def _line(patient: str) -> dict[str, Any]:
    words = {"medicationCodeableConcept": {"text": "x"}, "intent": "order", "status": "active"}
    return {**_communication(patient), "resourceType": "MedicationRequest", **words}


def _binary(patient: str) -> dict[str, Any]:
    about = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Binary", "contentType": "text/plain", "data": "YQ==", "securityContext": about}


@pytest.mark.wasteful("the test itself looks through all records")
def test_reads_searches_and_refusals_leave_records_before_the_answer(
    mongod: LocalMongod, operator: Client, as_role: AsRole
) -> None:
    created = operator.post("Patient", patient(value="170017512300159")).json()["id"]
    doctor = as_role("doctor")
    doctor.get(f"Patient/{created}")
    doctor.get(f"Patient?_id={created}")
    as_role("pharmacist").delete(f"Patient/{created}")
    as_role("patient").get(f"Patient/{created}")
    store = Store(mongod.uri, "http-tests")
    try:
        records = list(store.database["audit"].find({"$or": [{"id": created}, {"found": f"Patient/{created}"}]}))
        written = store.read("Patient", created)
    finally:
        store.close()
    assert [record["action"] for record in records] == ["read", "search", "refused", "refused"]
    assert records[0]["who"]["rpps"] == issuer.PERSONAS["doctor"]["rpps"]
    assert records[0]["why"] == "TREAT"
    assert [(record["who"]["role"], record["rule"]) for record in records[2:]] == [
        ("pharmacist", "role"),
        ("patient", "unknown-id"),
    ]
    assert written is not None
    assert written.origin["who"]["role"] == "operator"


@pytest.mark.wasteful("the test itself looks through all records")
def test_a_push_that_tells_what_was_there_before_leaves_a_record_of_it(
    mongod: LocalMongod, operator: Client, as_role: AsRole
) -> None:
    """What a conditional create finds, and what the same push is answered again."""
    push = ordonnance.bundle(people.PRESCRIBER_RPPS, datetime.now(UTC))
    known = push["entry"][0]["resource"]
    value = people.ins("1700175123002")
    known["identifier"][0]["value"] = value
    push["entry"][0]["request"]["ifNoneExist"] = f"identifier={people.INS_TEST}|{value}"
    created = operator.post("Patient", known).json()["id"]
    prescriber = as_role("prescriber")
    first = prescriber.post("", push, X_Request_Id="first-push")
    again = prescriber.post("", push, X_Request_Id="second-push")
    assert (first.status_code, again.status_code) == (200, 200), first.text + again.text
    store = Store(mongod.uri, "http-tests")
    try:
        records = list(store.database["audit"].find({"where.request": {"$in": ["first-push", "second-push"]}}))
    finally:
        store.close()
    found = {record["where"]["request"]: record["found"] for record in records if record["action"] == "read"}
    assert f"Patient/{created}" in found["first-push"]
    assert len(found["second-push"]) == len(push["entry"])
