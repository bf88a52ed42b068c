"""Nobody sees what is not his to see: reader, label, access path, over HTTP (PSDm4DMP, visibility and access)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fhirserver.demo import people
from tests.http.dmp.seen import EVERYTHING, LABELS, NOTHING, SEES, Fed

READERS = pytest.mark.parametrize("reader", SEES)


def _instance_paths(fed: Fed, name: str) -> Iterator[str]:
    for kind, ids in (("DocumentReference", fed.documents), ("Binary", fed.contents), ("List", fed.lists)):
        yield f"{kind}/{ids[name]}"
        yield f"{kind}/{ids[name]}/_history/1"
        yield f"{kind}/{ids[name]}/_history"
    yield f"DocumentReference/{fed.documents[name]}/_history/2"
    yield f"DocumentReference/{fed.documents[name]}/$meta"


@READERS
def test_a_document_its_content_and_its_set_are_read_by_whom_they_may_concern(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    for name in LABELS:
        for path in _instance_paths(fed, name):
            if path.endswith("/_history/2") and name != "DELETED":
                continue
            expected = 200 if name in SEES[reader] else 404
            answer = client.get(path)
            assert answer.status_code == expected, (reader, name, path, answer.text[:300])
        raw = client.get(f"Binary/{fed.contents[name]}", Accept="application/pdf")
        assert raw.status_code == (200 if name in SEES[reader] else 404)
        assert raw.content.startswith(b"%PDF") is (name in SEES[reader])
        not_changed = client.get(f"DocumentReference/{fed.documents[name]}", If_None_Match='W/"1", W/"2"')
        assert not_changed.status_code == (304 if name in SEES[reader] else 404)


@READERS
def test_what_is_hidden_answers_as_what_is_not_there(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    absent = client.get("DocumentReference/nothing-here").json()["issue"][0]
    for name in EVERYTHING - SEES[reader]:
        hidden = client.get(f"DocumentReference/{fed.documents[name]}").json()["issue"][0]
        text = hidden["details"]["text"].replace(fed.documents[name], "nothing-here")
        assert (hidden["code"], text) == (absent["code"], absent["details"]["text"])


@READERS
def test_a_batch_of_gets_shows_no_more_than_the_gets_do(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    urls = [
        (name, f"{kind}/{ids[name]}")
        for kind, ids in (("DocumentReference", fed.documents), ("Binary", fed.contents), ("List", fed.lists))
        for name in LABELS
    ]
    for bundle_type in ("batch", "transaction"):
        entries = [{"request": {"method": "GET", "url": url}} for _, url in urls]
        sent = {"resourceType": "Bundle", "type": bundle_type, "entry": entries}
        if bundle_type == "batch":
            answers = client.post("", sent).json()["entry"]
            for (name, url), answer in zip(urls, answers, strict=True):
                expected = "200" if name in SEES[reader] else "404"
                assert answer["response"]["status"].startswith(expected), (reader, url)
                assert ("resource" in answer) is (name in SEES[reader])
        else:
            for name, url in urls[::3]:
                one = client.post("", {**sent, "entry": [{"request": {"method": "GET", "url": url}}]})
                assert one.status_code == (200 if name in SEES[reader] else 404), (reader, url, one.text[:300])


def _names(fed: Fed, answer: requests.Response) -> set[str]:
    """Return the documents of the record that a Bundle shows: themselves, their contents, the sets that list them."""
    assert answer.status_code == 200, answer.text
    return _of_bundle(fed, answer.json())


def _of_bundle(fed: Fed, bundle: dict[str, Any]) -> set[str]:
    found = set()
    for entry in bundle.get("entry", []):
        resource = entry.get("resource", {})
        if resource.get("resourceType") == "DocumentReference":
            found.add(fed.name(resource["id"]))
        if resource.get("resourceType") == "List":
            found |= {name for name, each in fed.lists.items() if each == resource["id"]}
        if resource.get("resourceType") == "Binary":
            found |= {name for name, each in fed.contents.items() if each == resource["id"]}
        if resource.get("resourceType") == "Bundle":
            found |= _of_bundle(fed, resource)
    return {name for name in found if name is not None}


def _searches(fed: Fed) -> Iterator[str]:
    patient = fed.record.reference
    statuses = "status=current,superseded,entered-in-error"
    yield f"DocumentReference?{fed.record.query}&{statuses}&_count=100"
    yield f"DocumentReference?patient={patient}&_count=100"
    yield f"DocumentReference?subject={patient}&_sort=-date&_count=100"
    yield f"DocumentReference?_id={','.join(fed.documents.values())}&_count=100"
    yield f"DocumentReference?identifier={','.join(fed.unique_ids.values())}&_count=100"
    yield f"{patient}/DocumentReference?_count=100"
    yield f"{patient}/*?_type=DocumentReference&_count=100"
    yield f"?_type=DocumentReference&patient={patient}&_count=100"
    yield f"List?subject={patient}&_count=100"
    yield f"List?patient.identifier={people.INS_TEST}|{fed.record.ins}&_include=List:item&_count=100"
    yield f"List?_id={','.join(fed.lists.values())}&_include=List:item&_count=100"
    yield f"Patient?_id={patient.partition('/')[2]}&_revinclude=DocumentReference:patient&_revinclude=List:subject"
    yield f"{patient}/$everything?_count=1000"


@READERS
@pytest.mark.wasteful("$everything looks through all that refers to a patient")
def test_every_search_finds_what_its_reader_sees_and_nothing_else(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    for path in _searches(fed):
        if reader == "another patient" and ("$everything" in path or path.startswith("Patient/")):
            assert client.get(path).status_code in (200, 404)
            continue
        answer = client.get(path)
        assert _names(fed, answer) == SEES[reader], (reader, path)
        total = answer.json().get("total")
        if path.startswith("DocumentReference?") and total is not None:
            assert total == len(SEES[reader]), (reader, path)


@READERS
def test_forms_and_batches_of_searches_find_the_same(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    form = client.send(
        "POST",
        "DocumentReference/_search",
        f"patient={fed.record.reference}&_count=100".encode(),
        Content_Type="application/x-www-form-urlencoded",
    )
    assert _names(fed, form) == SEES[reader]
    url = f"DocumentReference?{fed.record.query}&_count=100"
    sent = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}}] * 2}
    answer = client.post("", sent)
    assert _names(fed, answer) == SEES[reader]


@READERS
def test_counts_totals_and_pages_do_not_betray_what_is_hidden(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    path = f"DocumentReference?{fed.record.query}"
    visible = len(SEES[reader])
    assert client.get(f"{path}&_summary=count").json()["total"] == visible
    assert client.get(f"{path}&_total=accurate&_count=1").json()["total"] == visible
    masked = client.get(f"{path}&security-label=MASQUE_PS&_summary=count").json()["total"]
    assert masked == len(SEES[reader] & {"PS"})
    lists = client.get(f"List?subject={fed.record.reference}&_summary=count").json()["total"]
    assert lists == visible
    seen: list[str | None] = []
    page = client.get(f"{path}&_count=2").json()
    while True:
        found = [fed.name(entry["resource"]["id"]) for entry in page.get("entry", [])]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        seen += found
        if not following:
            break
        assert len(found) == 2
        page = client.get(following[0]).json()
    assert sorted(map(str, seen)) == sorted(SEES[reader])


@READERS
@pytest.mark.wasteful("a reverse chain over one label looks at all documents with it")
def test_reverse_chains_do_not_tell_of_hidden_documents(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    if reader == "another patient":
        return
    identity = fed.record.reference.partition("/")[2]
    for name, label in (("PS", "MASQUE_PS"), ("SECRET", "INVISIBLE_REPRESENTANTS_LEGAUX")):
        path = f"Patient?_id={identity}&_has:DocumentReference:patient:security-label={label}"
        found = client.get(path).json()["total"]
        assert found == (1 if name in SEES[reader] else 0), (reader, name)


@READERS
@pytest.mark.wasteful("the history of a type has no narrower index")
def test_the_history_of_a_type_shows_no_more(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    for kind in ("DocumentReference", "Binary", "List"):
        answer = client.get(f"{kind}/_history?_count=1000")
        if reader in ("patient", "representative", "no representative", "another patient"):
            assert answer.status_code == 403
            continue
        assert _names(fed, answer) == SEES[reader], (reader, kind)
        if reader != "operator":
            assert "total" not in answer.json()


@READERS
def test_contents_are_found_by_no_search(fed: Fed, reader: str) -> None:
    answer = fed.readers[reader].get(f"Binary?_id={','.join(fed.contents.values())}&_count=100")
    assert _names(fed, answer) == (EVERYTHING if reader == "operator" else NOTHING)


@READERS
def test_hidden_documents_are_not_told_by_writes(fed: Fed, reader: str) -> None:
    client = fed.readers[reader]
    for name in EVERYTHING - SEES[reader]:
        patch = b'[{"op":"replace","path":"/status","value":"nonsense"}]'
        query = f"DocumentReference?identifier=urn:ietf:rfc:3986|{fed.unique_ids[name]}"
        for path in (f"DocumentReference/{fed.documents[name]}", query):
            refused = client.send("PATCH", path, patch, Content_Type="application/json-patch+json")
            assert refused.status_code in (403, 404), (reader, name, refused.text)
            assert fed.documents[name] not in refused.text or path != query
        again = client.post(
            "DocumentReference",
            {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {}}]},
            If_None_Exist=f"identifier=urn:ietf:rfc:3986|{fed.unique_ids[name]}",
        )
        assert again.status_code in (400, 403, 409, 422), (reader, again.text)
        assert fed.documents[name] not in again.text
