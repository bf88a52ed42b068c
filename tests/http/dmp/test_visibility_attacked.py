"""Whoever asks by the back door learns no more: what is hidden answers as what is not there, whatever is sent.

Each attack is sent twice, once about a document that is hidden from the reader, once about one that does not exist;
the two answers must be the same.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from fhirserver.demo import people
from tests.http.conftest import FHIR, Client, Server, issue
from tests.http.dmp.conftest import Record, act, build_submission, ids, part, professional
from tests.http.dmp.seen import EVERYTHING, SEES, Fed

HIDDEN_FROM = {
    "stranger": "N",
    "member": "PS",
    "emergency": "PS",
    "secret": "N",
    "pharmacist": "N",
    "blocked": "N",
    "laboratory": "N",
    "patient": "PATIENT",
    "representative": "SECRET",
    "no representative": "N",
}
"""For each curious reader, a document of which he must not know."""
READERS = pytest.mark.parametrize("reader", HIDDEN_FROM)
ABSENT = "nothing-is-here"
PATCH = b'[{"op":"replace","path":"/status","value":"nonsense"}]'
JSON_PATCH = "application/json-patch+json"
_CHANGING = re.compile(r'"(?:id|lastUpdated|location|lastModified|etag)":"[^"]*"|[a-z0-9]{3}-[a-z0-9]{18,20}')

Attack = Callable[[Client, str, str], requests.Response]


def told(answer: requests.Response, *names: str) -> tuple[int, str | None, str]:
    """Return what an answer tells: status, ETag and body, without what was asked for and what differs each time."""
    text = answer.text
    for name in names:
        text = text.replace(name, "NAME")
    etag = answer.headers.get("ETag") if answer.status_code != requests.codes.created else None
    return answer.status_code, etag, _CHANGING.sub("", text)


def _valid(identity: str, fed: Fed) -> dict[str, Any]:
    """Return a document that is valid, so that nothing but its id decides."""
    document = part(build_submission(fed.record, fed.custodian), "DocumentReference")
    return {**document, "id": identity}


def _observation(fed: Fed, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "poids"},
        "subject": {"reference": fed.record.reference},
        **elements,
    }


def _meta() -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": "y"}]}}],
    }


@READERS
def test_reads_in_every_form_answer_as_if_nothing_was_there(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    for kind in ("DocumentReference", "Binary", "List"):
        _read_in_every_form(client, kind, fed.place(kind, HIDDEN_FROM[reader]))


def _read_in_every_form(client: Client, kind: str, place: str) -> None:
    forms = [("GET", "", accept) for accept in ("application/fhir+xml", "text/html", "application/pdf")]
    forms += [(method, suffix, FHIR) for method in ("GET", "HEAD") for suffix in ("", "/_history", "/_history/1")]
    forms += [("GET", suffix, FHIR) for suffix in ("/$meta", "/$validate", "/$validate?mode=delete", "?_elements=id")]
    for method, suffix, accept in forms:
        answers = [
            told(client.send(method, f"{kind}/{each}{suffix}", Accept=accept, If_None_Match='W/"1"'), each)
            for each in (place, ABSENT)
        ]
        assert answers[0] == answers[1], (method, suffix, accept)
        assert answers[0][0] >= 400


@READERS
def test_writes_by_id_answer_as_if_nothing_was_there(fed: Fed, reader: str) -> None:
    for given in ({}, {"If_Match": 'W/"1"'}, {"If_Match": 'W/"99"'}, {"If_Match": "*"}, {"If_None_Match": "*"}):
        _write_by_id(fed, reader, given)


def _write_by_id(fed: Fed, reader: str, given: dict[str, str]) -> None:
    client, hidden = fed.readers[reader], fed.place("DocumentReference", HIDDEN_FROM[reader])
    attacks: dict[str, Attack] = {
        "put": lambda client, kind, each: client.put(f"{kind}/{each}", _valid(each, fed), **given),
        "delete": lambda client, kind, each: client.delete(f"{kind}/{each}", **given),
        "patch": lambda client, kind, each: client.patch(f"{kind}/{each}", PATCH, Content_Type=JSON_PATCH, **given),
        "meta-add": lambda client, kind, each: client.post(f"{kind}/{each}/$meta-add", _meta(), **given),
    }
    for name, attack in attacks.items():
        answers = [told(attack(client, "DocumentReference", each), each) for each in (hidden, ABSENT)]
        assert answers[0] == answers[1], name
    for kind in ("Binary", "List"):
        answers = [told(attacks["delete"](client, kind, each), each) for each in (fed.place(kind, "DELETED"), ABSENT)]
        if "DELETED" not in SEES[reader]:
            assert answers[0] == answers[1], kind
    if "If_Match" in given:  # without it, what is absent would be created
        for kind, media, sent in (("List", FHIR, _listing), ("Binary", "text/plain", str.encode)):
            answers = [
                told(client.put(f"{kind}/{each}", sent(each), Content_Type=media, **given), each)
                for each in (fed.place(kind, HIDDEN_FROM[reader]), ABSENT)
            ]
            assert answers[0] == answers[1], kind


def _listing(identity: str) -> dict[str, Any]:
    return {"resourceType": "List", "id": identity, "status": "current", "mode": "working"}


@READERS
def test_conditional_interactions_answer_as_if_nothing_was_there(fed: Fed, reader: str) -> None:
    client, name = fed.readers[reader], HIDDEN_FROM[reader]
    hidden, unique = fed.documents[name], fed.unique_ids[name]
    uri = "urn:ietf:rfc:3986"
    about = ((hidden, unique), (ABSENT, "urn:oid:1.2.3.4.5.6"))
    attacks: dict[str, Callable[[str, str], requests.Response]] = {
        "patch": lambda _, one: client.patch(
            f"DocumentReference?identifier={uri}|{one}", PATCH, Content_Type=JSON_PATCH
        ),
        "delete": lambda _, one: client.delete(f"DocumentReference?identifier={uri}|{one}"),
        "delete of a set": lambda one, _: client.delete(f"List?item=DocumentReference/{one}"),
        "reference": lambda one, _: client.post(
            "Observation", _observation(fed, derivedFrom=[{"reference": f"DocumentReference?_id={one}"}])
        ),
        "reference by identifier": lambda _, one: client.post(
            "Observation", _observation(fed, derivedFrom=[{"reference": f"DocumentReference?identifier={uri}|{one}"}])
        ),
        "reference in a transaction": lambda one, _: client.post(
            "",
            _transaction(
                "POST", "Observation", _observation(fed, derivedFrom=[{"reference": f"DocumentReference?_id={one}"}])
            ),
        ),
        "patch in a transaction": lambda one, _: client.post(
            "",
            _transaction("PATCH", f"DocumentReference?_id={one}", {"resourceType": "Parameters", "parameter": []}),
        ),
    }
    for attack, send in attacks.items():
        answers = [told(send(*each), *each) for each in about]
        assert answers[0] == answers[1], attack


@READERS
def test_chains_in_conditions_do_not_tell_of_hidden_documents(fed: Fed, reader: str) -> None:
    client, hidden = fed.readers[reader], fed.documents[HIDDEN_FROM[reader]]
    patient = fed.record.reference.partition("/")[2]

    def chains(identity: str) -> tuple[str, ...]:
        return (
            f"_id={patient}&_has:DocumentReference:patient:_id={identity}",
            f"_id={patient}&_has:List:subject:item=DocumentReference/{identity}",
            f"_id={patient}&_has:List:subject:item:DocumentReference._id={identity}",
        )

    for one, other in zip(chains(hidden), chains(ABSENT), strict=True):
        answers = [
            told(client.patch(f"Patient?{each}", PATCH, Content_Type=JSON_PATCH), hidden, ABSENT)
            for each in (one, other)
        ]
        assert answers[0] == answers[1], one
        references = [
            told(
                client.post("Observation", _observation(fed, subject={"reference": f"Patient?{each}"})), hidden, ABSENT
            )
            for each in (one, other)
        ]
        assert references[0] == references[1], one
        totals = [
            told(client.get(f"Patient?identifier={people.INS_TEST}|{fed.record.ins}&{each}"), hidden, ABSENT)
            for each in (one, other)
        ]
        assert totals[0] == totals[1], one


def test_the_existence_of_a_record_is_asked_for_with_no_word_on_its_documents(fed: Fed) -> None:
    asked = f"Patient?identifier={people.INS_TEST}|{fed.record.ins}"
    dmp_client = fed.readers["emergency"]
    assert dmp_client.get(asked).json()["total"] == 1
    for label in ("MASQUE_PS", "INVISIBLE_PATIENT"):
        found = dmp_client.get(f"{asked}&_has:DocumentReference:patient:security-label={label}").json()["total"]
        assert found == (0 if label == "MASQUE_PS" else 1), "what emergency access shows, decides; nothing else"


@READERS
@pytest.mark.wasteful("reverse chains and words look at all documents of a record")
def test_searches_by_every_door_answer_as_if_nothing_was_there(fed: Fed, reader: str) -> None:
    client, hidden = fed.readers[reader], fed.documents[HIDDEN_FROM[reader]]
    patient = fed.record.reference.partition("/")[2]
    for path in (
        "DocumentReference?_filter=_id eq {it}",
        "DocumentReference?patient={p}&_id={it}&_summary=count",
        "DocumentReference?patient={p}&_id={it}&_total=accurate&_elements=id",
        "DocumentReference?patient={p}&_id={it}&_sort=-date,_id&_count=0",
        "DocumentReference?patient={p}&related=DocumentReference/{it}",
        "DocumentReference?patient={p}&relatesto:DocumentReference._id={it}",
        "List?subject={p}&item=DocumentReference/{it}&_total=accurate",
        "List?subject={p}&item:DocumentReference._id={it}&_summary=count",
        "Patient?_id={p}&_has:DocumentReference:patient:_id={it}&_summary=count",
        "Patient?_id={p}&_has:List:subject:item:DocumentReference._id={it}",
        "Patient?_id={p}&_filter=_has eq {it}",
        "Patient/{p}/DocumentReference?_id={it}",
        "Patient/{p}/*?_id={it}",
        "?_type=DocumentReference,List,Binary&_id={it}",
        "Patient?_contained=true&_containedType=container&_has:DocumentReference:patient:_id={it}",
        "Binary?_id={it}",
        "Bundle?_id={it}",
    ):
        answers = [told(client.get(path.format(p=patient, it=each)), each) for each in (hidden, ABSENT)]
        assert answers[0] == answers[1], path


@READERS
def test_what_is_not_there_for_its_author_is_told_of_as_absent(fed: Fed, reader: str) -> None:
    client, hidden = fed.readers[reader], fed.documents[HIDDEN_FROM[reader]]
    answers = [
        told(
            client.post(
                "Observation",
                _observation(fed, derivedFrom=[{"reference": f"DocumentReference/{each}"}]),
                Prefer="return=OperationOutcome",
            ),
            each,
        )
        for each in (hidden, ABSENT)
    ]
    assert answers[0] == answers[1]


def test_what_is_in_the_way_of_a_deletion_is_named_as_far_as_it_may_be_known(
    fed: Fed, as_role: Callable[[str], Client]
) -> None:
    stranger = fed.readers["stranger"]
    made = stranger.post("Observation", _observation(fed))
    assert made.status_code == 201, made.text
    place = f"Observation/{made.json()['id']}"
    bundle = build_submission(fed.record, fed.custodian)
    part(bundle, "DocumentReference")["context"]["related"] = [{"reference": place}]
    answer = as_role("hospital").post("", bundle)
    assert answer.status_code == 200, answer.text
    hidden = ids(answer)["DocumentReference"]
    refused = stranger.delete(place)
    assert refused.status_code == 409, refused.text
    assert hidden not in refused.text
    assert hidden not in stranger.get(f"{place}/$validate?mode=delete").text
    assert hidden in as_role("hospital").delete(place).text


@pytest.mark.parametrize("reader", ["stranger", "member", "pharmacist", "laboratory"])
@pytest.mark.wasteful("the history of a type has no narrower index")
def test_the_history_of_a_type_tells_neither_number_nor_names_of_what_is_hidden(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    hidden = {fed.documents[name] for name in EVERYTHING - SEES[reader]}
    answer = client.get("DocumentReference/_history?_count=2").json()
    while True:
        entries, following = answer.get("entry", []), [link for link in answer["link"] if link["relation"] == "next"]
        assert not hidden & {entry["fullUrl"].rpartition("/")[2] for entry in entries}
        if not following:
            break
        assert len(entries) == 2, "a page that is not full would tell of what was left out"
        token = parse_qs(urlsplit(following[0]["url"]).query)["_page"][0]
        assert not any(each in _decoded(token) for each in hidden)
        answer = client.get(following[0]["url"]).json()
        assert answer.get("entry"), "a page with nothing would tell that something was left out"


def _decoded(token: str) -> str:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("latin-1")


def test_a_page_of_a_history_is_not_made_by_hand_nor_taken_elsewhere(fed: Fed) -> None:
    client = fed.readers["member"]
    assert client.get("DocumentReference/_history?_page=WyIyMDI2LTAxLTAxVDAwOjAwOjAwWiIsICJ4Il0").status_code == 400
    answer = client.get("DocumentReference/_history?_count=1").json()
    token = next(link["url"] for link in answer["link"] if link["relation"] == "next").partition("_page=")[2]
    assert client.get(f"List/_history?_page={token}").status_code == 400


@pytest.mark.parametrize("reader", ["patient", "representative", "no representative", "another patient"])
def test_the_list_of_accesses_names_nothing_that_its_reader_may_not_see(fed: Fed, reader: str) -> None:
    for name in EVERYTHING:
        fed.readers["author"].get(f"DocumentReference/{fed.documents[name]}")
        fed.readers["author"].get(f"Binary/{fed.contents[name]}")
        fed.readers["author"].get(f"List/{fed.lists[name]}")
    answer = fed.readers[reader].get("AuditEvent?_count=1000")
    assert answer.status_code == 200
    named = {
        name
        for name in EVERYTHING
        if any(each[name] in answer.text for each in (fed.documents, fed.contents, fed.lists))
    }
    assert named <= SEES[reader]
    assert ("entry" in answer.json()) is (reader in ("patient", "representative"))


def test_a_representative_is_not_told_of_an_access_to_the_minors_secret(fed: Fed) -> None:
    def accesses(reader: str) -> int:
        return len(fed.readers[reader].get("AuditEvent?_count=1000").json()["entry"])

    before = {reader: accesses(reader) for reader in ("patient", "representative")}
    fed.readers["secret"].get(f"DocumentReference/{fed.documents['SECRET']}")
    assert accesses("patient") == before["patient"] + 1
    assert accesses("representative") == before["representative"]


def test_a_cursor_given_to_another_opens_no_more_to_him(fed: Fed) -> None:
    page = fed.readers["author"].get(f"DocumentReference?{fed.record.query}&_count=2").json()
    following = next(link["url"] for link in page["link"] if link["relation"] == "next")
    for reader in HIDDEN_FROM:
        found = fed.readers[reader].get(following).json().get("entry", [])
        assert {fed.name(entry["resource"]["id"]) for entry in found} <= SEES[reader], reader


def test_a_patient_is_not_shown_anothers_resource_by_if_none_exist(
    fed: Fed, as_role: Callable[[str], Client], new_record: Callable[[], Record]
) -> None:
    weight = _observation(fed, identifier=[{"system": "urn:x", "value": str(uuid.uuid4())}])
    weight["subject"] = {"reference": new_record().reference}
    assert as_role("hospital").post("Observation", weight).status_code == 201
    own = json.loads(json.dumps(weight)) | {"subject": {"reference": fed.record.reference}}
    own["code"] = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    answer = fed.readers["patient"].post(
        "Observation", own, If_None_Exist=f"identifier=urn:x|{weight['identifier'][0]['value']}"
    )
    assert answer.status_code != 200
    assert weight["subject"]["reference"] not in answer.text


def test_a_submission_does_not_tell_whether_what_it_relates_to_is_hidden(fed: Fed) -> None:
    stranger = fed.readers["stranger"]

    def related(target: str, code: str) -> tuple[int, str | None, str]:
        bundle = build_submission(fed.record, fed.custodian)
        document = part(bundle, "DocumentReference")
        document["relatesTo"] = [{"code": code, "target": {"reference": f"DocumentReference/{target}"}}]
        return told(stranger.post("", bundle), target)

    hidden = fed.documents["N"]
    for code in ("replaces", "appends", "signs"):
        assert related(hidden, code) == related(ABSENT, code)


def test_a_document_beside_the_records_is_stored_by_nobody_but_an_operator(
    fed: Fed, as_role: Callable[[str], Client]
) -> None:
    document = _valid("own-choice", fed)
    document["content"][0]["attachment"]["url"] = "https://example.org/a.pdf"
    for reader in ("member", "author", "custodian", "laboratory"):
        refused = fed.readers[reader].post("DocumentReference", document)
        assert refused.status_code == 422, refused.text
        assert issue(refused)["details"]["coding"][0]["code"] == "dmp-feeding"
        assert fed.readers[reader].put("DocumentReference/own-choice", document).status_code == 404
        inside = _transaction("POST", "DocumentReference", document)
        assert fed.readers[reader].post("", inside).status_code in (400, 422)
        inside["type"] = "batch"
        assert fed.readers[reader].post("", inside).json()["entry"][0]["response"]["status"].startswith("4")
    assert as_role("operator").post("DocumentReference", document).status_code == 201


def _transaction(method: str, url: str, resource: dict[str, Any]) -> dict[str, Any]:
    entry = {"fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": resource, "request": {"method": method, "url": url}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}


def test_a_token_that_only_reads_lets_nobody_into_a_record(server: Server, record: Record) -> None:
    reader = Client(server, server.token("doctor", scope="user/*.rs"))
    refused = act(reader, record, "join", who=professional(people.DOCTOR_RPPS), informed=("valueBoolean", True))
    assert refused.status_code == 403, refused.text
    assert issue(refused)["details"]["coding"][0]["code"] == "scope"
    assert reader.get(f"{record.reference}/$dmp").status_code == 200
