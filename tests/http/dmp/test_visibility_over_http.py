"""Nobody sees what is not his to see: reader, label, access path, over HTTP (PSDm4DMP, visibility and access)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from fhirserver.demo import document, people
from tests.http.conftest import Client, Server
from tests.http.dmp.conftest import Record, act, join, make_record, part, professional, put_content

SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
NOS = "https://mos.esante.gouv.fr/NOS"
MEMBER, TREATING, BLOCKED, NURSE, PHARMACIST = (people.rpps(f"100007{number}000") for number in range(1, 6))
STRANGER = people.rpps("1000079900")
GUARDIAN = people.ins("1700175123001")

LABELS = {
    "N": None,
    "PS": "MASQUE_PS",
    "PATIENT": "INVISIBLE_PATIENT",
    "SECRET": "INVISIBLE_REPRESENTANTS_LEGAUX",
    "SOCIAL": "MASQUE_PSOCIAL",
    "THIRD": "MASQUE_PT",
    "DELETED": None,
    "RESIDENCE": None,
}
"""One document for each; RESIDENCE is a residence certificate, which doctors do not read."""

EVERYTHING = set(LABELS)
NOTHING: set[str] = set()
SEES = {
    "operator": EVERYTHING,
    "author": EVERYTHING,
    "custodian": EVERYTHING,
    "member": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "treating": {"N", "PS", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "emergency": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "regulation": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD"},
    "secret": {"SECRET"},
    "nurse": {"N", "PATIENT", "SECRET", "SOCIAL", "THIRD", "RESIDENCE"},
    "pharmacist": NOTHING,
    "stranger": NOTHING,
    "blocked": NOTHING,
    "blocked in emergency": NOTHING,
    "laboratory": NOTHING,
    "patient": {"N", "PS", "SECRET", "SOCIAL", "THIRD", "RESIDENCE"},
    "representative": {"N", "PS", "SOCIAL", "RESIDENCE"},
    "no representative": NOTHING,
    "another patient": NOTHING,
}
"""Written by hand from the rules."""


@dataclass
class Fed:
    """A record with one document for each label, and the readers."""

    record: Record
    documents: dict[str, str]
    contents: dict[str, str]
    lists: dict[str, str]
    unique_ids: dict[str, str]
    readers: dict[str, Client]

    def name(self, identity: str) -> str | None:
        return next((name for name, each in self.documents.items() if each == identity), None)


@pytest.fixture(scope="module")
def fed(server: Server, as_role: Callable[[str], Client], custodian: str) -> Fed:
    operator, hospital = as_role("operator"), as_role("hospital")
    record = make_record(operator, "2014-05-17")
    documents, contents, lists, unique_ids = {}, {}, {}, {}
    author = Client(server, server.token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001"))
    for name, label in LABELS.items():
        answer = hospital.post("", _submission(record, custodian, name, label))
        assert answer.status_code == 200, answer.text
        places = [entry["response"]["location"].split("/")[-4:-2] for entry in answer.json()["entry"]]
        of_kind = dict(places)
        documents[name], contents[name] = of_kind["DocumentReference"], of_kind["Binary"]
        lists[name] = of_kind["List"]
        unique_ids[name] = author.get(f"DocumentReference/{documents[name]}").json()["masterIdentifier"]["value"]
    removed = author.send(
        "PATCH",
        f"DocumentReference/{documents['DELETED']}",
        b'[{"op":"replace","path":"/status","value":"entered-in-error"}]',
        Content_Type="application/json-patch+json",
    )
    assert removed.status_code == 200, removed.text
    readers = dict(_readers(server, record, as_role))
    join(readers["member"], record, MEMBER)
    join(readers["nurse"], record, NURSE)
    join(readers["pharmacist"], record, PHARMACIST)
    join(readers["blocked"], record, BLOCKED)
    for name, parameters in (
        ("block", {"who": professional(BLOCKED)}),
        ("treat", {"who": professional(TREATING)}),
        ("represent", {"who": ("valueIdentifier", {"system": people.INS_TEST, "value": GUARDIAN})}),
    ):
        assert act(operator, record, name, **parameters).status_code == 200
    return Fed(record, documents, contents, lists, unique_ids, readers)


def _submission(record: Record, custodian: str, name: str, label: str | None) -> dict[str, Any]:
    bundle = document.bundle(people.DOCTOR_RPPS, record.reference, custodian, datetime.now(UTC))
    sent = part(bundle, "DocumentReference")
    sent["contained"][1]["identifier"][0]["value"] = record.ins
    sent["contained"][1]["birthDate"] = record.patient["birthDate"]
    if label is not None:
        sent["securityLabel"] = [{"coding": [{"system": SYSTEM, "code": label}]}]
    if name == "RESIDENCE":
        types = f"{NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
        sent["type"] = {"coding": [{"system": types, "code": "ATTEST-RESID", "display": "Attestation de résidence"}]}
        classes = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
        sent["category"] = [{"coding": [{"system": classes, "code": "52", "display": "Certificat, déclaration"}]}]
    put_content(bundle, document.pdf(datetime.now(UTC)) + f"\n% {uuid.uuid4()}".encode())
    return bundle


def _readers(server: Server, record: Record, as_role: Callable[[str], Client]) -> Iterator[tuple[str, Client]]:
    def token(persona: str, **claims: Any) -> Client:
        return Client(server, server.token(persona, **claims))

    def doctor(rpps: str, **claims: Any) -> Client:
        return token("doctor", rpps=rpps, structure="1750000019", **claims)

    own = {"system": people.INS_TEST, "value": record.ins}
    yield "operator", as_role("operator")
    yield "author", token("doctor", rpps=people.DOCTOR_RPPS, structure="1750000001")
    yield "custodian", as_role("hospital")
    yield "member", doctor(MEMBER)
    yield "treating", doctor(TREATING)
    yield "emergency", doctor(STRANGER, dmp_mode="emergency")
    yield "regulation", doctor(STRANGER, Acces_Regulation_Medicale="true")
    yield "secret", doctor(MEMBER, dmp_mode="normal", secret_connection=True)
    yield "nurse", token("nurse", rpps=NURSE)
    yield "pharmacist", token("pharmacist", rpps=PHARMACIST)
    yield "stranger", doctor(STRANGER)
    yield "blocked", doctor(BLOCKED)
    yield "blocked in emergency", doctor(BLOCKED, purpose="BTG")
    yield "laboratory", as_role("laboratory")
    yield "patient", token("patient", ins=own, scope="patient/*.cruds")
    yield "representative", token("patient", ins=own, representative=GUARDIAN, scope="patient/*.cruds")
    yield "no representative", token("patient", ins=own, representative="170017512300159")
    yield "another patient", token("patient", ins={**own, "value": people.ins("2840588999999")})


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
