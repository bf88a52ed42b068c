"""ITI-105 (simplified publish): one DocumentReference with its content inside; its submission set is the server's."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import Any

import pytest

from fhirserver.dmp.names import SIMPLIFIED_PUBLISH
from tests.http.conftest import Client
from tests.http.dmp.conftest import PDF, Record, faults, ids, part, sha1

Submit = Callable[..., dict[str, Any]]


@pytest.fixture
def publication(submit: Submit) -> Callable[[Record], dict[str, Any]]:
    """Build documents that carry their content."""

    def build(record: Record) -> dict[str, Any]:
        bundle = submit(record)
        document: dict[str, Any] = part(bundle, "DocumentReference")
        document["meta"]["profile"] = [SIMPLIFIED_PUBLISH]
        attachment = document["content"][0]["attachment"]
        for element in ("url", "size", "hash"):
            del attachment[element]
        attachment["data"] = part(bundle, "Binary")["data"]
        return document

    return build


Publication = Callable[[Record], dict[str, Any]]


def test_iti_105_the_content_becomes_a_binary_and_url_hash_and_size_are_set(
    hospital: Client, doctor: Client, record: Record, publication: Publication
) -> None:
    sent = publication(record)
    content = base64.b64decode(sent["content"][0]["attachment"]["data"])
    created = hospital.post("DocumentReference", sent)
    assert created.status_code == 201, created.text
    stored = doctor.get(f"DocumentReference/{created.json()['id']}").json()
    attachment = stored["content"][0]["attachment"]
    assert "data" not in attachment
    assert (attachment["size"], attachment["hash"]) == (len(content), sha1(content))
    assert attachment["url"].startswith("Binary/")
    assert doctor.get(attachment["url"], Accept="application/pdf").content == content
    assert SIMPLIFIED_PUBLISH not in stored["meta"]["profile"]


def test_iti_105_makes_the_submission_set_by_which_the_document_is_found(
    as_role: Callable[[str], Client], hospital: Client, record: Record, publication: Publication
) -> None:
    sent = publication(record)
    created = hospital.post("DocumentReference", sent)
    assert created.status_code == 201, created.text
    found = hospital.get(f"List?{record.query}&code=submissionset&status=current").json()
    assert found["total"] == 1
    made = found["entry"][0]["resource"]
    assert made["entry"] == [{"item": {"reference": f"DocumentReference/{created.json()['id']}"}}]
    assert made["source"] == sent["author"][0]
    assert made["title"] == sent["description"]
    checked = as_role("operator").post("List/$validate", made)
    assert [issue for issue in checked.json()["issue"] if issue["severity"] in ("error", "fatal")] == []
    hospital.post("DocumentReference", sent)
    assert hospital.get(f"List?{record.query}&code=submissionset").json()["total"] == 1
    again = hospital.post("DocumentReference", publication(record))
    assert again.status_code == 201
    sets = [entry["resource"] for entry in hospital.get(f"List?{record.query}").json()["entry"]]
    sources = {each["extension"][0]["valueIdentifier"]["value"] for each in sets}
    assert len(sets) == 2
    assert len(sources) == 1


def test_iti_105_replaces_supersedes_the_old_document_by_itself(
    hospital: Client, record: Record, publication: Publication, submit: Submit
) -> None:
    old = ids(hospital.post("", submit(record)))["DocumentReference"]
    new = publication(record)
    new["relatesTo"] = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old}"}}]
    created = hospital.post("DocumentReference", new)
    assert created.status_code == 201, created.text
    assert hospital.get(f"DocumentReference/{old}").json()["status"] == "superseded"
    assert hospital.get(f"DocumentReference/{old}/_history/1").json()["status"] == "current"


def test_iti_105_a_retry_gets_the_first_answer_and_other_content_is_refused(
    hospital: Client, record: Record, publication: Publication
) -> None:
    sent = publication(record)
    first = hospital.post("DocumentReference", sent)
    again = hospital.post("DocumentReference", sent)
    assert (again.status_code, again.json(), again.headers["Location"]) == (
        201,
        first.json(),
        first.headers["Location"],
    )
    other = copy.deepcopy(sent)
    other["content"][0]["attachment"]["data"] = base64.b64encode(PDF + b"\n% other").decode()
    refused = hospital.post("DocumentReference", other)
    assert refused.status_code == 400
    assert "DocumentReference.masterIdentifier" in faults(refused)


def test_iti_105_every_fault_is_named_at_once(hospital: Client, record: Record, publication: Publication) -> None:
    sent = publication(record)
    sent["content"][0]["attachment"] |= {"data": base64.b64encode(b"not a PDF").decode(), "hash": "AAAA"}
    sent["contained"][1]["gender"] = "male"
    sent["masterIdentifier"]["value"] = "urn:oid:x"
    answer = hospital.post("DocumentReference", sent)
    assert answer.status_code == 400
    found = faults(answer)
    for where in (
        "DocumentReference.content[0].attachment.hash",
        "DocumentReference.content[0].attachment.contentType",
        "DocumentReference.contained[1].gender",
        "DocumentReference.masterIdentifier.value",
    ):
        assert where in found, found


def test_iti_105_contents_that_are_no_objects_are_refused_at_their_place(
    hospital: Client, record: Record, publication: Publication
) -> None:
    for more in ("x", {"attachment": "x"}, {"attachment": ["x"]}):
        sent = publication(record)
        sent["content"].append(more)
        refused = hospital.post("DocumentReference", sent)
        assert refused.status_code in (400, 422), refused.text
        assert any(where.startswith("DocumentReference.content[1]") for where in faults(refused)), refused.text


def test_iti_105_is_not_taken_from_an_operator_who_stores_plain_fhir(
    operator: Client, record: Record, publication: Publication
) -> None:
    sent = publication(record)
    del sent["meta"]
    created = operator.post("DocumentReference", sent)
    assert created.status_code == 201, created.text
    assert "data" in operator.get(f"DocumentReference/{created.json()['id']}").json()["content"][0]["attachment"]
