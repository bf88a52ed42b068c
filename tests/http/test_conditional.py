"""Conditional create, update, delete and references over HTTP."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue
from tests.http.test_bundles import bundle, entry, observation, statuses, urn

SYSTEM = "urn:tests"


def value() -> str:
    return secrets.token_hex(8)


def patient(identifier: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": identifier}], **more}


def criteria(identifier: str) -> str:
    return f"identifier={SYSTEM}|{identifier}"


def test_a_conditional_create_creates_once_and_then_answers_what_is_there(operator: Client) -> None:
    name = value()
    first = operator.post("Patient", patient(name), If_None_Exist=criteria(name))
    again = operator.post("Patient", patient(name), If_None_Exist=criteria(name))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.content == first.content


def test_criteria_that_select_several_are_refused_with_412(operator: Client) -> None:
    name = value()
    for _ in range(2):
        operator.post("Patient", patient(name))
    assert operator.post("Patient", patient(name), If_None_Exist=criteria(name)).status_code == 412
    assert operator.put(f"Patient?{criteria(name)}", patient(name)).status_code == 412
    answer = operator.delete(f"Patient?{criteria(name)}")
    assert answer.status_code == 412
    assert issue(answer)["code"] == "multiple-matches"


def test_an_interaction_without_criteria_is_refused(operator: Client) -> None:
    assert operator.put("Patient", patient(value())).status_code == 400
    assert operator.delete("Patient").status_code == 400
    assert operator.delete("Patient?_format=json").status_code == 400
    assert operator.post("Patient", patient(value()), If_None_Exist="").status_code == 400


def test_unknown_criteria_are_refused_never_ignored(operator: Client) -> None:
    assert operator.delete("Patient?nonsense=1").status_code == 400


def test_a_conditional_update_creates_then_updates(operator: Client) -> None:
    name = value()
    first = operator.put(f"Patient?{criteria(name)}", patient(name))
    second = operator.put(f"Patient?{criteria(name)}", patient(name, active=True))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["ETag"] == 'W/"2"'


def test_a_conditional_update_with_an_id_takes_it_when_nothing_matches_and_it_is_free(operator: Client) -> None:
    name, identity = value(), f"t-{value()}"
    assert operator.put(f"Patient?{criteria(name)}", patient(name, id=identity)).status_code == 201
    assert operator.get(f"Patient/{identity}").status_code == 200
    taken = operator.put(f"Patient?{criteria(value())}", patient(value(), id=identity))
    assert taken.status_code == 409


def test_a_conditional_update_whose_body_names_another_id_than_the_match_is_refused(operator: Client) -> None:
    name = value()
    operator.post("Patient", patient(name))
    answer = operator.put(f"Patient?{criteria(name)}", patient(name, id="other"))
    assert answer.status_code == 400
    assert issue(answer)["expression"] == ["Patient.id"]


def test_a_conditional_delete_deletes_the_one_match_and_nothing_when_there_is_none(operator: Client) -> None:
    name = value()
    identity = operator.post("Patient", patient(name)).json()["id"]
    assert operator.delete(f"Patient?{criteria(name)}").status_code == 204
    assert operator.get(f"Patient/{identity}").status_code == 410
    assert operator.delete(f"Patient?{criteria(name)}").status_code == 204


def test_conditional_entries_of_a_transaction_are_decided_on_its_own_view(operator: Client) -> None:
    known, fresh, doomed = value(), value(), value()
    there = operator.post("Patient", patient(known)).json()["id"]
    operator.post("Patient", patient(doomed))
    who = urn()
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("POST", "Patient", patient(known), ifNoneExist=criteria(known), fullUrl=who),
            entry("PUT", f"Patient?{criteria(fresh)}", patient(fresh)),
            entry("DELETE", f"Patient?{criteria(doomed)}"),
            entry("POST", "Observation", observation(subject={"reference": who})),
        ),
    )
    assert statuses(answer) == ["200", "201", "204", "201"]
    assert answer.json()["entry"][3]["resource"]["subject"]["reference"] == f"Patient/{there}"


def test_a_conditional_reference_is_resolved_in_the_store_or_in_the_transaction(operator: Client) -> None:
    stored, brought = value(), value()
    there = operator.post("Patient", patient(stored)).json()["id"]
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{criteria(stored)}"})),
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{criteria(brought)}"})),
            entry("POST", "Patient", patient(brought)),
        ),
    )
    assert answer.status_code == 200, answer.text
    first, second, third = (item["resource"] for item in answer.json()["entry"])
    assert first["subject"]["reference"] == f"Patient/{there}"
    assert second["subject"]["reference"] == f"Patient/{third['id']}"


def test_a_conditional_reference_that_nothing_answers_refuses_the_transaction(operator: Client) -> None:
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("POST", "Patient", patient(value())),
            entry("POST", "Observation", observation(subject={"reference": f"Patient?{criteria(value())}"})),
        ),
    )
    assert answer.status_code == 412
    assert issue(answer)["expression"] == ["Bundle.entry[1].resource.subject.reference"]


def refer(reference: str, **more: Any) -> dict[str, Any]:
    return observation(subject={"reference": reference}, **more)


def test_a_conditional_reference_is_resolved_in_what_comes_alone_and_in_a_batch(operator: Client) -> None:
    name, body = value(), b'{"subject":{"reference":"Patient?%s"}}'
    there = f"Patient/{operator.post('Patient', patient(name)).json()['id']}"
    by_criteria = f"Patient?{criteria(name)}"
    created = operator.post("Observation", refer(by_criteria)).json()
    updated = operator.put(f"Observation/{created['id']}", refer(by_criteria, id=created["id"], status="amended"))
    patched = operator.patch(
        f"Observation/{created['id']}", body % criteria(name).encode(), Content_Type="application/merge-patch+json"
    )
    selected = operator.put(f"Observation?_id={created['id']}", refer(by_criteria, status="corrected"))
    once = operator.post("Observation", refer(by_criteria), If_None_Exist=criteria(value()))
    batch = operator.post("", bundle("batch", entry("POST", "Observation", refer(by_criteria)))).json()
    answers = [created, *(each.json() for each in (updated, patched, selected, once)), batch["entry"][0]["resource"]]
    assert [each["subject"]["reference"] for each in answers] == [there] * 6


@pytest.mark.parametrize("way", ["create", "update", "batch"])
def test_a_conditional_reference_that_selects_none_or_several_is_refused_outside_of_transactions_too(
    operator: Client, way: str
) -> None:
    double = value()
    for _ in range(2):
        operator.post("Patient", patient(double))
    for name, code in ((value(), "not-found"), (double, "multiple-matches")):
        marked = value()
        sent = refer(f"Patient?{criteria(name)}", identifier=[{"system": SYSTEM, "value": marked}])
        status, found = _sent(operator, way, sent)
        assert status == 412
        assert found["code"] == code
        assert found["expression"] == ["Observation.subject.reference"]
        assert operator.get(f"Observation?{criteria(marked)}").json()["total"] == 0


@pytest.mark.parametrize("way", ["create", "update", "batch"])
def test_a_urn_that_no_transaction_brings_is_refused_where_it_is_a_reference(operator: Client, way: str) -> None:
    for reference in (urn(), "urn:oid:1.2.3"):
        status, found = _sent(operator, way, refer(reference))
        assert status == 422
        assert found["expression"] == ["Observation.subject.reference"]


def test_a_bundle_stored_as_a_resource_keeps_the_references_that_its_entries_answer(operator: Client) -> None:
    person = urn()
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": person, "resource": {"resourceType": "Patient", "active": True}},
            {"fullUrl": urn(), "resource": refer(person)},
        ],
    }
    stored = operator.post("Bundle", document)
    assert stored.status_code == 201, stored.text
    assert stored.json()["entry"] == document["entry"]


def _sent(operator: Client, way: str, resource: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    if way == "batch":
        response = operator.post("", bundle("batch", entry("POST", "Observation", resource))).json()["entry"][0]
        return int(response["response"]["status"][:3]), response["response"]["outcome"]["issue"][0]
    identity = value()
    answer = (
        operator.post("Observation", resource)
        if way == "create"
        else operator.put(f"Observation/{identity}", {**resource, "id": identity})
    )
    return answer.status_code, issue(answer)


def test_what_others_refer_to_is_not_deleted_unless_a_transaction_deletes_both(operator: Client) -> None:
    person = operator.post("Patient", patient(value())).json()["id"]
    what = operator.post("Observation", observation(subject={"reference": f"Patient/{person}"})).json()["id"]
    refused = operator.delete(f"Patient/{person}")
    assert refused.status_code == 409
    assert f"Observation/{what}" in issue(refused)["details"]["text"]
    both = bundle("transaction", entry("DELETE", f"Patient/{person}"), entry("DELETE", f"Observation/{what}"))
    assert statuses(operator.post("", both)) == ["204", "204"]


def test_a_conditional_reference_without_criteria_is_refused(operator: Client) -> None:
    for reference in ("Patient?", "Patient?_count=1"):
        assert operator.post("Observation", refer(reference)).status_code == 400
        answer = operator.post("", bundle("transaction", entry("POST", "Observation", refer(reference))))
        assert (answer.status_code, issue(answer)["expression"][0][:15]) == (400, "Bundle.entry[0]")


def test_criteria_may_begin_with_their_question_mark(operator: Client) -> None:
    name = value()
    answers = [operator.post("Patient", patient(name), If_None_Exist=f"?{criteria(name)}") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]


def test_criteria_beside_an_id_are_refused_since_the_write_would_pass_them_over(operator: Client) -> None:
    path = f"Patient/{operator.post('Patient', {'resourceType': 'Patient'}).json()['id']}"
    changed = {"resourceType": "Patient", "id": path.split("/")[1], "active": True}
    query = "?_lastUpdated=lt2020"
    refused = [
        operator.put(path + query, changed),
        operator.patch(path + query, {"active": True}, Content_Type="application/merge-patch+json"),
        operator.delete(path + query),
        operator.post("", bundle("transaction", entry("DELETE", path + query))),
    ]
    assert [answer.status_code for answer in refused] == [400] * len(refused)
    batch = operator.post("", bundle("batch", entry("DELETE", path + query))).json()
    assert batch["entry"][0]["response"]["status"].startswith("400")
    assert operator.get(path).json()["meta"]["versionId"] == "1"
    assert operator.put(f"{path}?_format=json&_pretty=true", changed).status_code == 200
