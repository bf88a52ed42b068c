"""TD2.1 (replace a document): by a Bundle with a PATCH entry; the other relations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.demo import people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, faults, ids, join, part

Submit = Callable[..., dict[str, Any]]
SUPERSEDE = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "replace"},
                {"name": "path", "valueString": "DocumentReference.status"},
                {"name": "value", "valueCode": "superseded"},
            ],
        }
    ],
}


def replacing(bundle: dict[str, Any], old: str, url: str | None = None) -> dict[str, Any]:
    """Have a submission replace a document: the relation, and the PATCH of the old one."""
    part(bundle, "DocumentReference")["relatesTo"] = [
        {"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}
    ]
    bundle["entry"].append(
        {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}",
            "resource": SUPERSEDE,
            "request": {"method": "PATCH", "url": url or f"DocumentReference/{old}"},
        }
    )
    return bundle


def test_td2_1_the_new_document_supersedes_the_old_in_one_commit(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    answer = hospital.post("", replacing(submit(record), old))
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "201", "201", "200"]
    current = doctor.get(f"DocumentReference?{record.query}&status=current").json()["entry"]
    assert [entry["resource"]["relatesTo"][0]["target"]["reference"] for entry in current] == [
        f"DocumentReference/{old}"
    ]
    before = doctor.get(f"DocumentReference?{record.query}&status=superseded").json()["entry"]
    assert [(entry["resource"]["id"], entry["resource"]["meta"]["versionId"]) for entry in before] == [(old, "2")]


def test_td2_1_the_patch_may_name_the_old_document_by_its_unique_id(
    hospital: Client, record: Record, submit: Submit
) -> None:
    first = submit(record)
    old = ids(hospital.post("", first))["DocumentReference"]
    master = part(first, "DocumentReference")["masterIdentifier"]
    url = f"DocumentReference?identifier={master['system']}|{master['value']}"
    assert hospital.post("", replacing(submit(record), old, url)).status_code == 200


def test_td2_1_a_retry_of_a_replacement_gets_the_first_answer(hospital: Client, record: Record, submit: Submit) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    bundle = replacing(submit(record), old)
    first = hospital.post("", bundle)
    again = hospital.post("", bundle)
    assert (again.status_code, again.json()) == (200, first.json())


def test_td2_1_relation_and_patch_go_together(hospital: Client, record: Record, submit: Submit) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    alone = replacing(submit(record), old)
    del part(alone, "DocumentReference")["relatesTo"]
    assert "Bundle.entry[3]" in faults(hospital.post("", alone))
    without = replacing(submit(record), old)
    without["entry"].pop()
    answer = hospital.post("", without)
    assert answer.status_code == 400
    assert f"PATCH DocumentReference/{old}" in faults(answer)["Bundle.entry[1].resource.relatesTo[0]"]


def test_td2_1_what_is_replaced_must_be_current_and_of_the_same_patient(
    hospital: Client, record: Record, new_record: Callable[[], Record], submit: Submit
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    assert hospital.post("", replacing(submit(record), old)).status_code == 200
    late = hospital.post("", replacing(submit(record), old))
    foreign = hospital.post("", replacing(submit(new_record()), old))
    for answer in (late, foreign):
        assert answer.status_code == 400
        assert "Bundle.entry[1].resource.relatesTo[0].target" in faults(answer)


def test_td2_1_only_the_author_and_his_structure_may_replace(
    hospital: Client, doctor: Client, server: Server, record: Record, submit: Submit
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    stranger = Client(server, server.token("doctor", rpps="10000421353", structure="1750000001"))
    unknown = stranger.post("", replacing(submit(record), old))
    assert unknown.status_code == 400, unknown.text
    join(stranger, record, "10000421353")
    refused = stranger.post("", replacing(submit(record), old))
    assert refused.status_code == 403, refused.text
    assert doctor.get(f"DocumentReference/{old}").json()["status"] == "current"
    author = Client(server, server.token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001"))
    answer = author.post("", replacing(submit(record), old))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("code", ["appends", "transforms", "signs"])
def test_td2_other_relations_leave_their_target_current(
    hospital: Client, record: Record, submit: Submit, code: str
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    bundle = submit(record)
    part(bundle, "DocumentReference")["relatesTo"] = [
        {"code": code, "target": {"reference": f"DocumentReference/{old}"}}
    ]
    assert hospital.post("", bundle).status_code == 200
    assert hospital.get(f"DocumentReference/{old}").json()["status"] == "current"
    found = hospital.get(f"DocumentReference?relatesto=DocumentReference/{old}&{record.query}").json()
    assert len(found["entry"]) == 1


def test_td2_documents_that_relate_in_a_circle_are_refused(hospital: Client, record: Record, submit: Submit) -> None:
    bundle, other = submit(record), submit(record)
    bundle["entry"] += other["entry"][1:]
    first, second = bundle["entry"][1], bundle["entry"][3]
    bundle["entry"][0]["resource"]["entry"].append({"item": {"reference": second["fullUrl"]}})
    for one, target in ((first, second), (second, first)):
        one["resource"]["relatesTo"] = [{"code": "appends", "target": {"reference": target["fullUrl"]}}]
    answer = hospital.post("", bundle)
    assert answer.status_code == 400
    found = faults(answer)
    assert "Bundle.entry[1].resource.relatesTo" in found
    assert "Bundle.entry[3].resource.relatesTo" in found
